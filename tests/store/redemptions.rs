//! `spent_tickets` and what a redemption writes: a ticket opens one app session, and none behind the
//! back of a logout.

use std::sync::Arc;

use client_sdk::wire::{ActivationState, Cause};
use harness::{DAY, HOUR, MINUTE, NOON, on_both};
use sso_server::{
    domain::{
        app::{App, AppId},
        id::{AppSessionId, SessionId, UserId, fresh_text},
        session::Limits,
        token::Digest,
    },
    random::Random,
    store::{
        Db, Stored, activations,
        redemptions::{self, Admission, MOST, Spend},
        users,
    },
};

use crate::scene::{CROWD, Scene, crowd, end_of_session, end_session, how_many};

/// Those of [`Scene::session`].
const LIMITS: Limits = Limits { lifetime: DAY, idle: DAY / 2, browser_idle: DAY / 2 };

fn spend(jti: &str, app: &AppId) -> Spend {
    let opens = Some(AppSessionId::fresh(NOON, &Random::system()));
    Spend { jti: jti.to_owned(), app: app.clone(), idempotency: None, opens }
}

// SECURITY-CASES T-06, Q-01
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_who_show_a_ticket_one_spends_it() {
    on_both(async |database| {
        let scene = Scene::on(database).await;
        let app = scene.app("aw").await.id;
        // Two tickets in each statement, in both orders: nobody may wait for each other in a ring
        // without one of them being told to try again.
        let jtis = [fresh_text(NOON, &Random::system()), fresh_text(NOON, &Random::system())];
        let outcomes = crowd(&scene.both_sides().await, CROWD, |db, number| {
            let mut spends = vec![spend(&jtis[0], &app), spend(&jtis[1], &app)];
            if number % 3 == 0 {
                spends.reverse();
            }
            async move {
                loop {
                    match try_spend(&db, &spends).await {
                        Err(error) if error.is_retryable() => {}
                        outcome => return (outcome.unwrap(), spends),
                    }
                }
            }
        })
        .await;
        for jti in &jtis {
            let winners: Vec<_> =
                outcomes.iter().filter(|(spent, _)| spent.contains(jti)).collect();
            assert_eq!(winners.len(), 1);
            let opened = winners[0].1.iter().find(|one| one.jti == *jti).unwrap().opens.clone();
            let mut conn = scene.db.read().await.unwrap();
            let found = redemptions::find(&mut conn, jti).await.unwrap().unwrap();
            assert_eq!(found.opened, opened, "what stands there is the winner's");
        }
    })
    .await;
}

async fn try_spend(db: &Db, spends: &[Spend]) -> Stored<Vec<String>> {
    let mut tx = db.write().await?;
    let spent = redemptions::spend(&mut tx, spends, NOON).await?;
    tx.commit().await?;
    Ok(spent)
}

#[tokio::test]
async fn tickets_are_spent_in_batches_of_any_size_each_once() {
    on_both(async |database| {
        let scene = Scene::on(database).await;
        let app = scene.app("aw").await.id;
        for size in [1, 2, 4, 5, 16, 17, MOST] {
            let mut spends: Vec<Spend> =
                (0..size).map(|_| spend(&fresh_text(NOON, &Random::system()), &app)).collect();
            // The same ticket twice in one batch.
            if size > 4 {
                spends[size - 1] = spend(&spends[0].jti, &app);
            }
            let mut wanted: Vec<String> = spends.iter().map(|one| one.jti.clone()).collect();
            wanted.sort();
            wanted.dedup();
            let mut spent = try_spend(&scene.db, &spends).await.unwrap();
            spent.sort();
            assert_eq!(spent, wanted, "{size}");
            assert!(try_spend(&scene.db, &spends).await.unwrap().is_empty(), "{size}: again");
        }
    })
    .await;
}

#[tokio::test]
async fn a_spent_ticket_tells_by_whom_and_under_which_key() {
    on_both(async |database| {
        let scene = Scene::on(database).await;
        let app = scene.app("aw").await.id;
        let jti = fresh_text(NOON, &Random::system());
        let burned =
            Spend { idempotency: Some(Digest::of(b"key")), opens: None, ..spend(&jti, &app) };
        assert_eq!(try_spend(&scene.db, &[burned]).await.unwrap(), std::slice::from_ref(&jti));
        let mut conn = scene.db.read().await.unwrap();
        let found = redemptions::find(&mut conn, &jti).await.unwrap().unwrap();
        assert_eq!((found.app, found.opened), (app, None));
        assert_eq!(found.idempotency, Some(Digest::of(b"key")));
        assert!(redemptions::find(&mut conn, "another").await.unwrap().is_none());
        let injected = redemptions::find(&mut conn, &format!("{jti}' OR '1'='1")).await.unwrap();
        assert!(injected.is_none());
    })
    .await;
}

#[tokio::test]
async fn only_live_sessions_of_a_moment_let_in() {
    on_both(async |database| {
        let scene = Scene::on(database).await;
        let (user, disabled) = (scene.user("member").await, scene.user("disabled").await);
        let at = NOON + MINUTE;
        let (live, _) = scene.session_until(&user, at + 1, at + 1).await;
        let (over, _) = scene.session_until(&user, at + DAY, at).await;
        let (idle, _) = scene.session_until(&user, at, at + DAY).await;
        let (ended, _) = scene.session(&user).await;
        scene.end(&ended).await;
        let (barred, _) = scene.session(&disabled).await;
        let app = scene.app("aw").await;
        scene
            .write(async |tx| {
                assert!(users::set_disabled(tx, &disabled, Some(NOON)).await.unwrap());
                activations::first_entry(tx, &user, &app, NOON).await.unwrap();
                let unknown = SessionId::fresh(NOON, &Random::system());
                let all = [&live, &over, &idle, &ended, &barred, &unknown, &live].map(Clone::clone);
                let entrants = redemptions::lock_entrants(tx, &all, &LIMITS, at).await.unwrap();
                assert_eq!(entrants.len(), 2, "{entrants:#?}");
                let entrant = &entrants[live.as_str()];
                assert_eq!((&entrant.user, entrant.disabled_at), (&user, None));
                assert_eq!(entrant.profile.username, "member");
                assert_eq!(entrant.profile.app_flag, app.mask());
                assert_eq!(entrant.activations["aw"], (ActivationState::New, NOON));
                assert_eq!(entrants[barred.as_str()].disabled_at, Some(NOON), "and is told apart");
                assert!(redemptions::lock_entrants(tx, &[], &LIMITS, at).await.unwrap().is_empty());
            })
            .await;
    })
    .await;
}

// SECURITY-CASES B-09: a redemption beside a logout is either refused or ended by it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_app_session_outlives_a_session_that_ends_beside_it() {
    on_both(async |database| {
        let scene = Scene::on(database).await;
        let user = scene.user("member").await;
        let app = scene.app("aw").await.id;
        let sides = scene.both_sides().await;
        let mut admitted = 0;
        for _ in 0..12 {
            let (session, _) = scene.session(&user).await;
            let outcomes = crowd(&sides, 8, |db, number| {
                let (session, user, app) = (session.clone(), user.clone(), app.clone());
                async move {
                    match number {
                        5 => end(&db, &session).await,
                        _ => enter(&db, &session, &user, &app).await,
                    }
                }
            })
            .await;
            admitted += how_many(&outcomes, |outcome| *outcome) - 1;
            let alive = scene.count(
                "SELECT COUNT(*) FROM app_sessions x JOIN sessions s ON s.id = x.session_id
                 WHERE x.ended_at IS NULL AND s.ended_at IS NOT NULL",
            );
            assert_eq!(alive.await, 0);
        }
        let recorded = scene.count("SELECT COUNT(*) FROM app_sessions").await;
        assert_eq!(recorded, admitted as i64, "whoever was let in is on record");
    })
    .await;
}

async fn end(db: &Arc<Db>, session: &SessionId) -> bool {
    let mut tx = db.write().await.unwrap();
    assert!(end_session(&mut tx, session, Cause::User, NOON).await.is_some());
    end_of_session(&mut tx, session, Cause::User, NOON).await;
    tx.commit().await.unwrap();
    true
}

async fn enter(db: &Arc<Db>, session: &SessionId, user: &UserId, app: &AppId) -> bool {
    let mut tx = db.write().await.unwrap();
    let session_alone = std::slice::from_ref(session);
    let found = redemptions::lock_entrants(&mut tx, session_alone, &LIMITS, NOON).await.unwrap();
    if found.is_empty() {
        return false;
    }
    let admission = Admission {
        id: AppSessionId::fresh(NOON, &Random::system()),
        session: session.clone(),
        user: user.clone(),
        app: app.clone(),
        expires_at: NOON + HOUR,
    };
    redemptions::record(&mut tx, &[admission], NOON).await.unwrap();
    tx.commit().await.unwrap();
    true
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_first_entry_is_noted_once_and_sets_the_apps_own_bit() {
    on_both(async |database| {
        let scene = Scene::on(database).await;
        let user = scene.user("member").await;
        let apps: Vec<App> =
            vec![scene.app("aw").await, scene.app("bw").await, scene.app("cw").await];
        let shared = Arc::new(apps.clone());
        let noted = crowd(&scene.both_sides().await, 30, |db, number| {
            let (user, apps) = (user.clone(), shared.clone());
            async move {
                let mut tx = db.write().await?;
                let now = NOON + number as i64;
                activations::first_entry(&mut tx, &user, &apps[number % 2 * 2], now).await?;
                tx.commit().await
            }
        })
        .await;
        assert_eq!(how_many(&noted, Result::is_ok), 30, "{noted:?}");
        assert_eq!(scene.count("SELECT COUNT(*) FROM activations").await, 2);
        let flags = scene.count("SELECT app_flag FROM users").await;
        assert_eq!(flags, apps[0].mask() | apps[2].mask());
    })
    .await;
}

// SECURITY-CASES T-06: a spent ticket is remembered as long as it could be shown again.
#[tokio::test]
async fn spent_tickets_are_forgotten_by_the_time_of_their_issue() {
    on_both(async |database| {
        let scene = Scene::on(database).await;
        let app = scene.app("aw").await.id;
        let at = |millis| fresh_text(millis, &Random::system());
        let jtis = [at(NOON - 1), at(NOON), at(NOON + 1)];
        let spends: Vec<Spend> = jtis.iter().map(|jti| spend(jti, &app)).collect();
        try_spend(&scene.db, &spends).await.unwrap();
        let prune = async |before| {
            scene.write(async |tx| redemptions::prune(tx, before).await.unwrap()).await
        };
        assert_eq!(prune(NOON - 1).await, 0);
        assert_eq!(prune(NOON).await, 1, "what was issued before, not at");
        let mut conn = scene.db.read().await.unwrap();
        assert!(redemptions::find(&mut conn, &jtis[0]).await.unwrap().is_none());
        assert!(redemptions::find(&mut conn, &jtis[1]).await.unwrap().is_some());
        drop(conn);
        assert_eq!(prune(NOON + 2).await, 2);
    })
    .await;
}

// Entering somewhere is a sign of life, and such are written at most once a minute.
#[tokio::test]
async fn who_enters_was_seen() {
    on_both(async |database| {
        let scene = Scene::on(database).await;
        let user = scene.user("ann").await;
        let (session, _) = scene.session(&user).await;
        let entered_at = async |now| {
            scene
                .write(async |tx| {
                    let found = redemptions::lock_entrants(
                        tx,
                        std::slice::from_ref(&session),
                        &LIMITS,
                        now,
                    )
                    .await;
                    assert_eq!(found.unwrap().len(), 1);
                })
                .await;
            let mut conn = scene.db.read().await.unwrap();
            let (seen, idle): (i64, i64) =
                sqlx::query_as("SELECT last_seen_at, idle_until FROM sessions WHERE id = $1")
                    .bind(session.as_str())
                    .fetch_one(&mut *conn)
                    .await
                    .unwrap();
            (seen - NOON, idle - NOON)
        };
        let before = entered_at(NOON + MINUTE - 1).await;
        assert_eq!(before.0, 0, "seen within the minute");
        assert_eq!(entered_at(NOON + MINUTE).await, (MINUTE, MINUTE + DAY / 2));
        assert_eq!(entered_at(NOON + MINUTE + 1).await, (MINUTE, MINUTE + DAY / 2));
    })
    .await;
}
