//! What is over stays over: at every node, for every old cookie, whatever was under way.

use client_sdk::wire::Cause;
use futures_util::future::{join, join_all};
use harness::{Browser, MINUTE, PASSWORD, Passport, on_both};
use sso_server::{
    config::Period,
    domain::{session::Limits, token::Digest},
    flows::{
        end_session::{Ending, end_all_of_user, end_session},
        users,
    },
    store::sessions,
};

use crate::scene::{eventually, filled_in, hold_the_pool, live_sessions, refusals};

const SESSION: &str = "__Host-passport";

/// The same cookies in a browser at another node.
fn same_at(node: &Passport, browser: &Browser) -> Browser {
    let mut other = node.browser();
    other.cookies = browser.cookies.clone();
    other
}

// SECURITY-CASES S-08: row, cookie, tickets, events and audit line, all of it or nothing.
#[actix_web::test]
async fn signing_out_ends_everything_at_once() {
    on_both(async |database| {
        let passport = Passport::on(database).await;
        passport.add_user("member").await;
        let (aw, bw) = (passport.add_app("aw").await, passport.add_app("bw").await);
        let mut browser = passport.signed_in("member").await;
        let other = passport.signed_in("member").await;
        let entered = aw.enter(&mut browser).await;
        let elsewhere = bw.enter(&mut other.clone()).await;
        let ticket = bw.send(&mut browser).await.ticket();
        let page = browser.get("/account").await;
        assert_eq!(page.header("cache-control"), "no-store", "nothing behind the back button");
        let mut copy = same_at(&passport, &browser);

        let form = browser.get("/logout").await.form("/logout");
        let answer = browser.submit(&form).await;
        assert_eq!(answer.status, 303);
        assert!(answer.location().starts_with("/logout?logout="), "to where it can be watched");
        assert!(!browser.cookies.contains_key(SESSION));
        assert!(!copy.is_signed_in().await, "the old cookie names nothing");
        let refused = bw.redeem(&ticket).await;
        assert_eq!(
            (refused.status.as_u16(), refused.json()["code"].as_str()),
            (400, Some("invalid_ticket"))
        );
        let events = aw.events("0").await.events;
        assert_eq!(events.len(), 1);
        assert_eq!(events[0].app_session.as_deref(), Some(&*entered.app_session));
        assert_eq!(passport.audited("session.ended").await.session, Some(entered.session));
        assert_eq!(bw.status(&elsewhere.app_session).await.json()["state"], "active");
        assert!(same_at(&passport, &other).is_signed_in().await, "another browser's goes on");
        assert_eq!(live_sessions(&passport).await, 1);
    })
    .await;
}

// SECURITY-CASES S-09: slow requests that end after a logout write nothing back.
#[actix_web::test]
async fn a_session_that_ended_does_not_come_back() {
    on_both(async |database| {
        let one = Passport::on(database).await;
        let two = one.second_node().await;
        one.add_user("member").await;
        for round in 0..3 {
            let mut browser = one.signed_in("member").await;
            let form = browser.get("/logout").await.form("/logout");
            // A minute later each visit wants to write a sign of life.
            one.advance(MINUTE);
            let slow = (0..8).map(async |n| {
                let mut visitor = same_at(if n % 2 == 0 { &one } else { &two }, &browser);
                visitor.get("/account").await.status.as_u16()
            });
            let slow: Vec<_> = slow.collect();
            let mut leaving = browser.clone();
            let (statuses, left) = join(join_all(slow), leaving.submit(&form)).await;
            assert_eq!(left.status, 303, "{round}");
            assert!(statuses.iter().all(|status| [200, 303].contains(status)), "{statuses:?}");
            for node in [&one, &two] {
                assert!(!same_at(node, &browser).is_signed_in().await, "{round}");
            }
            assert_eq!(live_sessions(&one).await, 0, "{round}");
        }
        let ends = one.audit().await.iter().filter(|line| line.kind == "session.ended").count();
        assert_eq!(ends, 3, "each ended once");
    })
    .await;
}

// SECURITY-CASES S-09: the three writes that a slow request can come with, one by one.
#[actix_web::test]
async fn no_late_write_reaches_an_ended_row() {
    on_both(async |database| {
        let passport = Passport::on(database).await;
        passport.add_user("member").await;
        let mut browser = passport.signed_in("member").await;
        let id = passport.text("SELECT id FROM sessions").await.into();
        let digest = Digest::stored(passport.text("SELECT digest FROM sessions").await);
        let row = "SELECT digest || state || auth_time || ' ' || last_seen_at || ' ' || idle_until
                   || ' ' || COALESCE(ended_at, 0) FROM sessions";
        let late = async || {
            let now = passport.app.clock.now() + 5 * MINUTE;
            let until = Limits::default().idle_until(now, now + MINUTE, true);
            let mut tx = passport.app.db.write().await.unwrap();
            sessions::touch(&mut tx, &id, now, until, now - MINUTE).await.unwrap();
            let state = sessions::put_state(&mut tx, &digest, "{\"a\":\"1\"}").await.unwrap();
            let new = Digest::of(b"new");
            let renewal = sessions::Renewal {
                id: &id,
                digest: &new,
                amr: &["pwd"],
                identity: None,
                kept: true,
                auth_time: now,
                now,
                idle_until: until,
            };
            let renewed = sessions::renew(&mut tx, &digest, renewal).await.unwrap();
            (tx, state, renewed)
        };
        let before = passport.text(row).await;
        let (tx, state, renewed) = late().await;
        assert!(state && renewed, "while it lives they do");
        drop(tx);
        assert_eq!(passport.text(row).await, before);

        browser.sign_out().await;
        let ended = passport.text(row).await;
        let (tx, state, renewed) = late().await;
        assert!(!state && !renewed);
        tx.commit().await.unwrap();
        assert_eq!(passport.text(row).await, ended);
    })
    .await;
}

// SECURITY-CASES S-09: somebody proves again who they are while another tab signs out: what was
// ended stays so, the proof makes a new session.
#[actix_web::test]
async fn a_proof_under_way_does_not_revive_what_was_ended() {
    on_both(async |database| {
        let passport = Passport::with(database, |config| {
            config.password.threads = 1;
            config.password.wait = Period::seconds(60);
        })
        .await;
        passport.add_user("member").await;
        let aw = passport.add_app("aw").await;
        let mut browser = passport.signed_in("member").await;
        let old = passport.text("SELECT id FROM sessions").await;
        let form =
            browser.login_form(&aw.login_query(&[("prompt", "login")]), "member", PASSWORD).await;
        let mut other_tab = browser.clone();
        let mut stale = browser.clone();
        let held = hold_the_pool(&passport).await;
        let proving = tokio::spawn(async move {
            let answer = browser.submit(&form).await;
            (browser, answer)
        });
        let counted = "SELECT COUNT(*) FROM throttles WHERE id LIKE 'device:%' AND failures = 1";
        eventually(async || passport.count(counted).await == 1).await;
        other_tab.sign_out().await;
        held.await.unwrap().unwrap();
        let (mut browser, answer) = proving.await.unwrap();
        let redeemed = aw.redeem(&answer.ticket()).await.json();
        assert_ne!(redeemed["session"], old);
        assert!(browser.is_signed_in().await && !stale.is_signed_in().await);
        assert_eq!(live_sessions(&passport).await, 1);
    })
    .await;
}

// SECURITY-CASES S-10: whoever ends it, the next request with the old cookie is a stranger's, at
// every node, however warm its cache.
#[actix_web::test]
async fn every_end_is_obeyed_at_once_everywhere() {
    on_both(async |database| {
        let one = Passport::on(database).await;
        let two = one.second_node().await;
        let aw = one.add_app("aw").await;
        for (how, cause) in [
            ("logout", "admin"),
            ("session", "kicked"),
            ("all", "factor_changed"),
            ("disable", "disabled"),
            ("delete", "deleted"),
        ] {
            let user = one.add_user(how).await.into();
            let mut browsers = Vec::new();
            for node in [&one, &two] {
                let browser = node.signed_in(how).await;
                browsers.push(same_at(&one, &browser));
                browsers.push(same_at(&two, &browser));
            }
            let entered = aw.enter(&mut browsers[0]).await;
            let ticket = aw.send(&mut browsers[1]).await.ticket();
            for browser in &mut browsers {
                assert!(browser.is_signed_in().await);
            }
            let ending = |cause| Ending::by_operator(cause);
            match how {
                "logout" => drop(users::logout(&one.app, how).await.unwrap()),
                "disable" => drop(users::disable(&one.app, how, false).await.unwrap()),
                "delete" => drop(users::delete(&one.app, how, false).await.unwrap()),
                "all" => {
                    let why = ending(Cause::FactorChanged);
                    end_all_of_user(&two.app, &user, None, why).await.unwrap();
                }
                _ => {
                    let mut connection = one.app.db.read().await.unwrap();
                    let own = sessions::unended_of_user(&mut connection, &user).await.unwrap();
                    drop(connection);
                    for id in own {
                        end_session(&two.app, &id, ending(Cause::Kicked)).await.unwrap();
                    }
                }
            }
            for browser in &mut browsers {
                assert!(!browser.is_signed_in().await, "{how}");
                let silent = aw.send_with(browser, &[("prompt", "none")]).await;
                assert_eq!(silent.sent("error").as_deref(), Some("login_required"), "{how}");
            }
            assert!(aw.at(&two).redeem(&ticket).await.status.is_client_error(), "{how}");
            let status = aw.status(&entered.app_session).await.json();
            assert_eq!(status["cause"], cause, "{how}");
            let again = one.browser().try_password(how, PASSWORD).await;
            assert_eq!(again == 303, !["disable", "delete"].contains(&how), "{how}: {again}");
        }
    })
    .await;
}

// SECURITY-CASES S-10: an account that is disabled while somebody logs in to it gets no session.
#[actix_web::test]
async fn disabling_wins_over_a_login_under_way() {
    on_both(async |database| {
        let passport = Passport::with(database, |config| {
            config.password.threads = 1;
            config.password.wait = Period::seconds(60);
        })
        .await;
        passport.add_user("member").await;
        let mut browser = passport.browser();
        let form = filled_in(&mut browser, "member", PASSWORD).await;
        let held = hold_the_pool(&passport).await;
        let entering = tokio::spawn(async move { browser.submit(&form).await.status });
        eventually(async || passport.count("SELECT COUNT(*) FROM throttles").await == 2).await;
        users::disable(&passport.app, "member", false).await.unwrap();
        held.await.unwrap().unwrap();
        assert_eq!(entering.await.unwrap(), 401);
        assert_eq!(refusals(&passport).await["disabled"], 1);
        assert_eq!(live_sessions(&passport).await, 0);
        users::enable(&passport.app, "member").await.unwrap();
        assert_eq!(passport.browser().try_password("member", PASSWORD).await, 303);
    })
    .await;
}
