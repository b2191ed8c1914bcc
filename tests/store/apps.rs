//! `apps`: ids and bits are given once; every change is seen by whoever asks next, on any node.

use harness::{HOUR, NOON, on_both};
use sso_server::{
    domain::{app::AppId, events_url::EventsUrl, return_url::Origin, token::Digest},
    store::{Stored, apps},
};

use crate::scene::{CROWD, Scene, crowd, how_many, new_app};

// SECURITY-CASES Q-01
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_who_register_one_id_one_does() {
    on_both(async |database| {
        let scene = Scene::on(database).await;
        let outcomes = crowd(&scene.both_sides().await, CROWD, |db, _| async move {
            let mut tx = db.write().await?;
            apps::insert(&mut tx, &new_app("aw")).await?;
            tx.commit().await
        })
        .await;
        assert_eq!(how_many(&outcomes, Result::is_ok), 1, "{outcomes:?}");
        let conflict = |one: &Stored<()>| one.as_ref().is_err_and(|error| error.is_conflict());
        assert_eq!(how_many(&outcomes, conflict), CROWD - 1, "{outcomes:?}");
        assert_eq!(scene.count("SELECT COUNT(*) FROM event_logs").await, 1);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_app_has_a_bit_of_its_own_for_good() {
    on_both(async |database| {
        let scene = Scene::on(database).await;
        let mut bits = crowd(&scene.both_sides().await, 20, |db, number| async move {
            let mut tx = db.write().await.unwrap();
            let bit = apps::insert(&mut tx, &new_app(&format!("app{number}"))).await.unwrap();
            tx.commit().await.unwrap();
            bit
        })
        .await;
        bits.sort();
        assert_eq!(bits, (0..20).collect::<Vec<_>>());
        let last = scene.count("SELECT bit FROM apps WHERE id = 'app7'").await;
        let gone = AppId::parse("app7").unwrap();
        assert!(scene.write(async |tx| apps::delete(tx, &gone, NOON).await.unwrap()).await);
        let next = scene.app("next").await;
        assert_eq!(next.bit, 20, "not {last}, which people's flags still hold");
    })
    .await;
}

// SECURITY-CASES D-12
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deleted_app_is_gone_once_and_its_id_stays_taken() {
    on_both(async |database| {
        let scene = Scene::on(database).await;
        let aw = scene.app("aw").await.id;
        let deleted = crowd(&scene.both_sides().await, 16, |db, _| {
            let aw = aw.clone();
            async move {
                let mut tx = db.write().await.unwrap();
                let deleted = apps::delete(&mut tx, &aw, NOON).await.unwrap();
                tx.commit().await.unwrap();
                deleted
            }
        })
        .await;
        assert_eq!(how_many(&deleted, |deleted| *deleted), 1);
        assert!(scene.db.apps().await.unwrap().get(&aw).is_none());
        assert!(apps::all(&mut scene.db.read().await.unwrap()).await.unwrap().is_empty());
        let mut tx = scene.db.write().await.unwrap();
        assert!(!apps::set_disabled(&mut tx, &aw, None).await.unwrap(), "nor let back in");
        let secret = Digest::of(b"new");
        assert!(!apps::set_secret(&mut tx, &aw, &secret, None).await.unwrap());
        assert!(apps::insert(&mut tx, &new_app("aw")).await.unwrap_err().is_conflict());
        drop(tx);
        let usable = "SELECT COUNT(*) FROM apps WHERE secret_digest <> '' OR disabled_at IS NULL";
        assert_eq!(scene.count(usable).await, 0);
    })
    .await;
}

#[tokio::test]
async fn apps_are_read_back_as_they_were_written_in_order() {
    on_both(async |database| {
        let scene = Scene::on(database).await;
        let mut full = new_app("b-full");
        full.origins = vec![Origin::register("https://b.example").unwrap()];
        full.events_url = Some(EventsUrl::register("https://b.example/events").unwrap());
        (full.jsonp_since, full.may_end_user_since) = (Some(NOON), Some(NOON + 1));
        full.old_browsers_since = Some(NOON + 2);
        full.name = "B's \"first\"; DROP TABLE apps".to_owned();
        scene
            .write(async |tx| {
                for app in [&new_app("c"), &full, &new_app("a")] {
                    apps::insert(tx, app).await.unwrap();
                }
            })
            .await;
        full.bit = 1;
        let all = apps::all(&mut scene.db.read().await.unwrap()).await.unwrap();
        assert_eq!(all.iter().map(|app| app.id.as_str()).collect::<Vec<_>>(), ["a", "b-full", "c"]);
        assert_eq!(format!("{:?}", all[1]), format!("{full:?}"));
        assert_eq!((all[1].secret.clone(), all[1].mask()), (full.secret, 2));
    })
    .await;
}

// The copy at hand is never older than the last commit, of whichever process.
#[tokio::test]
async fn every_change_is_seen_at_once_from_both_sides() {
    on_both(async |database| {
        let scene = Scene::on(database).await;
        let [here, there] = scene.both_sides().await;
        let aw = new_app("aw").id;
        let secrets = [Digest::of(b"aw"), Digest::of(b"second"), Digest::of(b"third")];
        for (writer, round) in [(&here, 0), (&there, 1)] {
            let app = new_app(&format!("app{round}"));
            for db in [&here, &there] {
                assert!(db.apps().await.unwrap().get(&app.id).is_none(), "also kept as absent");
            }
            let mut tx = writer.write().await.unwrap();
            apps::insert(&mut tx, &app).await.unwrap();
            tx.commit().await.unwrap();
            for db in [&here, &there] {
                assert!(db.apps().await.unwrap().get(&app.id).is_some(), "round {round}");
            }
        }
        scene.write(async |tx| apps::insert(tx, &new_app("aw")).await.unwrap()).await;
        let both_see = async |so: &dyn Fn(&sso_server::domain::app::App) -> bool, what: &str| {
            for db in [&here, &there] {
                let at_hand = db.apps().await.unwrap();
                assert!(so(at_hand.get(&aw).unwrap()), "{what}");
                let version = scene.count("SELECT version FROM registry WHERE id = 'apps'").await;
                let at_hand = db.apps_at(version).await.unwrap();
                assert!(so(at_hand.get(&aw).unwrap()), "{what}, by version");
            }
        };
        both_see(&|app| app.accepts_secret(&secrets[0], NOON), "the first secret").await;
        for (writer, at) in [(&here, NOON), (&there, NOON + 1)] {
            let change = async |disabled_at| {
                let mut tx = writer.write().await.unwrap();
                let changed = apps::set_disabled(&mut tx, &aw, disabled_at).await.unwrap();
                tx.commit().await.unwrap();
                changed
            };
            assert!(change(Some(at)).await);
            both_see(&|app| app.disabled_at == Some(at), "disabled").await;
            assert!(!change(Some(at + 9)).await, "already");
            both_see(&|app| app.disabled_at == Some(at), "still since then").await;
            assert!(change(None).await);
            both_see(&|app| app.disabled_at.is_none(), "enabled").await;
            assert!(!change(None).await, "already");
        }
        let until = NOON + HOUR;
        let mut tx = there.write().await.unwrap();
        assert!(apps::set_secret(&mut tx, &aw, &secrets[1], Some(until)).await.unwrap());
        tx.commit().await.unwrap();
        both_see(
            &|app| {
                app.accepts_secret(&secrets[1], until)
                    && app.accepts_secret(&secrets[0], until - 1)
                    && !app.accepts_secret(&secrets[0], until)
            },
            "both secrets, the old one until its millisecond",
        )
        .await;
        let mut tx = here.write().await.unwrap();
        assert!(apps::set_secret(&mut tx, &aw, &secrets[2], None).await.unwrap());
        tx.commit().await.unwrap();
        both_see(
            &|app| {
                app.accepts_secret(&secrets[2], NOON)
                    && !app.accepts_secret(&secrets[1], NOON)
                    && !app.accepts_secret(&secrets[0], NOON)
            },
            "the last secret alone",
        )
        .await;
    })
    .await;
}
