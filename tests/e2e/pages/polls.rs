//! Polls that wait: woken at once on every node, let go in time, nothing lost between them.

use std::collections::BTreeSet;

use client_sdk::wire::{Cause, EventPage};
use futures_util::future::join_all;
use harness::{Database, Passport, TestApp, on_both};
use sso_server::{
    config::Period,
    flows::{apps, users},
};
use tokio::io::AsyncWriteExt;

use crate::scene::{ask, asking, came, page, poll};

/// Polls wait longer than any test has patience: whoever comes back early was woken.
async fn patient(database: Database) -> Passport {
    Passport::with(database, |config| config.events.longest_wait = Period::seconds(300)).await
}

fn sessions(page: &EventPage) -> Vec<&str> {
    page.events.iter().filter_map(|event| event.app_session.as_deref()).collect()
}

// SECURITY-CASES B-18.
#[actix_web::test]
async fn an_end_wakes_every_copy_of_the_app_on_every_node_and_nobody_else() {
    on_both(async |database| {
        let passport = patient(database).await;
        let node = passport.second_node().await;
        for name in ["member", "other"] {
            passport.add_user(name).await;
        }
        let (aw, bw) = (passport.add_app("aw").await, passport.add_app("bw").await);
        let at_aw = aw.enter(&mut passport.signed_in("member").await).await;
        let mut browser = passport.signed_in("other").await;
        let at_bw = bw.enter(&mut browser).await;

        let mut waiting = Vec::new();
        for copy in 0..20 {
            let at = if copy % 2 == 0 { aw.clone() } else { aw.at(&node) };
            waiting.push(poll(&at, format!("after=0&wait=300&instance=copy-{copy}")));
        }
        let of_bw = poll(&bw, "after=0&wait=300&instance=b".to_owned());
        asking(&passport, 21).await;
        assert!(waiting.iter().all(|poll| !poll.is_finished()), "there is nothing yet");

        aw.end(&at_aw.app_session, "session").await;
        for poll in waiting {
            let page = came(poll).await;
            assert_eq!(sessions(&page), [&at_aw.app_session]);
            assert_eq!(page.cursor, "1");
        }
        assert!(!of_bw.is_finished(), "nothing has happened for bw");
        browser.sign_out().await;
        assert_eq!(sessions(&came(of_bw).await), [&at_bw.app_session]);
    })
    .await;
}

#[actix_web::test]
async fn an_end_on_another_node_wakes_as_well() {
    on_both(async |database| {
        let passport = patient(database).await;
        let node = passport.second_node().await;
        passport.add_user("member").await;
        let aw = passport.add_app("aw").await;
        for round in 0..5 {
            let entered = aw.enter(&mut passport.signed_in("member").await).await;
            let waiting = poll(&aw, format!("after={round}&wait=300&instance=r{round}"));
            asking(&passport, round + 1).await;
            aw.at(&node).end(&entered.app_session, "app").await;
            assert_eq!(sessions(&came(waiting).await), [&entered.app_session]);
        }
    })
    .await;
}

// Follows as the SDK does while sessions end, on two nodes at once: each end once and in order.
#[actix_web::test]
async fn between_two_polls_nothing_is_lost_and_nothing_comes_twice() {
    const ENDS: usize = 40;
    on_both(async |database| {
        let passport = patient(database).await;
        let node = passport.second_node().await;
        passport.add_user("member").await;
        let aw = passport.add_app("aw").await;
        let mut ids = Vec::new();
        for _ in 0..ENDS {
            let browser = &mut passport.signed_in("member").await;
            ids.push(aw.enter(browser).await.app_session);
        }
        let follow = async |app: TestApp, instance: &str| {
            let (mut told, mut cursor) = (Vec::new(), "0".to_owned());
            while told.len() < ENDS {
                let page =
                    page(&app, &format!("after={cursor}&wait=300&instance={instance}")).await;
                assert!(!page.events.is_empty(), "woken for nothing");
                cursor = page.cursor;
                told.extend(page.events.into_iter().map(|event| (event.cursor, event.app_session)));
            }
            told
        };
        let end = async |at: TestApp, ids: &[String]| {
            for pair in ids.chunks(2) {
                join_all(pair.iter().map(|id| at.end(id, "app"))).await;
            }
        };
        let (first, second) = ids.split_at(ENDS / 2);
        let all = futures_util::future::join4(
            follow(aw.clone(), "one"),
            follow(aw.at(&node), "two"),
            end(aw.clone(), first),
            end(aw.at(&node), second),
        );
        let patience = std::time::Duration::from_secs(60);
        let (one, two, (), ()) = tokio::time::timeout(patience, all).await.expect("all of them");
        assert_eq!(one, two, "both copies read the same log");
        let places: Vec<String> = one.iter().map(|(cursor, _)| cursor.clone()).collect();
        assert_eq!(places, (1..=ENDS).map(|place| place.to_string()).collect::<Vec<_>>());
        let told: BTreeSet<_> = one.into_iter().filter_map(|(_, id)| id).collect();
        assert_eq!(told, ids.into_iter().collect());
    })
    .await;
}

#[actix_web::test]
async fn a_poll_without_news_is_let_go_in_time() {
    let passport = Passport::with(Database::Sqlite, |config| {
        config.events.longest_wait = Period::seconds(1);
    })
    .await;
    let aw = passport.add_app("aw").await;
    // However long it wants to wait, and were it for ever.
    for wait in ["", "&wait=0", "&wait=1", "&wait=99999", "&wait=18446744073709551615"] {
        let waiting = poll(&aw, format!("after=0{wait}"));
        let page = came(waiting).await;
        assert_eq!((page.events.len(), page.cursor.as_str()), (0, "0"), "{wait}");
    }
    assert_eq!(ask(&aw, "after=0&wait=18446744073709551616").await.status, 400);
}

#[actix_web::test]
async fn news_that_are_there_already_are_not_waited_for() {
    let passport = patient(Database::Sqlite).await;
    passport.add_user("member").await;
    let aw = passport.add_app("aw").await;
    let entered = aw.enter(&mut passport.signed_in("member").await).await;
    aw.end(&entered.app_session, "app").await;
    let page = came(poll(&aw, "after=0&wait=300".to_owned())).await;
    assert_eq!(sessions(&page), [&entered.app_session]);
}

// The last thing that a shut-off app hears is that its sessions are over.
#[actix_web::test]
async fn an_app_that_is_shut_off_while_it_waits_hears_of_it() {
    on_both(async |database| {
        for remove in [false, true] {
            let passport = patient(database).await;
            passport.add_user("member").await;
            let aw = passport.add_app("aw").await;
            let entered = aw.enter(&mut passport.signed_in("member").await).await;
            let waiting = poll(&aw, "after=0&wait=300&instance=i".to_owned());
            asking(&passport, 1).await;
            if remove {
                apps::delete(&passport.app, "aw").await.unwrap();
            } else {
                apps::disable(&passport.app, "aw").await.unwrap();
            }
            let page = came(waiting).await;
            assert_eq!(sessions(&page), [&entered.app_session]);
            assert_eq!(page.events[0].cause, Some(Cause::AppDisabled));
            assert_eq!(ask(&aw, "after=1&instance=i").await.status, 401, "and that is all");
            if !remove {
                apps::enable(&passport.app, "aw").await.unwrap();
                let log = aw.events("0").await;
                assert_eq!(log.events, page.events, "let in again, it finds its log as it was");
            }
        }
    })
    .await;
}

// A reader that goes away takes nothing along, and keeps nothing busy.
#[actix_web::test]
async fn readers_that_leave_while_they_wait_lose_nothing_and_hold_nothing() {
    let passport = patient(Database::Sqlite).await;
    passport.add_user("member").await;
    let aw = passport.add_app("aw").await;
    let entered = aw.enter(&mut passport.signed_in("member").await).await;
    let host = passport.url.strip_prefix("http://").unwrap();
    let mut left = Vec::new();
    for reader in 0..100 {
        let mut stream = tokio::net::TcpStream::connect(passport.address).await.unwrap();
        let request = format!(
            "GET /api/v1/events?after=0&wait=300&instance=i{reader} HTTP/1.1\r\nHost: {host}\r\n\
             Authorization: {}\r\n\r\n",
            aw.authorization()
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        left.push(stream);
    }
    asking(&passport, 100).await;
    drop(left);
    // More readers gone than there are connections to the database: none of them holds one.
    assert_eq!(aw.status(&entered.app_session).await.json()["state"], "active");
    users::logout(&passport.app, "member").await.unwrap();
    assert_eq!(sessions(&aw.events("0").await), [&entered.app_session]);
    let sql = "SELECT MAX(acknowledged) FROM app_instances";
    assert_eq!(passport.count(sql).await, 0, "nobody has confirmed anything");
}

#[actix_web::test]
async fn five_hundred_wait_at_once_and_others_are_served_meanwhile() {
    let passport = patient(Database::Sqlite).await;
    passport.add_user("member").await;
    let aw = passport.add_app("aw").await;
    let mut browser = passport.signed_in("member").await;
    let entered = aw.enter(&mut browser).await;
    let waiting: Vec<_> =
        (0..500).map(|copy| poll(&aw, format!("after=0&wait=300&instance=c{copy}"))).collect();
    asking(&passport, 500).await;
    assert!(browser.is_signed_in().await);
    assert_eq!(aw.status(&entered.app_session).await.json()["state"], "active");
    let ticket = aw.send(&mut browser).await.ticket();
    assert_eq!(aw.redeem(&ticket).await.status, 200);
    browser.sign_out().await;
    for poll in waiting {
        assert_eq!(came(poll).await.events.len(), 2);
    }
}

#[actix_web::test]
async fn a_server_that_stops_lets_its_polls_go_with_what_they_have() {
    let passport = patient(Database::Sqlite).await;
    let (aw, bw) = (passport.add_app("aw").await, passport.add_app("bw").await);
    let waiting = [&aw, &bw].map(|app| poll(app, "after=0&wait=300&instance=i".to_owned()));
    asking(&passport, 2).await;
    let address = passport.address;
    let stopped = actix_web::rt::spawn(passport.stop());
    for poll in waiting {
        let page = came(poll).await;
        assert_eq!((page.events.len(), page.cursor.as_str()), (0, "0"));
    }
    came(stopped).await;
    let gone = tokio::net::TcpStream::connect(address).await;
    assert!(gone.is_err(), "nobody is there any more");
}
