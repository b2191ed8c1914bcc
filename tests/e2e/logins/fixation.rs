//! What a browser held before a login is worth nothing after it.

use harness::{Browser, PASSWORD, Passport, on_both};

use crate::scene::{filled_in, live_sessions};

const SESSION: &str = "__Host-passport";

fn with_cookie(passport: &Passport, value: &str) -> Browser {
    let mut browser = passport.browser();
    browser.cookies.insert(SESSION.to_owned(), value.to_owned());
    browser
}

// SECURITY-CASES L-16: no value that was there before is taken over, whoever made it.
#[actix_web::test]
async fn a_planted_cookie_is_not_adopted() {
    on_both(async |database| {
        let passport = Passport::on(database).await;
        passport.add_user("victim").await;
        passport.add_user("crook").await;
        let crooks = passport.signed_in("crook").await.cookies[SESSION].clone();
        let mut left = passport.signed_in("crook").await;
        let over = left.cookies[SESSION].clone();
        left.sign_out().await;
        for planted in ["chosen", &"A".repeat(43), &over, &crooks] {
            let mut browser = with_cookie(&passport, planted);
            let query = if planted == crooks {
                // Whoever is signed in is not shown the form unless an app wants it.
                passport.add_app("aw").await.login_query(&[("prompt", "login")])
            } else {
                String::new()
            };
            let form = browser.login_form(&query, "victim", PASSWORD).await;
            assert_eq!(browser.submit(&form).await.status, 303, "{planted}");
            assert_ne!(browser.cookies[SESSION], planted);
            assert!(browser.get("/account").await.text().contains("victim"));
            assert!(!with_cookie(&passport, planted).is_signed_in().await, "{planted} is dead");
        }
        assert_eq!(passport.audited("session.ended").await.kind, "session.ended");
        assert_eq!(live_sessions(&passport).await, 4, "the victim's; none of the crook's is left");
    })
    .await;
}

// SECURITY-CASES S-05: every proof makes a new cookie, and the one before is dead at once.
#[actix_web::test]
async fn the_old_cookie_is_dead_with_the_new_one() {
    on_both(async |database| {
        let passport = Passport::on(database).await;
        let two = passport.second_node().await;
        passport.add_user("member").await;
        passport.add_user("friend").await;
        let aw = passport.add_app("aw").await;
        let ask = aw.login_query(&[("prompt", "login")]);
        let mut browser = passport.signed_in("member").await;
        for name in ["member", "member", "friend"] {
            let before = browser.cookies[SESSION].clone();
            let mut old = [with_cookie(&passport, &before), with_cookie(&two, &before)];
            for one in &mut old {
                assert!(one.is_signed_in().await, "and every cache is warm");
            }
            let form = browser.login_form(&ask, name, PASSWORD).await;
            assert_eq!(browser.submit(&form).await.status, 303);
            for one in &mut old {
                assert!(!one.is_signed_in().await, "after {name}");
            }
            assert!(browser.is_signed_in().await);
            assert_eq!(live_sessions(&passport).await, 1);
        }
    })
    .await;
}

// SECURITY-CASES L-17: a step begun in one browser cannot be finished in another's.
#[actix_web::test]
async fn a_login_begun_elsewhere_is_not_continued_here() {
    let passport = Passport::start().await;
    passport.add_user("victim").await;
    passport.add_user("crook").await;
    let aw = passport.add_app("aw").await;
    let mut crook = passport.browser();
    let form = crook.login_form(&aw.login_query(&[]), "crook", PASSWORD).await;

    // Neither in the browser of somebody signed in, nor in one that has a form open itself.
    let mut signed_in = passport.signed_in("victim").await;
    let mut at_the_form = passport.browser();
    filled_in(&mut at_the_form, "victim", PASSWORD).await;
    for browser in [&mut signed_in, &mut at_the_form] {
        let answer = browser.submit(&form).await;
        assert_eq!((answer.status.as_u16(), answer.location()), (403, ""));
    }
    assert!(signed_in.get("/account").await.text().contains("victim"));
    assert_eq!(live_sessions(&passport).await, 1);
    aw.redeem(&crook.submit(&form).await.ticket()).await;
}

// SECURITY-CASES L-18: after a login the step before begins anew, and nothing of it is remembered.
#[actix_web::test]
async fn the_back_button_leads_to_a_new_beginning() {
    let passport = Passport::start().await;
    passport.add_user("member").await;
    let (aw, bw) = (passport.add_app("aw").await, passport.add_app("bw").await);
    let mut browser = passport.browser();
    let towards_aw = browser.login_form(&aw.login_query(&[]), "member", PASSWORD).await;
    let towards_bw = browser.login_form(&bw.login_query(&[]), "member", PASSWORD).await;
    let sent = browser.submit(&towards_bw).await;
    assert!(sent.location().starts_with(&bw.return_to), "the form says where, not the last visit");
    for old in [&towards_aw, &towards_bw] {
        let answer = browser.submit(old).await;
        assert_eq!((answer.status.as_u16(), answer.location()), (403, ""));
    }
    assert_eq!(passport.text("SELECT state FROM sessions").await, "{}", "nothing is carried over");
    assert_eq!(browser.get("/login").await.location(), "/account");
    // The page that comes back with the refusal leads where its form led.
    let again = browser.submit(&towards_aw).await.form("/login").with("username", "member");
    let sent = browser.submit(&again.with("password", PASSWORD)).await;
    assert!(sent.location().starts_with(&aw.return_to), "{}", sent.location());
}
