//! The log of an app: order, cursors, what asking confirms, what is kept and for how long.

use std::collections::BTreeSet;

use client_sdk::wire::{Cause, EventKind};
use harness::{DAY, Database, HOUR, Passport, on_both};
use sso_server::{
    config::Period,
    flows::{end_session, housekeeping},
};

use crate::scene::{ask, page};

// SECURITY-CASES B-17, B-18.
#[actix_web::test]
async fn each_app_has_its_own_log_in_the_order_of_what_happened() {
    on_both(async |database| {
        let passport = Passport::on(database).await;
        passport.add_user("member").await;
        let (aw, bw) = (passport.add_app("aw").await, passport.add_app("bw").await);
        let idle = passport.add_app("idle").await;
        let (mut at_aw, mut at_bw) = (Vec::new(), Vec::new());
        for round in 0..6 {
            let mut browser = passport.signed_in("member").await;
            at_aw.push(aw.enter(&mut browser).await.app_session);
            if round % 2 == 0 {
                at_bw.push(bw.enter(&mut browser).await.app_session);
            }
            passport.advance(harness::SECOND);
            browser.sign_out().await;
        }
        for (app, expected) in [(&aw, &at_aw), (&bw, &at_bw), (&idle, &Vec::new())] {
            let log = app.events("0").await;
            let told: Vec<&str> =
                log.events.iter().filter_map(|e| e.app_session.as_deref()).collect();
            assert_eq!(told, *expected, "its own, in order, each once");
            let places: Vec<String> = (1..=expected.len()).map(|place| place.to_string()).collect();
            let cursors: Vec<&str> = log.events.iter().map(|e| e.cursor.as_str()).collect();
            assert_eq!(cursors, places);
            assert_eq!(log.cursor, expected.len().to_string());
            assert!(log.events.windows(2).all(|two| two[0].at < two[1].at));
            let ids: BTreeSet<&str> = log.events.iter().map(|e| e.id.as_str()).collect();
            assert_eq!(ids.len(), expected.len());
            assert!(log.events.iter().all(|event| event.kind == EventKind::SessionEnded));
            // From each place on, the same entries again, by the same ids.
            for place in 0..=expected.len() {
                let rest = app.events(&place.to_string()).await;
                assert_eq!(rest.events, log.events[place..]);
                assert_eq!(rest.cursor, log.cursor);
            }
        }
        // What was never entered is never told of: the session behind knows apps, apps do not.
        let text = format!("{:?}", bw.events("0").await);
        assert!(at_aw.iter().all(|id| !text.contains(id.as_str())));
    })
    .await;
}

#[actix_web::test]
async fn without_a_cursor_the_answer_is_the_end_of_the_log_at_once() {
    on_both(async |database| {
        let passport = Passport::on(database).await;
        passport.add_user("member").await;
        let aw = passport.add_app("aw").await;
        // Would wait for as long as it may, if it waited.
        let begin = page(&aw, "instance=i&wait=300").await;
        assert_eq!((begin.events.len(), begin.cursor.as_str()), (0, "0"));
        assert_eq!(
            passport.count("SELECT COUNT(*) FROM app_instances").await,
            0,
            "confirms nothing"
        );
        let mut browser = passport.signed_in("member").await;
        aw.enter(&mut browser).await;
        browser.sign_out().await;
        let end = page(&aw, "").await;
        assert_eq!((end.events.len(), end.cursor.as_str()), (0, "1"));
        assert_eq!(page(&aw, &format!("after={}", begin.cursor)).await.events.len(), 1);
        assert_eq!(ask(&aw, "after=2").await.status, 400, "beyond the end there is nothing");
    })
    .await;
}

// SECURITY-CASES B-18: asking after a place says that all before it is obeyed; nothing else does.
#[actix_web::test]
async fn each_instance_confirms_for_itself_and_never_less_than_before() {
    on_both(async |database| {
        let passport = Passport::on(database).await;
        passport.add_user("member").await;
        let (aw, bw) = (passport.add_app("aw").await, passport.add_app("bw").await);
        for _ in 0..3 {
            let mut browser = passport.signed_in("member").await;
            aw.enter(&mut browser).await;
            bw.enter(&mut browser).await;
            browser.sign_out().await;
        }
        let confirmed = async || {
            let sql = "SELECT CAST(COALESCE(SUM(acknowledged *
                CASE app_id || instance WHEN 'awone' THEN 1 WHEN 'awtwo' THEN 10 ELSE 100 END), -1)
                AS BIGINT) FROM app_instances";
            passport.count(sql).await
        };
        assert_eq!(page(&aw, "after=0&instance=one").await.events.len(), 3);
        assert_eq!(confirmed().await, 0, "being told confirms nothing");
        page(&aw, "after=2&instance=one").await;
        assert_eq!(confirmed().await, 2);
        page(&aw, "after=1&instance=two").await;
        assert_eq!(confirmed().await, 12, "the other copy is not as far");
        assert_eq!(page(&aw, "after=0&instance=one").await.events.len(), 3, "told again if asked");
        assert_eq!(confirmed().await, 12, "and what was confirmed stays so");
        page(&aw, "after=3").await;
        assert_eq!(confirmed().await, 12, "nobody in particular confirms for nobody");
        assert_eq!(ask(&aw, "after=4&instance=one").await.status, 400);
        assert_eq!(confirmed().await, 12, "a place that is not yet confirms nothing");
        page(&bw, "after=1&instance=one").await;
        assert_eq!(confirmed().await, 112, "another app's copy of the same name is another");
    })
    .await;
}

#[actix_web::test]
async fn a_long_log_comes_in_pages() {
    let passport = Passport::start().await;
    passport.add_user("member").await;
    let aw = passport.add_app("aw").await;
    let browser = passport.signed_in("member").await;
    for _ in 0..6 {
        let entries = (0..84).map(|_| {
            let (aw, mut browser) = (aw.clone(), browser.clone());
            async move { aw.enter(&mut browser).await }
        });
        futures_util::future::join_all(entries).await;
    }
    browser.clone().sign_out().await;
    let first = aw.events("0").await;
    assert_eq!((first.events.len(), first.cursor.as_str()), (500, "500"));
    let second = aw.events(&first.cursor).await;
    assert_eq!((second.events.len(), second.cursor.as_str()), (4, "504"));
    let all: BTreeSet<_> =
        first.events.iter().chain(&second.events).map(|event| &event.app_session).collect();
    assert_eq!(all.len(), 504, "each once");
}

// SECURITY-CASES B-18: an app that was away for three days catches up.
#[actix_web::test]
async fn events_are_kept_for_as_long_as_they_say_anything() {
    on_both(async |database| {
        let passport = Passport::with(database, |config| {
            config.app_session.lifetime = Period::seconds(5 * 24 * 3600);
        })
        .await;
        passport.add_user("member").await;
        let aw = passport.add_app("aw").await;
        let mut browser = passport.signed_in("member").await;
        let entered = aw.enter(&mut browser).await;
        browser.sign_out().await;
        let retained = aw.events("0").await;
        assert_eq!(retained.events.len(), 1);

        passport.advance(3 * DAY);
        housekeeping::tidy(&passport.app).await.unwrap();
        assert_eq!(aw.events("0").await, retained, "the app session might still be alive there");
        assert_eq!(retained.events[0].expires_at, Some(entered.expires_at));
        passport.advance(3 * DAY);
        housekeeping::tidy(&passport.app).await.unwrap();
        assert_eq!(aw.events("0").await, retained, "a day more than that");
        passport.advance(HOUR);
        housekeeping::tidy(&passport.app).await.unwrap();
        let rest = aw.events("0").await;
        assert_eq!(rest.events, [], "by now every app refuses it by itself");

        // The numbers go on where they were.
        let mut browser = passport.signed_in("member").await;
        aw.enter(&mut browser).await;
        browser.sign_out().await;
        assert_eq!(aw.events("1").await.events[0].cursor, "2");
        assert_eq!(aw.events("0").await.events.len(), 1);
    })
    .await;
}

// So many copies nobody runs: the names are made up, and each would be kept track of.
#[actix_web::test]
async fn names_of_instances_come_to_an_end() {
    let passport = Passport::on(Database::Sqlite).await;
    let (aw, bw) = (passport.add_app("aw").await, passport.add_app("bw").await);
    let mut tx = passport.app.db.write().await.unwrap();
    sqlx::query(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10000)
         INSERT INTO app_instances (app_id, instance, acknowledged, last_contact_at, created_at)
         SELECT 'aw', 'i' || i, 0, $1, $1 FROM n",
    )
    .bind(harness::NOON)
    .execute(&mut *tx)
    .await
    .unwrap();
    tx.commit().await.unwrap();
    let refused = ask(&aw, "after=0&instance=new").await;
    assert_eq!(refused.status, 429);
    assert_eq!(refused.header("retry-after"), "60");
    assert_eq!(refused.json()["code"], "too_many_requests");
    assert_eq!(passport.count("SELECT COUNT(*) FROM app_instances").await, 10_000);
    assert_eq!(ask(&aw, "after=0&instance=i77").await.status, 200, "known ones go on");
    assert_eq!(ask(&bw, "after=0&instance=new").await.status, 200, "and other apps");
    passport.advance(8 * DAY);
    housekeeping::tidy(&passport.app).await.unwrap();
    assert_eq!(ask(&aw, "after=0&instance=new").await.status, 200, "silent ones are forgotten");
}

// The lease is told with every answer: for so long may an app trust what it knows.
#[actix_web::test]
async fn the_lease_is_the_configured_one_everywhere() {
    let passport = Passport::with(Database::Sqlite, |config| {
        config.events.lease = Period::seconds(17);
    })
    .await;
    passport.add_user("member").await;
    let aw = passport.add_app("aw").await;
    let mut browser = passport.signed_in("member").await;
    let entered = aw.enter(&mut browser).await;
    assert_eq!(entered.lease_seconds, 17);
    for query in ["", "after=0", "after=0&wait=0&instance=i"] {
        assert_eq!(page(&aw, query).await.lease_seconds, 17, "{query}");
    }
    let id = entered.session.as_str().to_owned().into();
    let why = end_session::Ending::by_operator(Cause::Kicked);
    end_session::end_session(&passport.app, &id, why).await.unwrap();
    let told = page(&aw, "after=0").await;
    assert_eq!((told.lease_seconds, told.events[0].cause), (17, Some(Cause::Kicked)));
}
