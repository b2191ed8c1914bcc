//! Ends beside redemptions: whatever the order, no app session outlives what it stands on.

use std::collections::BTreeSet;

use futures_util::future::{join, join_all};
use harness::{Passport, TestApp, on_both};
use proptest::{
    prelude::{Strategy, any},
    strategy::ValueTree,
    test_runner::TestRunner,
};
use serde_json::Value;
use sso_server::flows::{apps, users};

/// What ends a session while its ticket is redeemed.
#[derive(Clone, Copy, Debug)]
enum End {
    ByPage,
    ByApp,
    ByOperator,
    ByDisabling,
    OfTheApp,
}

const ENDS: [End; 5] = [End::ByPage, End::ByApp, End::ByOperator, End::ByDisabling, End::OfTheApp];

/// Lets others run for a while that is different each time.
async fn linger(turns: u8) {
    for _ in 0..turns {
        tokio::task::yield_now().await;
    }
}

/// The app sessions of aw that its log says are over.
async fn told(passport: &Passport) -> BTreeSet<String> {
    let node = &passport.app;
    let client = node.db.apps().await.unwrap();
    let client = client.get(&sso_server::domain::app::AppId::parse("aw").unwrap()).unwrap().clone();
    let ask = sso_server::flows::follow_events::Follow { after: Some(0), ..Default::default() };
    let page = sso_server::flows::follow_events::follow(node, &client, &ask).await.unwrap();
    page.events.into_iter().filter_map(|event| event.app_session).collect()
}

// SECURITY-CASES B-09.
#[actix_web::test]
async fn a_redemption_beside_an_end_is_refused_or_told_of_its_end() {
    on_both(async |database| {
        let passport = Passport::on(database).await;
        let node = passport.second_node().await;
        let (aw, bw) = (passport.add_app("aw").await, passport.add_app("bw").await);
        let mut turns = TestRunner::deterministic();
        let (mut before, mut after) = (0, 0);
        for round in 0..30 {
            let end = ENDS[round % ENDS.len()];
            let name = format!("member{round}");
            passport.add_user(&name).await;
            let mut browser = passport.signed_in(&name).await;
            let at_bw = bw.enter(&mut browser).await;
            let form = browser.get("/logout").await.form("/logout");
            let ticket = aw.send(&mut browser).await.ticket();
            let (first, second) =
                (any::<u8>(), any::<u8>()).new_tree(&mut turns).unwrap().current();
            let redeem = async |app: TestApp| {
                linger(first).await;
                app.redeem(&ticket).await
            };
            let ended = async {
                linger(second).await;
                match end {
                    End::ByPage => drop(browser.submit(&form).await),
                    End::ByApp => drop(bw.end(&at_bw.app_session, "session").await),
                    End::ByOperator => {
                        assert_eq!(users::logout(&node.app, &name).await.unwrap().sessions, 1);
                    }
                    End::ByDisabling => {
                        assert_eq!(
                            users::disable(&node.app, &name, true).await.unwrap().sessions,
                            1
                        );
                    }
                    End::OfTheApp => {
                        apps::disable(&node.app, "aw").await.unwrap();
                    }
                }
            };
            let (redeemed, ()) = join(redeem(aw.clone()), ended).await;
            if matches!(end, End::OfTheApp) {
                apps::enable(&node.app, "aw").await.unwrap();
            }
            match redeemed.status.as_u16() {
                200 => {
                    let id = redeemed.json()["app_session"].as_str().unwrap().to_owned();
                    let status = aw.status(&id).await.json();
                    assert_eq!(status["state"], "ended", "{end:?}: it outlives its session");
                    assert!(told(&passport).await.contains(&id), "{end:?}: and nobody is told");
                    before += 1;
                }
                400 | 401 | 403 => after += 1,
                status => panic!("{end:?}: {status} {}", redeemed.body),
            }
        }
        let sql = "SELECT COUNT(*) FROM app_sessions WHERE app_id = 'aw' AND ended_at IS NULL";
        assert_eq!(passport.count(sql).await, 0);
        assert!(before > 0 && after > 0, "both orders occurred: {before} and {after}");
    })
    .await;
}

#[actix_web::test]
async fn many_ends_of_one_session_are_one_end() {
    on_both(async |database| {
        let passport = Passport::on(database).await;
        let node = passport.second_node().await;
        passport.add_user("member").await;
        let (aw, bw) = (passport.add_app("aw").await, passport.add_app("bw").await);
        let mut browser = passport.signed_in("member").await;
        let ids = [aw.enter(&mut browser).await, bw.enter(&mut browser).await];
        let callers = [(&aw, &ids[0]), (&bw, &ids[1])];
        let nodes = [&passport, &node];
        let ends = (0..16).map(|n| {
            let (app, id) = callers[n % 2];
            let scope = if n % 3 == 0 { "app" } else { "session" };
            let app = app.at(nodes[n / 2 % 2]);
            async move { app.end(&id.app_session, scope).await }
        });
        let ended: i64 = join_all(ends)
            .await
            .iter()
            .map(|answer| {
                answer.json()["ended"].as_i64().unwrap_or_else(|| panic!("{}", answer.body))
            })
            .sum();
        assert_eq!(ended, 2, "each app session is ended by one of them");
        for app in [&aw, &bw] {
            assert_eq!(app.events("0").await.events.len(), 1, "and told of once");
        }
        let lines = passport.audit().await;
        let of_session = lines.iter().filter(|line| line.kind == "session.ended").count();
        assert_eq!(of_session, 1);
    })
    .await;
}

// Two transactions that append to the same logs in different orders would wait for each other.
#[actix_web::test]
async fn ends_at_many_apps_do_not_wait_for_each_other() {
    on_both(async |database| {
        let passport = Passport::on(database).await;
        let node = passport.second_node().await;
        let names = ["zz", "aa", "mm", "bb"];
        let mut all = Vec::new();
        for name in names {
            all.push(passport.add_app(name).await);
        }
        for person in 0..6 {
            passport.add_user(&format!("member{person}")).await;
        }
        for round in 0..3 {
            let mut ids: Vec<Vec<String>> = Vec::new();
            for person in 0..6 {
                let mut browser = passport.signed_in(&format!("member{person}")).await;
                let mut own = Vec::new();
                for turn in 0..names.len() {
                    own.push(
                        all[(turn + person) % names.len()].enter(&mut browser).await.app_session,
                    );
                }
                ids.push(own);
            }
            let ends = ids.iter().enumerate().map(|(person, own)| {
                let app = all[person % names.len()].at([&passport, &node][person % 2]);
                async move { app.end(&own[0], "session").await.json() }
            });
            let ended = join_all(ends).await;
            assert!(ended.iter().all(|answer: &Value| answer["ended"] == 4), "{ended:?}");
            for app in &all {
                let log = app.events("0").await.events;
                let places: Vec<usize> = log.iter().map(|e| e.cursor.parse().unwrap()).collect();
                assert_eq!(places, (1..=6 * (round + 1)).collect::<Vec<_>>(), "{}", app.id);
            }
        }
    })
    .await;
}
