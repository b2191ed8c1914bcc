//! The whole way of one person: unknown, registered, known.

use harness::on_both;

use crate::scene::{Scene, filled, login_query, problem, redeemed, registration};

#[actix_web::test]
async fn a_newcomer_registers_and_is_known_from_then_on() {
    on_both(async |database| {
        let scene = Scene::on(database).await;
        let aw = scene.passport.add_app("aw").await;
        let query = login_query(&aw);
        let mut browser = scene.browser();
        let answer = scene.log_in(&mut browser, &query, &scene.provider.at("id/alice")).await;

        // Filled in from what the provider says, and without a password.
        let form = registration(&mut browser, &answer).await;
        let page = browser.get(answer.location()).await;
        assert!(page.text().contains(&scene.provider.at("id/alice")), "{}", page.text());
        assert_eq!(filled(&page, "username"), "alice");
        assert_eq!(filled(&page, "nickname"), "Alice Example");
        assert_eq!(filled(&page, "email"), "alice@example.com");
        assert!(!page.body.contains("type=\"password\""));
        assert_eq!(scene.passport.count("SELECT COUNT(*) FROM users").await, 0, "not yet");

        // On to where they were going.
        let form = form
            .with("username", "alice")
            .with("nickname", "Alice Example")
            .with("email", "alice@example.com");
        let entered = browser.submit(&form).await;
        assert_eq!(entered.status, 303, "{}", entered.text());
        let first = redeemed(&aw, &entered).await;
        assert_eq!(first.user.username, "alice");
        assert_eq!(first.user.nickname.as_deref(), Some("Alice Example"));
        assert!(!first.user.email_verified);
        assert_eq!(first.amr, ["openid"]);

        // Once is enough.
        assert_eq!(browser.submit(&form).await.status, 410);

        // Elsewhere, later: known.
        let mut other = scene.browser();
        let answer = scene.log_in(&mut other, &query, &scene.provider.at("id/alice")).await;
        let again = redeemed(&aw, &answer).await;
        assert_eq!(again.user.id, first.user.id);
        let answer = scene.log_in(&mut scene.browser(), "", &scene.provider.at("id/alice")).await;
        assert_eq!(answer.location(), "/account");
        assert_eq!(scene.passport.count("SELECT COUNT(*) FROM users").await, 1);
        assert!(scene.passport.audited("user.added").await.detail.contains("\"by\":\"user\""));

        // They have no password, and nobody gets in by trying.
        assert_eq!(scene.browser().try_password("alice", "").await, 400);
        assert_eq!(scene.browser().try_password("alice", "password1").await, 401);
    })
    .await;
}

// SECURITY-CASES: a mail address is nobody's key, whoever says it.
#[actix_web::test]
async fn nobody_is_matched_by_mail_address() {
    on_both(async |database| {
        let scene = Scene::on(database).await;
        scene.provider.tell(&[("user", "member")]).await;
        // The provider says that this is member@example.net; here is a member of that address.
        let member = scene.add_user("member").await;
        let mut browser = scene.browser();
        let answer = scene.log_in(&mut browser, "", &scene.provider.base).await;
        let form = registration(&mut browser, &answer).await;
        let form = form.with("nickname", "").with("email", "member@example.org");
        assert_eq!(browser.submit(&form.clone().with("username", "member")).await.status, 409);
        let answer = browser.submit(&form.with("username", "newcomer")).await;
        assert_eq!(answer.location(), "/account");
        assert_eq!(scene.passport.count("SELECT COUNT(*) FROM users").await, 2);
        // The address still leads to whose it is, and to nobody else.
        let mut member_browser = scene.browser();
        assert_eq!(member_browser.try_password("member@example.org", harness::PASSWORD).await, 303);
        let owner = scene.passport.text("SELECT user_id FROM identities").await;
        assert_ne!(owner, member);
    })
    .await;
}

// SECURITY-CASES A-19: two first logins of one identity make one account.
#[actix_web::test]
async fn one_identity_makes_one_account() {
    on_both(async |database| {
        let scene = Scene::on(database).await;
        let mut forms = Vec::new();
        for name in ["one", "two"] {
            let mut browser = scene.browser();
            let answer = scene.log_in(&mut browser, "", &scene.provider.at("id/alice")).await;
            let form = registration(&mut browser, &answer).await;
            let form = form.with("username", name).with("nickname", "").with("email", "");
            forms.push((browser, form));
        }
        let (mut one, mut two) = (forms.remove(0), forms.remove(0));
        let (one, two) = tokio::join!(one.0.submit(&one.1), two.0.submit(&two.1));
        let mut statuses = [one.status.as_u16(), two.status.as_u16()];
        statuses.sort();
        assert_eq!(statuses, [303, 410]);
        assert_eq!(scene.passport.count("SELECT COUNT(*) FROM users").await, 1);
        assert_eq!(scene.passport.count("SELECT COUNT(*) FROM sessions").await, 1);
    })
    .await;
}

#[actix_web::test]
async fn who_cannot_be_found_hears_one_sentence() {
    let scene = Scene::on(harness::Database::Sqlite).await;
    let mut browser = scene.browser();
    for (typed, word) in [
        (scene.provider.at("nothing/here"), "openid-not-found"),
        ("http://127.0.0.1:1/".to_owned(), "openid-not-found"),
        ("alice@example.com".to_owned(), "openid-malformed"),
        ("ftp://alice.example/".to_owned(), "openid-malformed"),
        ("=alice".to_owned(), "openid-not-found"),
    ] {
        let answer = scene.leave(&mut browser, "", &typed).await;
        assert_eq!(problem(&answer), word, "{typed}");
        let page = browser.get(answer.location()).await;
        assert_eq!(page.status, 200);
        assert_eq!(filled(&page, "openid_identifier"), typed, "nothing typed is lost");
    }
    scene.nothing_changed().await;
}
