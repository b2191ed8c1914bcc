//! Ways into one's account: added, shown, removed.

use client_sdk::wire::Cause;
use harness::{Browser, MINUTE, on_both};

use crate::scene::{Scene, go_on, problem};

const PATH: &str = "/account/identities";

/// Adds an OpenID to the account that is signed in.
async fn add(scene: &Scene, browser: &mut Browser, identifier: &str) -> harness::Answer {
    let page = browser.get(PATH).await;
    let form = page.form("/account/identities/add").with("openid_identifier", identifier);
    let answer = browser.submit(&form).await;
    let left = go_on(browser, answer).await;
    scene.come_back(browser, &left).await
}

async fn remove(browser: &mut Browser, number: usize) -> harness::Answer {
    let page = browser.get(PATH).await;
    let form = page.forms("/account/identities/remove").into_iter().nth(number).unwrap();
    browser.submit(&form).await
}

#[actix_web::test]
async fn added_used_and_removed() {
    on_both(async |database| {
        let scene = Scene::on(database).await;
        let member = scene.add_user("member").await;
        let mut browser = scene.passport.signed_in("member").await;
        let alice = scene.provider.at("id/alice");
        let answer = add(&scene, &mut browser, &alice).await;
        assert_eq!(answer.location(), "/account/identities?done=added");
        let page = browser.get(answer.location()).await;
        assert!(page.text().contains(&alice), "{}", page.text());

        // It opens the account.
        let mut other = scene.browser();
        let answer = scene.log_in(&mut other, "", &alice).await;
        assert_eq!(answer.location(), "/account");
        let owner = scene.passport.text("SELECT user_id FROM identities").await;
        assert_eq!(owner, member);
        assert_eq!(problem(&add(&scene, &mut browser, &alice).await), "identities-already");

        // Removed, it opens nothing any more, at once.
        let mut waiting = scene.browser();
        let left = scene.leave(&mut waiting, "", &alice).await;
        assert_eq!(remove(&mut browser, 0).await.location(), "/account/identities?done=removed");
        let answer = scene.come_back(&mut waiting, &left).await;
        assert!(answer.location().starts_with("/register/openid"), "{}", answer.location());
        let kinds = ["identity.added", "identity.removed"];
        for kind in kinds {
            assert_eq!(scene.passport.audited(kind).await.user.as_deref(), Some(&*member));
        }
    })
    .await;
}

// SECURITY-CASES A-17: who came in by it may go with it, and nobody else does.
#[actix_web::test]
async fn what_came_in_by_it_goes_with_it() {
    on_both(async |database| {
        for by in ["password", "the identity itself"] {
            let scene = Scene::on(database).await;
            scene.add_user("member").await;
            let aw = scene.passport.add_app("aw").await;
            let mut browser = scene.passport.signed_in("member").await;
            let [alice, bob] = ["id/alice", "id/bob"].map(|who| scene.provider.at(who));
            for identity in [&alice, &bob] {
                add(&scene, &mut browser, identity).await;
                // Listed in this order.
                scene.passport.advance(MINUTE);
            }
            if by != "password" {
                browser = scene.browser();
                scene.log_in(&mut browser, "", &alice).await;
            }
            let mut by_alice = scene.browser();
            scene.log_in(&mut by_alice, "", &alice).await;
            let entered = aw.enter(&mut by_alice).await;
            let mut by_bob = scene.browser();
            scene.log_in(&mut by_bob, "", &bob).await;
            // Came in by it, and has proven the password since: it rests on that.
            let mut renewed = scene.browser();
            scene.log_in(&mut renewed, "", &alice).await;
            let form = renewed.login_form("?back=%2Faccount", "member", harness::PASSWORD).await;
            assert_eq!(renewed.submit(&form).await.location(), "/account");

            let page = browser.get(PATH).await;
            assert_eq!(page.body.matches("name=\"ends\"").count(), 2, "{by}: {}", page.body);
            let cursor = aw.events("0").await.cursor;
            let form = page.forms("/account/identities/remove").remove(0).with("ends", "on");
            let answer = browser.submit(&form).await;
            let done = "/account/identities?done=removed-ended&logout=";
            assert!(answer.location().starts_with(done), "{by}: {}", answer.location());
            let page = browser.get(answer.location()).await;
            assert!(page.text().contains("signed out"), "{}", page.text());

            assert!(!by_alice.is_signed_in().await, "{by}");
            for other in [&mut browser, &mut by_bob, &mut renewed] {
                assert!(other.is_signed_in().await, "{by}");
            }
            let events = aw.events(&cursor).await.events;
            assert_eq!(events.len(), 1, "{by}: {events:?}");
            assert_eq!(events[0].app_session.as_deref(), Some(&*entered.app_session));
            assert_eq!(events[0].cause, Some(Cause::FactorChanged));

            // Not asked for: the other one's goes on.
            let answer = remove(&mut browser, 0).await;
            assert_eq!(answer.location(), "/account/identities?done=removed");
            assert!(by_bob.is_signed_in().await);
            let answer = scene.log_in(&mut scene.browser(), "", &bob).await;
            assert!(answer.location().starts_with("/register/openid"), "{}", answer.location());
        }
    })
    .await;
}

// The page knew of nobody: whoever has come in by it since then goes, too.
#[actix_web::test]
async fn who_came_in_by_it_after_the_page_was_drawn_goes_with_it() {
    on_both(async |database| {
        let scene = Scene::on(database).await;
        scene.add_user("member").await;
        let mut browser = scene.passport.signed_in("member").await;
        let alice = scene.provider.at("id/alice");
        add(&scene, &mut browser, &alice).await;
        let form = browser.get(PATH).await.form("/account/identities/remove");
        let mut late = scene.browser();
        assert_eq!(scene.log_in(&mut late, "", &alice).await.location(), "/account");
        assert!(late.is_signed_in().await);
        let answer = browser.submit(&form).await;
        assert!(answer.location().contains("done=removed-ended"), "{}", answer.location());
        assert!(!late.is_signed_in().await && browser.is_signed_in().await);
    })
    .await;
}

// SECURITY-CASES A-16: also of two removals at once, at two nodes, one is refused.
#[actix_web::test]
async fn the_last_way_in_stays() {
    on_both(async |database| {
        let scene = Scene::on(database).await;
        let node = scene.passport.second_node().await;
        let mut browser = scene.browser();
        scene.register(&mut browser, &scene.provider.at("id/alice"), "alice").await;
        assert_eq!(problem(&remove(&mut browser, 0).await), "identities-last");
        add(&scene, &mut browser, &scene.provider.at("id/bob")).await;
        assert_eq!(scene.passport.count("SELECT COUNT(*) FROM identities").await, 2);
        let forms = browser.get(PATH).await.forms("/account/identities/remove");
        let (mut here, mut there) = (browser.clone(), browser.clone().at(&node));
        let (one, two) = tokio::join!(here.submit(&forms[0]), there.submit(&forms[1]));
        let mut to = [one.location().to_owned(), two.location().to_owned()];
        to.sort();
        assert_eq!(
            to,
            ["/account/identities?done=removed", "/account/identities?problem=identities-last"]
        );
        assert_eq!(scene.passport.count("SELECT COUNT(*) FROM identities").await, 1);
    })
    .await;
}

// SECURITY-CASES
#[actix_web::test]
async fn adding_is_for_whoever_has_just_proven_who_they_are() {
    on_both(async |database| {
        let scene = Scene::on(database).await;
        scene.add_user("member").await;
        scene.add_user("other").await;
        let mut browser = scene.passport.signed_in("member").await;
        let alice = scene.provider.at("id/alice");

        // Begun by one and brought back by another who has signed in meanwhile: nothing.
        let form = browser.get(PATH).await.form("/account/identities/add");
        let answer = browser.submit(&form.with("openid_identifier", &alice)).await;
        let left = go_on(&mut browser, answer).await;
        let mut switched = browser.clone();
        switched.sign_out().await;
        switched.cookies.extend(
            browser
                .cookies
                .iter()
                .filter(|(name, _)| name.ends_with("upstream"))
                .map(|(n, v)| (n.clone(), v.clone())),
        );
        switched.sign_in("other").await;
        assert_eq!(problem(&scene.come_back(&mut switched, &left).await), "openid-void");
        assert_eq!(scene.passport.count("SELECT COUNT(*) FROM identities").await, 0);

        // Half an hour later the password is asked for first, and then it goes on here.
        let mut browser = scene.passport.signed_in("member").await;
        scene.passport.advance(30 * MINUTE);
        let form = browser.get(PATH).await.form("/account/identities/add");
        let answer = browser.submit(&form.with("openid_identifier", &alice)).await;
        assert_eq!(answer.location(), "/login?back=%2Faccount%2Fidentities");
        let page = browser.get(answer.location()).await;
        let form =
            page.form("/login").with("username", "member").with("password", harness::PASSWORD);
        assert_eq!(browser.submit(&form).await.location(), PATH);
        let form = browser.get(PATH).await.form("/account/identities/add");
        let answer = browser.submit(&form.with("openid_identifier", &alice)).await;
        let left = go_on(&mut browser, answer).await;
        assert!(left.location().starts_with(&scene.provider.endpoint()), "{}", left.location());
    })
    .await;
}

#[actix_web::test]
async fn one_identity_opens_one_account() {
    on_both(async |database| {
        let scene = Scene::on(database).await;
        let alice = scene.provider.at("id/alice");
        scene.register(&mut scene.browser(), &alice, "alice").await;
        scene.add_user("member").await;
        let mut browser = scene.passport.signed_in("member").await;
        assert_eq!(problem(&add(&scene, &mut browser, &alice).await), "identities-taken");
        // Deleting an account frees it (SECURITY-CASES A-18).
        let id = scene.passport.text("SELECT user_id FROM identities").await;
        scene.delete_user("alice").await;
        let answer = add(&scene, &mut browser, &alice).await;
        assert_eq!(answer.location(), "/account/identities?done=added");
        assert_ne!(scene.passport.text("SELECT user_id FROM identities").await, id);
    })
    .await;
}

// Disabled is disabled, whatever was proven.
#[actix_web::test]
async fn a_disabled_account_is_not_opened() {
    on_both(async |database| {
        let scene = Scene::on(database).await;
        let alice = scene.provider.at("id/alice");
        scene.register(&mut scene.browser(), &alice, "alice").await;
        let mut browser = scene.browser();
        let left = scene.leave(&mut browser, "", &alice).await;
        sso_server::flows::users::disable(&scene.passport.app, "alice", true).await.unwrap();
        assert_eq!(problem(&scene.come_back(&mut browser, &left).await), "openid-account");
        sso_server::flows::users::enable(&scene.passport.app, "alice").await.unwrap();
        let answer = scene.log_in(&mut browser, "", &alice).await;
        assert_eq!(answer.location(), "/account");
    })
    .await;
}

// SECURITY-CASES O-11, A-06, 11.5.1: a later owner of a name is another person.
#[actix_web::test]
async fn the_fragment_is_part_of_who_it_is() {
    let scene = Scene::on(harness::Database::Sqlite).await;
    scene.provider.tell(&[("frag", "#gen1")]).await;
    scene.register(&mut scene.browser(), &scene.provider.base, "alice").await;
    let answer = scene.log_in(&mut scene.browser(), "", &scene.provider.base).await;
    assert_eq!(answer.location(), "/account");
    for other in ["#gen2", ""] {
        scene.provider.tell(&[("frag", other)]).await;
        let answer = scene.log_in(&mut scene.browser(), "", &scene.provider.base).await;
        assert!(answer.location().starts_with("/register/openid"), "{other}");
    }
}
