//! `users`: one account a name and address, whoever is quickest; what is left of a deleted one.

use harness::{DAY, Database, NOON, Passport, on_both};
use sqlx::Executor;
use sso_server::{
    domain::user::{Email, LoginName, Username},
    flows::users::{self as flows, AddUser},
    store::users::{self, NewUser},
};

use crate::scene::{CROWD, Scene, add_user, crowd, fresh_user, how_many, until_waiting_for_locks};

// SECURITY-CASES: spellings of one name, at once, from two processes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_who_take_one_name_one_gets_it() {
    on_both(async |database| {
        let scene = Scene::on(database).await;
        let sides = scene.both_sides().await;
        let spellings = ["Member", "member", "MEMBER", "ｍｅｍｂｅｒ"];
        for name in spellings {
            assert_eq!(Username::parse(name).unwrap().key(), "member", "one name: {name}");
        }
        let outcomes = crowd(&sides, CROWD, move |db, number| async move {
            let mut tx = db.write().await?;
            add_user(&mut tx, &fresh_user(), spellings[number % 4]).await?;
            tx.commit().await
        })
        .await;
        assert_eq!(how_many(&outcomes, Result::is_ok), 1, "{outcomes:?}");
        let conflict = |outcome: &Result<(), sso_server::store::StoreError>| {
            outcome.as_ref().is_err_and(|error| error.is_conflict())
        };
        assert_eq!(how_many(&outcomes, conflict), CROWD - 1, "{outcomes:?}");
        assert_eq!(scene.count("SELECT COUNT(*) FROM users").await, 1);

        let all_different = crowd(&sides, CROWD, |db, number| async move {
            let mut tx = db.write().await?;
            add_user(&mut tx, &fresh_user(), &format!("person{number}")).await?;
            tx.commit().await
        })
        .await;
        assert_eq!(how_many(&all_different, Result::is_ok), CROWD, "{all_different:?}");
    })
    .await;
}

// SECURITY-CASES Q-09: the database compares the keys that Rust computed, and nothing else.
#[tokio::test]
async fn names_and_addresses_that_look_alike_are_taken() {
    on_both(async |database| {
        let scene = Scene::on(database).await;
        let taken = async |name: &str, email: Option<&str>| {
            let (username, email) =
                (Username::parse(name).unwrap(), email.map(|email| Email::parse(email).unwrap()));
            let id = fresh_user();
            let mut tx = scene.db.write().await.unwrap();
            let new = NewUser {
                id: &id,
                username: &username,
                email: email.as_ref(),
                password_hash: None,
                admin: false,
                now: NOON,
            };
            match users::insert(&mut tx, new).await {
                Ok(()) => {
                    tx.commit().await.unwrap();
                    false
                }
                Err(error) => {
                    assert!(error.is_conflict(), "{error}");
                    true
                }
            }
        };
        for (name, email, expected) in [
            ("coco", Some("Coco@example.org"), false),
            ("СОСО", None, true), // Cyrillic, looks like coco
            ("Coco", None, true),
            ("c0co", None, false),
            ("other", Some("coco@EXAMPLE.org"), true),
            ("other", Some("coco@example.com"), false),
            ("straße", None, false),
            ("STRASSE", None, true),
            ("nobody1", None, false),
            ("nobody2", None, false), // two without an address do not collide
        ] {
            assert_eq!(taken(name, email).await, expected, "{name} {email:?}");
        }
    })
    .await;
}

#[tokio::test]
async fn credentials_are_found_by_name_and_by_address() {
    on_both(async |database| {
        let scene = Scene::on(database).await;
        let (id, username) = (fresh_user(), Username::parse("Ann").unwrap());
        let email = Email::parse("Ann@Example.org").unwrap();
        let new = NewUser {
            id: &id,
            username: &username,
            email: Some(&email),
            password_hash: Some("$argon2id$one"),
            admin: true,
            now: NOON,
        };
        scene.write(async |tx| users::insert(tx, new).await.unwrap()).await;
        let mut conn = scene.db.read().await.unwrap();
        for typed in ["ann", "ANN", " ann ", "ann@example.org", "ANN@EXAMPLE.ORG"] {
            let found = users::credentials(&mut conn, &LoginName::parse(typed)).await.unwrap();
            assert_eq!(found.map(|found| found.user), Some(id.clone()), "{typed}");
        }
        for typed in ["an", "ann2", "ann@example.com", "", "' OR '1'='1", "ann%", "a:b"] {
            let found = users::credentials(&mut conn, &LoginName::parse(typed)).await.unwrap();
            assert!(found.is_none(), "{typed}");
        }
        assert_eq!(users::count_admins(&mut conn).await.unwrap(), 1);
        drop(conn);

        // SECURITY-CASES L-26: an upgrade never overwrites a password that was set meanwhile.
        scene
            .write(async |tx| {
                users::upgrade_hash(tx, &id, "$argon2id$one", "$argon2id$two").await.unwrap();
                assert!(users::set_password(tx, &id, "$argon2id$new", NOON + 1).await.unwrap());
                users::upgrade_hash(tx, &id, "$argon2id$two", "$argon2id$late").await.unwrap();
                assert!(!users::set_password(tx, &fresh_user(), "x", NOON).await.unwrap());
                let found = users::credentials(tx, &LoginName::parse("ann")).await.unwrap();
                assert_eq!(found.unwrap().password_hash.as_deref(), Some("$argon2id$new"));
            })
            .await;
    })
    .await;
}

// SECURITY-CASES Q-01
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_account_is_disabled_once_enabled_once_and_deleted_once() {
    on_both(async |database| {
        let scene = Scene::on(database).await;
        let sides = scene.both_sides().await;
        let user = scene.user("member").await;
        let may = scene.write(async |tx| users::note_login(tx, &user, NOON).await.unwrap()).await;
        assert!(may.is_some());
        for (what, disabled_at) in [("disabled", Some(NOON)), ("enabled", None)] {
            let id = user.clone();
            let changed = crowd(&sides, CROWD, move |db, _| {
                let id = id.clone();
                async move {
                    let mut tx = db.write().await.unwrap();
                    let changed = users::set_disabled(&mut tx, &id, disabled_at).await.unwrap();
                    tx.commit().await.unwrap();
                    changed
                }
            })
            .await;
            assert_eq!(how_many(&changed, |changed| *changed), 1, "{what}");
            let may =
                scene.write(async |tx| users::note_login(tx, &user, NOON).await.unwrap()).await;
            assert_eq!(may.is_some(), disabled_at.is_none(), "whoever is {what} may log in or not");
        }
        let id = user.clone();
        let erased = crowd(&sides, CROWD, move |db, _| {
            let id = id.clone();
            async move {
                let mut tx = db.write().await.unwrap();
                let erased = users::erase(&mut tx, &id, NOON).await.unwrap();
                tx.commit().await.unwrap();
                erased
            }
        })
        .await;
        assert_eq!(how_many(&erased, |erased| *erased), 1, "deleted");
    })
    .await;
}

#[tokio::test]
async fn of_a_deleted_account_the_id_stays_and_nothing_personal() {
    on_both(async |database| {
        let scene = Scene::on(database).await;
        let (id, username) = (fresh_user(), Username::parse("Ann").unwrap());
        let email = Email::parse("ann@example.org").unwrap();
        let new = |id| NewUser {
            id,
            username: &username,
            email: Some(&email),
            password_hash: Some("$argon2id$secret"),
            admin: true,
            now: NOON,
        };
        scene
            .write(async |tx| {
                users::insert(tx, new(&id)).await.unwrap();
                assert!(users::erase(tx, &id, NOON + DAY).await.unwrap());
            })
            .await;
        let mut conn = scene.db.read().await.unwrap();
        let left = users::find(&mut conn, &id).await.unwrap().expect("the row stays");
        let shown = format!("{left:?}").to_lowercase();
        assert!(!shown.replace(id.as_str(), "").contains("ann"), "{shown}");
        assert_eq!((left.email, left.nickname, left.admin_since), (None, None, None));
        assert_eq!(left.disabled_at, Some(NOON + DAY));
        assert!(!left.has_password);
        for typed in ["ann", "ann@example.org", &format!("deleted:{id}")] {
            let found = users::credentials(&mut conn, &LoginName::parse(typed)).await.unwrap();
            assert!(found.is_none(), "{typed}");
        }
        assert!(users::list(&mut conn, 10).await.unwrap().is_empty());
        assert_eq!(users::count_admins(&mut conn).await.unwrap(), 0);
        drop(conn);
        let again = scene.db.write().await.unwrap();
        let refused = {
            let mut tx = again;
            users::insert(&mut tx, new(&id)).await
        };
        assert!(refused.unwrap_err().is_conflict(), "the id is never used again");
        let other = fresh_user();
        scene.write(async |tx| users::insert(tx, new(&other)).await.unwrap()).await;
        let mut conn = scene.db.read().await.unwrap();
        let found = users::find_by_name(&mut conn, &username).await.unwrap().unwrap();
        assert_eq!(found.id, other, "the name is free again");
    })
    .await;
}

#[tokio::test]
async fn lists_go_by_name_and_stop_at_the_limit() {
    on_both(async |database| {
        let scene = Scene::on(database).await;
        for name in ["zoe", "Bob", "ann", "Zack", "мария", "b-2"] {
            scene.user(name).await;
        }
        let list = async |limit| -> Vec<String> {
            let mut conn = scene.db.read().await.unwrap();
            let rows = users::list(&mut conn, limit).await.unwrap();
            rows.into_iter().map(|row| row.username).collect()
        };
        let all = list(100).await;
        assert_eq!(all.len(), 6);
        assert_eq!(list(2).await, all[..2]);
        assert!(list(0).await.is_empty());
        let position = |name| all.iter().position(|found| found == name).unwrap();
        assert!(position("ann") < position("Bob") && position("Bob") < position("Zack"), "{all:?}");
        assert!(position("Zack") < position("zoe"), "case does not decide: {all:?}");
    })
    .await;
}

// SECURITY-CASES Q-07: two admins who are disabled (or deleted) beside each other. Both transactions
// have looked at the number of admins before either commits: an audit log that takes no line yet
// holds them there.
#[actix_web::test]
async fn the_last_admin_stays_however_two_of_them_go() {
    let passport = Passport::on(Database::Postgres).await;
    let node = passport.second_node().await;
    let [app, other] = [passport.app.clone(), node.app.clone()];
    for round in 0..3 {
        let names = [format!("one{round}"), format!("two{round}")];
        for name in &names {
            let new = AddUser { username: name, email: None, admin: true, password: None };
            flows::add(&app, new).await.unwrap();
        }
        let mut barrier = app.db.write().await.unwrap();
        barrier.execute("LOCK TABLE audit IN SHARE MODE").await.unwrap();
        let going: Vec<_> = names
            .iter()
            .zip([app.clone(), other.clone()])
            .enumerate()
            .map(|(number, (name, app))| {
                let name = name.clone();
                tokio::spawn(async move {
                    match (round + number) % 3 {
                        0 => flows::disable(&app, &name, false).await,
                        _ => flows::delete(&app, &name, false).await,
                    }
                })
            })
            .collect();
        until_waiting_for_locks(&app.db, 2).await;
        barrier.commit().await.unwrap();
        let mut refused = 0;
        for gone in going {
            match gone.await.unwrap() {
                Ok(_) => {}
                Err(flows::UsersError::LastAdmin(_)) => refused += 1,
                Err(error) => panic!("{error}"),
            }
        }
        assert_eq!(refused, 1, "round {round}: one of them is the last");
        let mut conn = app.db.read().await.unwrap();
        assert_eq!(users::count_admins(&mut conn).await.unwrap(), 1);
        drop(conn);
        // Out of the way of the next round.
        for name in &names {
            let _ = flows::delete(&app, name, true).await;
        }
    }
}
