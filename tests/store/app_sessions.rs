//! `app_sessions`: each app sees its own; ended once, for the first cause.

use client_sdk::wire::Cause;
use harness::{DAY, NOON, on_both};
use sso_server::{
    domain::app::AppId,
    store::{
        app_sessions::{self, EndedAppSession},
        sessions,
    },
};

use crate::scene::{CROWD, Scene, crowd, end_app_session, end_of_app, end_of_session, how_many};

#[tokio::test]
async fn an_app_sees_its_own_sessions_only() {
    on_both(async |database| {
        let scene = Scene::on(database).await;
        let user = scene.user("member").await;
        let (session, _) = scene.session(&user).await;
        let (aw, bw) = (scene.app("aw").await.id, scene.app("bw").await.id);
        let id = scene.app_session(&session, &user, &aw).await;
        let mut conn = scene.db.read().await.unwrap();
        let found = app_sessions::find(&mut conn, &aw, &id).await.unwrap().unwrap();
        assert_eq!((&found.session, &found.user), (&session, &user));
        assert_eq!((found.created_at, found.expires_at, found.ended), (NOON, NOON + DAY, None));
        assert!(app_sessions::find(&mut conn, &bw, &id).await.unwrap().is_none(), "another app's");
        drop(conn);
        scene
            .write(async |tx| {
                let own = end_app_session(tx, &id, Cause::App, NOON + 1).await;
                assert_eq!(own.unwrap().session, session);
                let found = app_sessions::find(tx, &aw, &id).await.unwrap().unwrap();
                assert_eq!(found.ended, Some((NOON + 1, Cause::App)));
            })
            .await;
    })
    .await;
}

// SECURITY-CASES Q-01: three ways to end it, at once, on two sides.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_app_session_ends_once_whoever_ends_it() {
    on_both(async |database| {
        let scene = Scene::on(database).await;
        let user = scene.user("member").await;
        let (session, _) = scene.session(&user).await;
        let aw = scene.app("aw").await.id;
        let id = scene.app_session(&session, &user, &aw).await;
        let ways = [Cause::App, Cause::User, Cause::AppDisabled];
        let ended = crowd(&scene.both_sides().await, CROWD, |db, number| {
            let (session, aw, id) = (session.clone(), aw.clone(), id.clone());
            async move {
                let mut tx = db.write().await.unwrap();
                let cause = ways[number % 3];
                let ended: Vec<EndedAppSession> = match cause {
                    Cause::App => {
                        end_app_session(&mut tx, &id, cause, NOON).await.into_iter().collect()
                    }
                    Cause::User => end_of_session(&mut tx, &session, cause, NOON).await,
                    _ => end_of_app(&mut tx, &aw, cause, NOON).await,
                };
                tx.commit().await.unwrap();
                ended.into_iter().map(|one| (one.id, cause)).collect::<Vec<_>>()
            }
        })
        .await;
        assert_eq!(how_many(&ended, |ended| !ended.is_empty()), 1);
        let (ended_id, cause) = ended.into_iter().flatten().next().unwrap();
        assert_eq!(ended_id, id);
        let mut conn = scene.db.read().await.unwrap();
        let found = app_sessions::find(&mut conn, &aw, &id).await.unwrap().unwrap();
        assert_eq!(found.ended, Some((NOON, cause)), "the first cause stands");
    })
    .await;
}

#[tokio::test]
async fn each_way_ends_what_is_meant_and_nothing_else() {
    on_both(async |database| {
        let scene = Scene::on(database).await;
        let user = scene.user("member").await;
        let ((one, _), (two, _)) = (scene.session(&user).await, scene.session(&user).await);
        let (aw, bw) = (scene.app("aw").await.id, scene.app("bw").await.id);
        let mut ids = Vec::new();
        for (session, app) in [(&one, &aw), (&one, &bw), (&two, &aw), (&two, &bw)] {
            ids.push((scene.app_session(session, &user, app).await, app.clone()));
        }
        let names = |ended: Vec<EndedAppSession>| {
            let mut names: Vec<_> = ended.into_iter().map(|one| (one.id, one.app)).collect();
            names.sort();
            names
        };
        let live = async || {
            let mut live = Vec::new();
            let mut conn = scene.db.read().await.unwrap();
            for (id, app) in &ids {
                let found = app_sessions::find(&mut conn, app, id).await.unwrap().unwrap();
                live.push(found.ended.is_none());
            }
            live
        };
        let of_one =
            scene.write(async |tx| end_of_session(tx, &one, Cause::User, NOON).await).await;
        let mut wanted = ids[..2].to_vec();
        wanted.sort();
        assert_eq!(names(of_one), wanted);
        assert_eq!(live().await, [false, false, true, true]);
        let of_aw =
            scene.write(async |tx| end_of_app(tx, &aw, Cause::AppDisabled, NOON).await).await;
        assert_eq!(names(of_aw), [ids[2].clone()], "what had ended is not ended again");
        assert_eq!(live().await, [false, false, false, true]);
        let nobody = AppId::parse("nobody").unwrap();
        let none =
            scene.write(async |tx| end_of_app(tx, &nobody, Cause::AppDisabled, NOON).await).await;
        assert!(none.is_empty());
    })
    .await;
}

// What is shown as left of a logout of many is what its portions would still find.
#[tokio::test]
async fn what_is_left_of_a_logout_of_many_is_counted_as_its_portions_find_it() {
    on_both(async |database| {
        let scene = Scene::on(database).await;
        let user = scene.user("member").await;
        let (aw, bw) = (scene.app("aw").await.id, scene.app("bw").await.id);
        let mut first = None;
        for _ in 0..3 {
            let (session, _) = scene.session(&user).await;
            for app in [&aw, &bw] {
                first.get_or_insert(scene.app_session(&session, &user, app).await);
            }
        }
        scene.write(async |tx| end_app_session(tx, &first.unwrap(), Cause::App, NOON).await).await;
        let mut conn = scene.db.read().await.unwrap();
        for (app, until, wanted) in [(&aw, NOON, 2), (&bw, NOON, 3), (&bw, NOON - 1, 0)] {
            let counted = app_sessions::count_begun_until(&mut conn, app, until).await.unwrap();
            let found = app_sessions::portion(&mut conn, app, "", until, 32).await.unwrap().len();
            assert_eq!((counted, found), (wanted, usize::try_from(wanted).unwrap()), "{app}");
        }
        for (device_class, until, wanted) in [
            (None, NOON, 3),
            (Some("desktop"), NOON, 3),
            (Some("phone"), NOON, 0),
            (None, NOON - 1, 0),
        ] {
            let counted =
                sessions::count_begun_until(&mut conn, device_class, until).await.unwrap();
            let all = sessions::Portion { device_class, after: "", begun_until: until, limit: 32 };
            let found = sessions::portion(&mut conn, all).await.unwrap().len();
            assert_eq!((counted, found), (wanted, usize::try_from(wanted).unwrap()));
        }
    })
    .await;
}
