//! What the browser holds, and what other sites cannot do with it.

use harness::{Database, on_both};
use sso_server::{
    domain::session_caps::OnExcess,
    flows::restore::{self, Restore},
};

use crate::scene::{Scene, filled, go_on, problem};

// CVE-2007-1652, SECURITY-CASES L-19: no other site sends anybody away.
#[actix_web::test]
async fn no_other_site_begins_a_login() {
    let scene = Scene::on(Database::Sqlite).await;
    let mut browser = scene.browser();
    let alice = scene.provider.at("id/alice");
    let query = format!(
        "?openid_identifier={}",
        harness::browser::encode([("", alice.as_str())]).trim_start_matches('=')
    );
    // A link fills the box in, and goes no further. The old name of the field does, too.
    for query in [query.clone(), query.replace("openid_identifier", "openid_url")] {
        let answer = browser.get(&format!("/login/openid{query}")).await;
        assert!(answer.location().starts_with("/login?"), "{}", answer.location());
        assert_eq!(filled(&browser.get(answer.location()).await, "openid_identifier"), alice);
    }
    let answer = browser.get(&format!("/login/openid{query}&go=AAAA")).await;
    assert_eq!(problem(&answer), "openid-stale");
    let posted = browser.post("/login/openid", &[("openid_identifier", &alice)]).await;
    assert_eq!(problem(&posted), "openid-stale");
    // The second step of one browser is no other's, and of one identifier no other's.
    let form = browser.get("/login").await.form("/login/openid");
    let page = browser.submit(&form.with("openid_identifier", &alice)).await;
    let next = page.body.split("0;url=").nth(1).unwrap().split('"').next().unwrap();
    let next = next.replace("&amp;", "&").replace("&#x2F;", "/");
    assert_eq!(problem(&scene.browser().get(&next).await), "openid-stale");
    let other = next.replace("alice", "bob");
    assert_eq!(problem(&browser.get(&other).await), "openid-stale");
    let from_elsewhere = browser.get_with(&next, &[("sec-fetch-site", "cross-site")]).await;
    assert_eq!(problem(&from_elsewhere), "openid-stale");
    assert!(scene.provider.heard().await.is_empty());
    assert!(browser.get(&next).await.location().starts_with(&scene.provider.endpoint()));
    scene.nothing_changed().await;
}

#[actix_web::test]
async fn the_last_one_is_offered_until_sign_out_if_the_person_wants() {
    let scene = Scene::on(Database::Sqlite).await;
    let alice = scene.provider.at("id/alice");
    scene.register(&mut scene.browser(), &alice, "alice").await;
    for wanted in [true, false] {
        let mut browser = scene.browser();
        let mut form =
            browser.get("/login").await.form("/login/openid").with("openid_identifier", &alice);
        if wanted {
            form = form.with("remember", "on");
        }
        let answer = browser.submit(&form).await;
        let left = go_on(&mut browser, answer).await;
        scene.come_back(&mut browser, &left).await;
        let page = browser.get("/login?back=%2Faccount").await;
        assert_eq!(filled(&page, "openid_identifier"), if wanted { &*alice } else { "" });
        browser.sign_out().await;
        assert_eq!(filled(&browser.get("/login").await, "openid_identifier"), "");
    }
}

// SECURITY-CASES L-16, S-12, S-13
#[actix_web::test]
async fn the_session_is_a_new_one_and_logout_ends_what_is_under_way() {
    on_both(async |database| {
        let scene = Scene::on(database).await;
        let alice = scene.provider.at("id/alice");
        scene.register(&mut scene.browser(), &alice, "alice").await;
        scene.add_user("member").await;
        let mut browser = scene.passport.signed_in("member").await;
        let before = browser.cookies["__Host-passport"].clone();
        // Another person in the same browser: nothing of the first one is left.
        let back = "?back=%2Faccount";
        let answer = scene.log_in(&mut browser, back, &alice).await;
        assert_eq!(answer.location(), "/account");
        assert_ne!(browser.cookies["__Host-passport"], before);
        assert!(browser.get("/account").await.text().contains("alice"));
        let live = "SELECT COUNT(*) FROM sessions WHERE ended_at IS NULL";
        assert_eq!(scene.passport.count(live).await, 2, "the registration's, and this one");
        let left = scene.leave(&mut browser, back, &alice).await;
        browser.sign_out().await;
        assert_eq!(problem(&scene.come_back(&mut browser, &left).await), "openid-void");
    })
    .await;
}

// Too late, after a restore, without the cookie: begin anew.
#[actix_web::test]
async fn what_waits_does_not_wait_for_ever() {
    on_both(async |database| {
        let scene = Scene::on(database).await;
        let alice = scene.provider.at("id/alice");
        let mut browser = scene.browser();
        let left = scene.leave(&mut browser, "", &alice).await;
        scene.passport.advance(31 * harness::MINUTE);
        assert_eq!(problem(&scene.come_back(&mut browser, &left).await), "openid-void");
        scene.passport.advance(-31 * harness::MINUTE);

        let left = scene.leave(&mut browser, "", &alice).await;
        let answer = scene.log_in(&mut browser, "", &alice).await;
        let form = browser.get(answer.location()).await.form("/register/openid");
        restore::restore(&scene.passport.app, &Restore::default()).await.unwrap();
        assert_eq!(problem(&scene.come_back(&mut browser, &left).await), "openid-void");
        let form = form.with("username", "alice").with("nickname", "").with("email", "");
        assert_eq!(browser.submit(&form).await.status, 410);
        let stolen = scene.browser().get(answer.location()).await;
        assert_eq!(stolen.status, 410, "the link alone is worth nothing");
    })
    .await;
}

// Limits hold on this way, too.
#[actix_web::test]
async fn limits_of_sessions_hold() {
    for (on_excess, statuses) in [(OnExcess::Deny, 303), (OnExcess::Ask, 200)] {
        let scene = Scene::with(Database::Sqlite, |config| {
            config.session.max_per_user = 1;
            config.session.on_excess = on_excess;
        })
        .await;
        let alice = scene.provider.at("id/alice");
        scene.register(&mut scene.browser(), &alice, "alice").await;
        let mut browser = scene.browser();
        let answer = scene.log_in(&mut browser, "", &alice).await;
        assert_eq!(answer.status, statuses);
        if on_excess == OnExcess::Deny {
            assert_eq!(problem(&answer), "openid-too-many-sessions");
            continue;
        }
        let form = answer.form("/login/choose").with("end", &answer.buttons("end")[0]);
        assert_eq!(browser.submit(&form).await.location(), "/account");
        assert!(browser.is_signed_in().await);
        let live = "SELECT COUNT(*) FROM sessions WHERE ended_at IS NULL";
        assert_eq!(scene.passport.count(live).await, 1);
        let amr = scene.passport.text("SELECT amr FROM sessions WHERE ended_at IS NULL").await;
        assert!(amr.contains("openid"), "{amr}");
    }
}
