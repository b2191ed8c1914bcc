//! Many people at one server, two at one browser, and those who only look.

use futures_util::future::join_all;
use harness::{Browser, PASSWORD, Passport, on_both};
use sqlx::Row;

use crate::scene::{filled_in, live_sessions};

// SECURITY-CASES S-12: of the one before nothing is left for the next at the same browser.
#[actix_web::test]
async fn one_browser_two_people_in_turn() {
    on_both(async |database| {
        let passport = Passport::on(database).await;
        passport.add_user("victim").await;
        let friend = passport.add_user("friend").await;
        let (aw, bw) = (passport.add_app("aw").await, passport.add_app("bw").await);
        for leaves in ["signs out", "loses the cookies", "only goes away"] {
            let mut browser = passport.browser();
            let form = browser.login_form(&aw.login_query(&[]), "victim", PASSWORD).await;
            let ticket = browser.submit(&form).await.ticket();
            let entered = aw.redeem(&ticket).await.json();
            let at_aw = entered["app_session"].as_str().unwrap();
            let unused = bw.send(&mut browser).await.ticket();
            match leaves {
                "signs out" => browser.sign_out().await,
                "loses the cookies" => browser.forget_all_cookies_but(&["__Host-passport-device"]),
                _ => {}
            }
            let query = bw.login_query(&[("prompt", "login")]);
            let page = browser.get(&format!("/login{query}")).await;
            assert!(!page.body.contains("victim"), "{leaves}: {}", page.body);
            let form = page.form("/login").with("username", "friend").with("password", PASSWORD);
            let sent = browser.submit(&form).await;
            let redeemed = bw.redeem(&sent.ticket()).await.json();
            assert_eq!(redeemed["user"]["id"], friend.as_str(), "{leaves}");
            assert_ne!(redeemed["session"], entered["session"], "{leaves}");
            let account = browser.get("/account").await;
            assert!(account.text().contains("friend") && !account.body.contains("victim"));
            assert_eq!(aw.enter(&mut browser).await.user.id, friend, "{leaves}");

            // Whoever loses the cookies has not signed out; the two others are out at the app, too.
            let gone = leaves != "loses the cookies";
            let state = aw.status(at_aw).await.json()["state"].clone();
            assert_eq!(state == "ended", gone, "{leaves}: {state}");
            assert_eq!(bw.redeem(&unused).await.status == 200, !gone, "{leaves}");
        }
    })
    .await;
}

// SECURITY-CASES S-14: many people over shared connections; each is answered about themselves.
#[actix_web::test]
async fn nobody_is_ever_taken_for_another() {
    on_both(async |database| {
        let passport = Passport::on(database).await;
        let aw = passport.add_app("aw").await;
        // Clones share one pool of kept-alive connections.
        let pool = passport.browser();
        let mut people = Vec::new();
        for n in 0..20 {
            let name = format!("person{n}x");
            let id = passport.add_user(&name).await;
            let mut browser: Browser = pool.clone();
            browser.sign_in(&name).await;
            people.push((name, id, browser));
        }
        let visits = people.iter().map(async |(name, id, browser)| {
            let mut browser = browser.clone();
            for n in 0..20 {
                if n % 4 == 0 {
                    let redeemed = aw.redeem(&aw.send(&mut browser).await.ticket()).await.json();
                    assert_eq!(redeemed["user"]["id"], id.as_str());
                    assert_eq!(redeemed["user"]["username"], name.as_str());
                } else {
                    let page = browser.get(["/account", "/logout"][n % 2]).await.text();
                    assert!(page.contains(name.as_str()), "{name}: {page}");
                }
                assert_eq!(browser.set_cookies.len(), 0);
            }
        });
        let strangers = (0..20).map(async |_| {
            let mut browser = pool.clone();
            for _ in 0..5 {
                assert!(!browser.is_signed_in().await);
                assert_eq!(aw.send(&mut browser).await.status, 200);
                browser.cookies.clear();
            }
        });
        let strangers: Vec<_> = strangers.collect();
        futures_util::future::join(join_all(visits), join_all(strangers)).await;
    })
    .await;
}

/// How many rows each table has.
async fn rows(passport: &Passport) -> Vec<(&'static str, i64)> {
    let tables = [
        ("sessions", "SELECT COUNT(*) FROM sessions"),
        ("app_sessions", "SELECT COUNT(*) FROM app_sessions"),
        ("throttles", "SELECT COUNT(*) FROM throttles"),
        ("one_time_links", "SELECT COUNT(*) FROM one_time_links"),
        ("audit", "SELECT COUNT(*) FROM audit"),
        ("events", "SELECT COUNT(*) FROM events"),
        ("meta", "SELECT COUNT(*) FROM meta"),
    ];
    let mut all = Vec::new();
    for (table, sql) in tables {
        let mut connection = passport.app.db.read().await.unwrap();
        all.push((table, sqlx::query(sql).fetch_one(&mut *connection).await.unwrap().get(0)));
    }
    all
}

// SECURITY-CASES S-26: whoever only looks leaves nothing in the database.
#[actix_web::test]
async fn visits_make_no_rows() {
    on_both(async |database| {
        let passport = Passport::on(database).await;
        passport.add_user("member").await;
        let aw = passport.add_app("aw").await;
        let before = rows(&passport).await;
        for n in 0..25 {
            let mut browser = passport.browser();
            if n % 2 == 0 {
                browser.cookies.insert("__Host-passport".to_owned(), format!("made-up-{n}"));
            }
            for path in ["/login", "/logout", "/account", "/setup", "/nothing", "/setup?token=x"] {
                browser.get(path).await;
            }
            aw.send(&mut browser).await;
            aw.send_with(&mut browser, &[("prompt", "none")]).await;
            // A form that was not shown here, and one that cannot be.
            browser.post("/login", &[("username", "member"), ("password", PASSWORD)]).await;
            let form = filled_in(&mut browser, "member", "a\u{7}b").await;
            assert_eq!(browser.submit(&form).await.status, 400);
        }
        assert_eq!(rows(&passport).await, before);
        passport.signed_in("member").await;
        assert_eq!(live_sessions(&passport).await, 1);
        assert_ne!(rows(&passport).await, before);
    })
    .await;
}
