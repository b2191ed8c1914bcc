//! `sessions`: who is live, to the millisecond; ended once, renewed once.

use client_sdk::wire::Cause;
use harness::{DAY, Database, MINUTE, NOON, on_both};
use sso_server::{
    domain::{
        id::{SessionId, UserId},
        token::Digest,
    },
    random::Random,
    store::{
        Db,
        sessions::{self, Found, Renewal},
        users,
    },
};
use std::sync::Arc;

use crate::scene::{
    CROWD, Scene, crowd, end_app_session, end_session, fresh_digest, how_many, new_session,
    until_waiting_for_locks,
};

async fn find(db: &Arc<Db>, digest: &Digest, now: i64) -> Option<Result<SessionId, Cause>> {
    match sessions::find_live(db, digest, now).await.unwrap() {
        Found::Live(session) => Some(Ok(session.id.clone())),
        Found::Over(_, cause) => Some(Err(cause)),
        Found::Nothing => None,
    }
}

// SECURITY-CASES S-06: the server's clock decides, exactly.
#[tokio::test]
async fn a_session_is_over_at_its_millisecond() {
    on_both(async |database| {
        let scene = Scene::on(database).await;
        let user = scene.user("member").await;
        let (expiring, by_end) = scene.session_until(&user, NOON + DAY, NOON + MINUTE).await;
        let (idling, by_idleness) = scene.session_until(&user, NOON + MINUTE, NOON + DAY).await;
        for (id, digest, cause) in
            [(&expiring, &by_end, Cause::Expired), (&idling, &by_idleness, Cause::Idle)]
        {
            let at = NOON + MINUTE;
            assert_eq!(find(&scene.db, digest, at - 1).await, Some(Ok(id.clone())));
            assert_eq!(find(&scene.db, digest, at).await, Some(Err(cause)), "at the moment");
            let listed = async |now| {
                let mut conn = scene.db.read().await.unwrap();
                let live = sessions::live_of_user(&mut conn, &user, now, 9).await.unwrap();
                live.iter().any(|listed| listed.id == *id)
            };
            assert!(listed(at - 1).await && !listed(at).await, "lists agree");
        }
        assert_eq!(find(&scene.db, &fresh_digest(), NOON).await, None);
        scene.end(&idling).await;
        assert_eq!(find(&scene.db, &by_idleness, NOON).await, None, "ended");
        scene.write(async |tx| users::set_disabled(tx, &user, Some(NOON)).await.unwrap()).await;
        assert_eq!(find(&scene.db, &by_end, NOON).await, None, "disabled");
    })
    .await;
}

// SECURITY-CASES Q-01
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_who_end_a_session_one_does() {
    on_both(async |database| {
        let scene = Scene::on(database).await;
        let user = scene.user("member").await;
        let (id, _) = scene.session(&user).await;
        let (other, _) = scene.session(&user).await;
        let causes = [Cause::User, Cause::Admin];
        let ended = crowd(&scene.both_sides().await, CROWD, |db, number| {
            let id = id.clone();
            async move {
                let mut tx = db.write().await.unwrap();
                let cause = causes[number % 2];
                let ended = end_session(&mut tx, &id, cause, NOON + number as i64).await;
                tx.commit().await.unwrap();
                ended.map(|ended| (ended.user, cause))
            }
        })
        .await;
        assert_eq!(how_many(&ended, Option::is_some), 1);
        let (whose, cause) = ended.into_iter().flatten().next().unwrap();
        assert_eq!(whose, user);
        let stored = "SELECT COUNT(*) FROM sessions WHERE ended_at IS NOT NULL";
        assert_eq!(scene.count(stored).await, 1, "and no other session");
        let by = "SELECT COUNT(*) FROM sessions WHERE end_cause = 'user'";
        assert_eq!(scene.count(by).await == 1, cause == Cause::User, "the winner's cause stands");
        let mut conn = scene.db.read().await.unwrap();
        assert_eq!(sessions::unended_of_user(&mut conn, &user).await.unwrap(), [other]);
    })
    .await;
}

fn renewal<'a>(id: &'a SessionId, digest: &'a Digest) -> Renewal<'a> {
    let (now, idle_until) = (NOON + MINUTE, NOON + DAY);
    Renewal {
        id,
        digest,
        amr: &["pwd", "otp"],
        identity: None,
        kept: false,
        auth_time: now,
        now,
        idle_until,
    }
}

// SECURITY-CASES S-05: from the commit on the old cookie is void.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_is_renewed_once_from_one_cookie() {
    on_both(async |database| {
        let scene = Scene::on(database).await;
        let user = scene.user("member").await;
        let (id, old) = scene.session(&user).await;
        assert_eq!(find(&scene.db, &old, NOON).await, Some(Ok(id.clone())));
        let outcomes = crowd(&scene.both_sides().await, CROWD, |db, _| {
            let (id, old, new) = (id.clone(), old.clone(), fresh_digest());
            async move {
                let mut tx = db.write().await.unwrap();
                let renewed = sessions::renew(&mut tx, &old, renewal(&id, &new)).await.unwrap();
                tx.commit().await.unwrap();
                (renewed, new)
            }
        })
        .await;
        assert_eq!(how_many(&outcomes, |(renewed, _)| *renewed), 1);
        assert_eq!(find(&scene.db, &old, NOON).await, None, "the old cookie");
        for (renewed, new) in &outcomes {
            assert_eq!(find(&scene.db, new, NOON).await.is_some(), *renewed);
        }
        let (_, new) = outcomes.iter().find(|(renewed, _)| *renewed).unwrap();
        let Found::Live(session) = sessions::find_live(&scene.db, new, NOON).await.unwrap() else {
            panic!("it is live");
        };
        assert_eq!((session.auth_time, session.kept), (NOON + MINUTE, false));
        assert_eq!(session.amr, ["pwd", "otp"]);

        scene.end(&id).await;
        let late = fresh_digest();
        let renewed =
            scene.write(async |tx| sessions::renew(tx, new, renewal(&id, &late)).await.unwrap());
        assert!(!renewed.await, "an ended session is not renewed");
        assert_eq!(find(&scene.db, &late, NOON).await, None);
    })
    .await;
}

// SECURITY-CASES S-09: a slow request writes nothing into a session that was ended under it.
#[tokio::test]
async fn an_ended_session_takes_nothing_in() {
    on_both(async |database| {
        let scene = Scene::on(database).await;
        let user = scene.user("member").await;
        let (id, digest) = scene.session(&user).await;
        scene
            .write(async |tx| {
                assert!(sessions::put_state(tx, &digest, r#"{"a":"1"}"#).await.unwrap());
                sessions::touch(tx, &id, NOON + MINUTE, NOON + DAY, NOON).await.unwrap();
            })
            .await;
        let Found::Live(session) = sessions::find_live(&scene.db, &digest, NOON).await.unwrap()
        else {
            panic!("it is live");
        };
        assert_eq!(session.state, r#"{"a":"1"}"#);
        scene.end(&id).await;
        scene
            .write(async |tx| {
                assert!(!sessions::put_state(tx, &digest, "{}").await.unwrap());
                assert!(!sessions::put_state(tx, &fresh_digest(), "{}").await.unwrap());
                sessions::touch(tx, &id, NOON + DAY, NOON + DAY, NOON + DAY).await.unwrap();
            })
            .await;
        let untouched =
            format!("SELECT COUNT(*) FROM sessions WHERE last_seen_at = {}", NOON + MINUTE);
        assert_eq!(scene.count(untouched.leak()).await, 1);
        assert_eq!(scene.count("SELECT COUNT(*) FROM sessions").await, 1, "an update makes no row");
    })
    .await;
}

#[tokio::test]
async fn a_sign_of_life_is_written_once_a_minute() {
    on_both(async |database| {
        let scene = Scene::on(database).await;
        let user = scene.user("member").await;
        let (id, _) = scene.session(&user).await;
        let touch = async |now: i64| {
            scene
                .write(async |tx| {
                    sessions::touch(tx, &id, now, now + DAY, now - MINUTE).await.unwrap();
                })
                .await;
            let mut conn = scene.db.read().await.unwrap();
            sessions::live(&mut conn, NOON, 1).await.unwrap()[0].last_seen_at
        };
        assert_eq!(touch(NOON + MINUTE - 1).await, NOON, "not yet");
        assert_eq!(touch(NOON + MINUTE).await, NOON + MINUTE);
        assert_eq!(touch(NOON + MINUTE + 1).await, NOON + MINUTE);
    })
    .await;
}

#[tokio::test]
async fn lists_begin_with_the_latest_and_name_live_apps_once() {
    on_both(async |database| {
        let scene = Scene::on(database).await;
        let (user, other) = (scene.user("member").await, scene.user("other").await);
        let (aw, bw) = (scene.app("aw").await.id, scene.app("bw").await.id);
        // More than one statement takes.
        let mut ids = Vec::new();
        for number in 0..40 {
            let (id, _) = scene.session(&user).await;
            scene
                .write(async |tx| {
                    let at = NOON + i64::from(number);
                    sessions::touch(tx, &id, at, NOON + DAY, NOON).await.unwrap();
                })
                .await;
            scene.app_session(&id, &user, &bw).await;
            scene.app_session(&id, &user, &bw).await;
            let ended = scene.app_session(&id, &user, &aw).await;
            if number % 2 == 0 {
                scene.write(async |tx| end_app_session(tx, &ended, Cause::App, NOON).await).await;
            }
            ids.push(id);
        }
        let (strangers, _) = scene.session(&other).await;
        let mut conn = scene.db.read().await.unwrap();
        let live = sessions::live_of_user(&mut conn, &user, NOON, 100).await.unwrap();
        let found: Vec<SessionId> = live.iter().map(|listed| listed.id.clone()).collect();
        ids.reverse();
        assert_eq!(found, ids);
        for (number, listed) in live.iter().rev().enumerate() {
            let wanted: &[&str] = if number % 2 == 0 { &["The bw"] } else { &["The aw", "The bw"] };
            assert_eq!(listed.apps, wanted, "{number}");
            assert_eq!(listed.username, "member");
        }
        let few = sessions::live_of_user(&mut conn, &user, NOON, 3).await.unwrap();
        assert_eq!(
            few.iter().map(|listed| &listed.id).collect::<Vec<_>>(),
            [&ids[0], &ids[1], &ids[2]]
        );
        let all = sessions::live(&mut conn, NOON, 100).await.unwrap();
        assert_eq!(all.len(), 41);
        assert!(all.iter().any(|listed| listed.id == strangers && listed.apps.is_empty()));
    })
    .await;
}

// Look-ups that travel together come back to whoever asked, and a dropped one takes nobody with it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everybody_finds_their_own_session() {
    on_both(async |database| {
        let scene = Scene::on(database).await;
        let user = scene.user("member").await;
        let mut known = Vec::new();
        for _ in 0..50 {
            known.push(scene.session(&user).await);
        }
        scene.end(&known[7].0).await;
        let known = Arc::new(known);
        let outcomes = crowd(&scene.both_sides().await, 200, |db, number| {
            let known = known.clone();
            async move {
                let (id, digest) = &known[number % known.len()];
                match number % 4 {
                    0 => {
                        let lookup = tokio::spawn({
                            let (db, digest) = (db.clone(), digest.clone());
                            async move { find(&db, &digest, NOON).await }
                        });
                        tokio::task::yield_now().await;
                        lookup.abort();
                        true
                    }
                    1 => find(&db, &fresh_digest(), NOON).await.is_none(),
                    _ if number % known.len() == 7 => find(&db, digest, NOON).await.is_none(),
                    _ => find(&db, digest, NOON).await == Some(Ok(id.clone())),
                }
            }
        })
        .await;
        assert_eq!(how_many(&outcomes, |right| *right), 200, "{outcomes:?}");
    })
    .await;
}

#[tokio::test]
async fn one_digest_names_one_session_and_a_session_has_a_user() {
    on_both(async |database| {
        let scene = Scene::on(database).await;
        let user = scene.user("member").await;
        let (_, digest) = scene.session(&user).await;
        let insert = async |digest: &Digest, user: &UserId| {
            let id = SessionId::fresh(NOON, &Random::system());
            let mut tx = scene.db.write().await.unwrap();
            let new = new_session(&id, digest, user, NOON + DAY, NOON + DAY);
            sessions::insert(&mut tx, new).await?;
            tx.commit().await
        };
        assert!(insert(&digest, &user).await.unwrap_err().is_conflict());
        assert!(
            insert(&fresh_digest(), &crate::scene::fresh_user()).await.is_err(),
            "no such user"
        );
        insert(&fresh_digest(), &user).await.unwrap();
    })
    .await;
}

// SECURITY-CASES Q-07: who logs in while the account is being disabled is ended with the others.
#[tokio::test]
async fn a_login_and_a_disabling_wait_for_each_other() {
    let scene = Scene::on(Database::Postgres).await;
    let user = scene.user("member").await;
    let (id, digest) = (SessionId::fresh(NOON, &Random::system()), fresh_digest());
    let mut login = scene.db.write().await.unwrap();
    assert!(users::note_login(&mut login, &user, NOON).await.unwrap().is_some());
    let new = new_session(&id, &digest, &user, NOON + DAY, NOON + DAY);
    sessions::insert(&mut login, new).await.unwrap();
    let disabling = tokio::spawn({
        let (db, user) = (scene.another().await, user.clone());
        async move {
            let mut tx = db.write().await.unwrap();
            users::set_disabled(&mut tx, &user, Some(NOON)).await.unwrap();
            let seen = sessions::unended_of_user(&mut tx, &user).await.unwrap();
            tx.commit().await.unwrap();
            seen
        }
    });
    until_waiting_for_locks(&scene.db, 1).await;
    login.commit().await.unwrap();
    assert_eq!(disabling.await.unwrap(), [id], "it sees the session that was written beside it");
    let late = scene.write(async |tx| users::note_login(tx, &user, NOON).await.unwrap()).await;
    assert_eq!(late, None, "afterwards nobody logs in");
}
