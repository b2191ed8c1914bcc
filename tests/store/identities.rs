//! `identities`: one opens one account, and the last way in stays.

use harness::{NOON, PASSWORD, Passport, on_both};
use sso_server::{
    domain::{id::UserId, identity::Identity, user::Username},
    flows::{
        remove_identity::{CameIn, RemoveIdentityError, remove_identity},
        users::{self, AddUser},
    },
    store::identities,
};

use crate::scene::{Scene, add_user, crowd, fresh_user, how_many, write};

/// How many want the same identity.
const CROWD: usize = 32;

fn identity(subject: &str) -> Identity {
    Identity {
        backend: "openid".to_owned(),
        subject: subject.to_owned(),
        shown: format!("shown {subject}"),
        provider: "op.example".to_owned(),
    }
}

async fn owner(scene: &Scene, identity: &Identity) -> Option<UserId> {
    identities::owner(&mut scene.db.read().await.unwrap(), &identity.id()).await.unwrap()
}

// SECURITY-CASES: of many accounts that want it, on two nodes, one has it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_identity_belongs_to_one_account() {
    on_both(async |database| {
        let scene = Scene::on(database).await;
        let wanted = identity("https://alice.example/");
        let bound = crowd(&scene.both_sides().await, CROWD, |db, number| {
            let (wanted, user) = (wanted.clone(), fresh_user());
            async move {
                let bound = write(&db, async |tx| {
                    add_user(tx, &user, &format!("member{number}")).await.unwrap();
                    identities::insert(tx, &wanted, &user, NOON).await.unwrap()
                })
                .await;
                bound.then_some(user)
            }
        })
        .await;
        assert_eq!(how_many(&bound, Option::is_some), 1);
        assert_eq!(owner(&scene, &wanted).await, bound.into_iter().flatten().next());
        assert_eq!(scene.count("SELECT COUNT(*) FROM identities").await, 1);
    })
    .await;
}

// SECURITY-CASES A-06: byte for byte, and by the account's own hand only.
#[tokio::test]
async fn an_identity_is_its_owners_to_use_and_to_remove() {
    on_both(async |database| {
        let scene = Scene::on(database).await;
        let (ann, bob) = (scene.user("ann").await, scene.user("bob").await);
        let (one, two) = (identity("https://a.example/"), identity("https://a.example/#2"));
        let insert = async |identity: &Identity, user: &UserId, now| {
            scene.write(async |tx| identities::insert(tx, identity, user, now).await.unwrap()).await
        };
        assert!(insert(&one, &ann, NOON).await);
        assert!(!insert(&one, &ann, NOON).await, "her own is bound already");
        assert!(!insert(&one, &bob, NOON).await, "hers is not his");
        assert!(insert(&two, &bob, NOON + 1).await, "the fragment makes it another one");
        assert_eq!(owner(&scene, &one).await, Some(ann.clone()));
        assert_eq!(owner(&scene, &two).await, Some(bob.clone()));
        assert_eq!(owner(&scene, &identity("https://A.example/")).await, None);

        let note = async |identity: &Identity, user: &UserId| {
            let (id, now) = (identity.id(), NOON + 5);
            scene.write(async |tx| identities::note_use(tx, &id, user, now).await.unwrap()).await
        };
        assert!(!note(&one, &bob).await);
        assert!(note(&one, &ann).await);
        let rows = identities::of_user(&mut scene.db.read().await.unwrap(), &ann).await.unwrap();
        assert_eq!(rows.len(), 1);
        assert_eq!((&rows[0].identity, &rows[0].id), (&one, &one.id()));
        assert_eq!((rows[0].created_at, rows[0].last_used_at), (NOON, NOON + 5));

        let remove = async |identity: &Identity, user: &UserId| {
            let id = identity.id();
            scene.write(async |tx| identities::remove(tx, &id, user).await.unwrap()).await
        };
        assert_eq!(remove(&one, &bob).await, None);
        assert_eq!(remove(&one, &ann).await, Some(one.shown.clone()));
        assert_eq!(remove(&one, &ann).await, None, "gone");
        assert!(insert(&one, &bob, NOON).await, "what was freed may be bound again");
        let free = async |user: &UserId| {
            scene.write(async |tx| identities::free_of_user(tx, user).await.unwrap()).await
        };
        assert_eq!((free(&ann).await, free(&bob).await), (0, 2));
        assert_eq!(identities::count(&mut scene.db.read().await.unwrap(), &bob).await.unwrap(), 0);
    })
    .await;
}

/// An account with these, without a password unless it has one.
async fn account(passport: &Passport, name: &str, password: bool, has: &[Identity]) -> UserId {
    let password = password.then_some(PASSWORD);
    let new = AddUser { username: name, email: None, admin: false, password };
    users::add(&passport.app, new).await.unwrap();
    let db = &passport.app.db;
    let name = Username::parse(name).unwrap();
    let user = sso_server::store::users::find_by_name(&mut db.read().await.unwrap(), &name).await;
    let user = user.unwrap().unwrap().id;
    write(db, async |tx| {
        for identity in has {
            assert!(identities::insert(tx, identity, &user, NOON).await.unwrap());
        }
    })
    .await;
    user
}

// SECURITY-CASES A-16: two removals on two nodes, each of which would leave the other's.
#[actix_web::test]
async fn the_last_way_in_stays_when_removals_race() {
    on_both(async |database| {
        let passport = Passport::on(database).await;
        let node = passport.second_node().await;
        let apps = [&passport.app, &node.app];
        for round in 0..8 {
            let has = ["a", "b", "c"].map(|which| identity(&format!("https://{which}{round}/")));
            let user = account(&passport, &format!("member{round}"), false, &has).await;
            let going = has.iter().enumerate().map(|(number, identity)| {
                let (app, user) = (apps[(number + round) % 2], &user);
                async move { remove_identity(app, user, &identity.id(), CameIn::Stay, "").await }
            });
            let outcomes = futures_util::future::join_all(going).await;
            assert_eq!(how_many(&outcomes, Result::is_ok), 2, "{outcomes:?}");
            let last = |outcome: &_| matches!(outcome, Err(RemoveIdentityError::Last));
            assert_eq!(how_many(&outcomes, last), 1, "{outcomes:?}");
            let left = identities::count(&mut passport.app.db.read().await.unwrap(), &user).await;
            assert_eq!(left.unwrap(), 1);
        }
        // With a password beside them, none is the last way.
        let has = ["d", "e"].map(|which| identity(&format!("https://{which}/")));
        let user = account(&passport, "remembers", true, &has).await;
        for identity in &has {
            remove_identity(&passport.app, &user, &identity.id(), CameIn::Stay, "").await.unwrap();
        }
        let again = remove_identity(&passport.app, &user, &has[0].id(), CameIn::Stay, "").await;
        assert!(matches!(again, Err(RemoveIdentityError::Unknown)), "{again:?}");
    })
    .await;
}
