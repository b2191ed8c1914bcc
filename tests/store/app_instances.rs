//! `app_instances`: what was acknowledged stays so, in whatever order the notes arrive.

use harness::{NOON, on_both};
use sso_server::{domain::app::AppId, store::app_instances};

use crate::scene::{CROWD, Scene, contact, crowd};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn acknowledgements_only_go_forward() {
    on_both(async |database| {
        let scene = Scene::on(database).await;
        let aw = scene.app("aw").await.id;
        crowd(&scene.both_sides().await, CROWD, |db, number| {
            let aw = aw.clone();
            async move {
                let mut tx = db.write().await.unwrap();
                // The highest cursor does not come with the latest contact.
                let (cursor, at) = (number as i64, NOON + (CROWD - number) as i64);
                app_instances::note(&mut tx, &aw, contact("web-1", cursor, at)).await.unwrap();
                tx.commit().await.unwrap();
            }
        })
        .await;
        let mut conn = scene.db.read().await.unwrap();
        let found = app_instances::find(&mut conn, &aw, "web-1").await.unwrap();
        let found = found.unwrap();
        assert_eq!((found.acknowledged, found.last_contact_at), (63, NOON + 64));
        assert_eq!(app_instances::count(&mut conn, &aw).await.unwrap(), 1);
    })
    .await;
}

#[tokio::test]
async fn instances_belong_to_their_app_and_are_forgotten_when_silent() {
    on_both(async |database| {
        let scene = Scene::on(database).await;
        let (aw, bw) = (scene.app("aw").await.id, scene.app("bw").await.id);
        scene
            .write(async |tx| {
                for (app, instance, at) in
                    [(&aw, "a", NOON), (&aw, "b", NOON + 1), (&bw, "a", NOON)]
                {
                    app_instances::note(tx, app, contact(instance, 5, at)).await.unwrap();
                }
                let unknown = AppId::parse("nobody").unwrap();
                assert_eq!(app_instances::find(tx, &unknown, "a").await.unwrap(), None);
                assert_eq!(app_instances::find(tx, &aw, "c").await.unwrap(), None);
                assert_eq!(app_instances::count(tx, &aw).await.unwrap(), 2);
                assert_eq!(app_instances::prune(tx, NOON).await.unwrap(), 0);
                assert_eq!(app_instances::prune(tx, NOON + 1).await.unwrap(), 2);
                assert_eq!(app_instances::count(tx, &aw).await.unwrap(), 1);
                assert!(app_instances::find(tx, &aw, "b").await.unwrap().is_some());
            })
            .await;
    })
    .await;
}
