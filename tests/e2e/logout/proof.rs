//! For each logout and app: confirmed, waiting, or over.

use std::time::Duration;

use harness::{HOUR, MINUTE, Passport, SECOND, TestApp, on_both};
use sso_server::{
    domain::{
        confirmation::{NEVER, Standing},
        id::LogoutId,
    },
    flows::{
        end_session::{Ending, end_session},
        follow_events::{confirm_lapsed, leave},
        prove_logout::{AppProof, prove_logout, wait_for_apps},
    },
    store::Topic,
};

/// Somebody who is in at `aw` is logged out by an admin.
async fn forced_out(passport: &Passport, aw: &TestApp) -> LogoutId {
    passport.add_user("member").await;
    let mut browser = passport.signed_in("member").await;
    let entered = aw.enter(&mut browser).await;
    force(passport, &entered.session).await
}

async fn force(passport: &Passport, session: &str) -> LogoutId {
    let why = Ending {
        reason: Some("left the company"),
        ..Ending::by_operator(client_sdk::wire::Cause::Admin)
    };
    end_session(&passport.app, &session.into(), why).await.unwrap().logout.unwrap()
}

async fn of_app(passport: &Passport, logout: &LogoutId, app: &str) -> AppProof {
    let proof = prove_logout(&passport.app, logout).await.unwrap().unwrap();
    proof.apps.into_iter().find(|one| one.app.as_str() == app).unwrap()
}

fn waits_for(one: &AppProof) -> Vec<&str> {
    match &one.standing {
        Standing::Waiting { listeners, .. } => {
            let mut names: Vec<&str> =
                listeners.iter().map(|listener| listener.instance.as_str()).collect();
            names.sort_unstable();
            names
        }
        other => panic!("{other:?}"),
    }
}

#[actix_web::test]
async fn an_app_is_confirmed_when_its_last_instance_has_acknowledged() {
    on_both(async |database| {
        let passport = Passport::on(database).await;
        let aw = passport.add_app("aw").await;
        for instance in ["one", "two"] {
            aw.poll(instance, "0", &[]).await;
        }
        let logout = forced_out(&passport, &aw).await;
        assert_eq!(waits_for(&of_app(&passport, &logout, "aw").await), ["one", "two"]);

        let news = aw.poll("one", "0", &[]).await;
        assert_eq!(news.events.len(), 1);
        let still = of_app(&passport, &logout, "aw").await;
        assert_eq!(waits_for(&still), ["one", "two"], "having been told is not having obeyed");

        passport.advance(40);
        aw.poll("one", &news.cursor, &[]).await;
        assert_eq!(waits_for(&of_app(&passport, &logout, "aw").await), ["two"]);
        aw.poll("two", &news.cursor, &[]).await;
        let done = of_app(&passport, &logout, "aw").await;
        assert_eq!(done.standing, Standing::Confirmed { at: harness::NOON + 40 });
        assert_eq!(done.took(), Some(40));
        let metrics = passport.app.metrics.render();
        assert!(metrics.contains("passport_logout_confirmed_seconds_count 1"), "{metrics}");

        let line = passport.audited("session.ended").await;
        for fact in ["\"reason\":\"left the company\"", "\"by\":\"operator\"", logout.as_str()] {
            assert!(line.detail.contains(fact), "{fact} in {}", line.detail);
        }
    })
    .await;
}

// An instance that is cut off refuses by itself; until then, and not longer, it is waited for.
#[actix_web::test]
async fn a_silent_instance_is_waited_for_until_it_refuses_by_itself() {
    on_both(async |database| {
        let passport = Passport::on(database).await;
        let aw = passport.add_app("aw").await;
        aw.poll("cut-off", "0", &[("max_staleness", "30")]).await;
        let logout = forced_out(&passport, &aw).await;
        let waiting = of_app(&passport, &logout, "aw").await;
        let Standing::Waiting { until, .. } = waiting.standing else { panic!("{waiting:?}") };
        // Thirty seconds of trust, five for an answer on its way, rounded up to ten.
        assert_eq!(until, harness::NOON + 40 * SECOND);

        passport.advance(40 * SECOND - 1);
        confirm_lapsed(&passport.app).await.unwrap();
        assert_eq!(waits_for(&of_app(&passport, &logout, "aw").await), ["cut-off"]);
        passport.advance(1);
        confirm_lapsed(&passport.app).await.unwrap();
        let done = of_app(&passport, &logout, "aw").await;
        assert_eq!(done.took(), Some(40 * SECOND), "written down, not only reckoned");
    })
    .await;
}

#[actix_web::test]
async fn who_has_promised_nothing_is_waited_for_until_the_sessions_run_out() {
    let passport = Passport::start().await;
    let (aw, bw) = (passport.add_app("aw").await, passport.add_app("bw").await);
    aw.poll("old", "0", &[]).await;
    passport.add_user("member").await;
    let mut browser = passport.signed_in("member").await;
    let entered = aw.enter(&mut browser).await;
    bw.enter(&mut browser).await;
    let logout = force(&passport, &entered.session).await;

    assert_eq!(waits_for(&of_app(&passport, &logout, "aw").await), ["old"]);
    let nobody = of_app(&passport, &logout, "bw").await;
    assert_eq!(waits_for(&nobody), [""; 0], "bw listens to nothing");
    let runs_out = harness::NOON + 12 * HOUR;
    for one in ["aw", "bw"] {
        let waiting = of_app(&passport, &logout, one).await;
        let Standing::Waiting { until, .. } = waiting.standing else { panic!("{waiting:?}") };
        assert_eq!(until, runs_out, "{one}");
    }
    passport.advance(12 * HOUR);
    for one in ["aw", "bw"] {
        let over = of_app(&passport, &logout, one).await;
        assert_eq!(over.standing, Standing::Over { at: runs_out }, "{one}");
    }
}

#[actix_web::test]
async fn an_instance_that_leaves_is_not_waited_for() {
    on_both(async |database| {
        let passport = Passport::on(database).await;
        let aw = passport.add_app("aw").await;
        for instance in ["stays", "leaves"] {
            aw.poll(instance, "0", &[("max_staleness", "600")]).await;
        }
        let logout = forced_out(&passport, &aw).await;
        let news = aw.poll("stays", "0", &[("max_staleness", "600")]).await;
        aw.poll("stays", &news.cursor, &[("max_staleness", "600")]).await;
        assert_eq!(waits_for(&of_app(&passport, &logout, "aw").await), ["leaves"]);

        let left = aw.leave("leaves").await;
        assert_eq!(left.json()["known"], true);
        assert!(of_app(&passport, &logout, "aw").await.took().is_some());
        assert_eq!(aw.leave("never-seen").await.json()["known"], false);

        // Back under the same name, it counts again.
        aw.poll("leaves", "0", &[]).await;
        let client = passport.app.db.apps().await.unwrap();
        let client = client.get(&sso_server::domain::app::AppId::parse("aw").unwrap()).unwrap();
        assert!(leave(&passport.app, client, "leaves").await.unwrap());
    })
    .await;
}

// Two instances that acknowledge at the same moment: whichever comes second sees the first.
#[actix_web::test]
async fn of_many_that_acknowledge_at_once_the_last_one_confirms() {
    on_both(async |database| {
        let passport = Passport::on(database).await;
        let other = passport.second_node().await;
        let aw = passport.add_app("aw").await;
        let names: Vec<String> = (0..24).map(|number| format!("i{number}")).collect();
        for name in &names {
            aw.poll(name, "0", &[]).await;
        }
        let logout = forced_out(&passport, &aw).await;
        let cursor = aw.poll("i0", "0", &[]).await.cursor;
        let at_other = aw.at(&other);
        let polls = names.iter().enumerate().map(|(number, name)| {
            let (app, cursor) = (if number % 2 == 0 { &aw } else { &at_other }, &cursor);
            async move { app.poll(name, cursor, &[]).await }
        });
        futures_util::future::join_all(polls).await;
        assert!(of_app(&passport, &logout, "aw").await.took().is_some());
    })
    .await;
}

// The statement that writes `confirmed_at`, and the rule in the domain: one answer.
#[actix_web::test]
async fn the_statement_and_the_rule_agree() {
    let now = harness::NOON + MINUTE;
    for left in [None, Some(now)] {
        for trusted_until in [now - 1, now, now + 1, NEVER] {
            for acknowledged in ["0", "1"] {
                let passport = Passport::start().await;
                let aw = passport.add_app("aw").await;
                let logout = forced_out(&passport, &aw).await;
                aw.poll("only", acknowledged, &[]).await;
                let mut tx = passport.app.db.write().await.unwrap();
                sqlx::query("UPDATE app_instances SET trusted_until = $1, left_at = $2;")
                    .bind(trusted_until)
                    .bind(left)
                    .execute(&mut *tx)
                    .await
                    .unwrap();
                sqlx::query("UPDATE confirmations SET confirmed_at = NULL")
                    .execute(&mut *tx)
                    .await
                    .unwrap();
                tx.commit().await.unwrap();
                passport.advance(MINUTE);

                let rule = of_app(&passport, &logout, "aw").await;
                confirm_lapsed(&passport.app).await.unwrap();
                let statement = of_app(&passport, &logout, "aw").await.took().is_some();
                let case = format!("{left:?} {trusted_until} {acknowledged}");
                assert_eq!(statement, rule.is_done(), "{case}: {rule:?}");
            }
        }
    }
}

// Whoever watches a logout is woken by the news of all others, and does not ask the database each time.
#[actix_web::test]
async fn news_of_other_logouts_are_no_flood_of_questions() {
    on_both(async |database| {
        const NEWS: usize = 400;
        let passport = Passport::on(database).await;
        let aw = passport.add_app("aw").await;
        aw.poll("web-1", "0", &[]).await;
        let logout = forced_out(&passport, &aw).await;
        let mut looks = 0;
        let app = &passport.app;
        let watched = wait_for_apps(app, &logout, Duration::from_secs(60), |_| looks += 1);
        let others = async {
            for _ in 0..NEWS {
                let mut tx = app.db.write().await.unwrap();
                tx.wake(Topic::Confirmations);
                tx.commit().await.unwrap();
            }
            aw.poll("web-1", "1", &[]).await;
        };
        let (proof, ()) = tokio::join!(watched, others);
        assert!(proof.unwrap().unwrap().is_done(), "and its own news is not missed");
        assert!(looks < NEWS / 2, "{looks} looks");
    })
    .await;
}
