//! `one_time_links`: used up by one, for one purpose, in time.

use harness::{DAY, NOON, PASSWORD, Passport, on_both};
use sso_server::{
    domain::{
        id::UserId,
        token::{Digest, Token},
    },
    flows::{
        one_time_link::{self, UseError},
        users::{self, AddUser},
    },
    store::one_time_links::{self, Purpose},
};

use crate::scene::{CROWD, Scene, crowd, fresh_digest, fresh_user, how_many};

async fn link(scene: &Scene, purpose: Purpose, user: Option<&UserId>) -> Digest {
    let digest = fresh_digest();
    scene
        .write(async |tx| {
            one_time_links::insert(tx, &digest, purpose, user, NOON, NOON + DAY).await.unwrap();
        })
        .await;
    digest
}

async fn works(scene: &Scene, digest: &Digest, now: i64) -> bool {
    let mut conn = scene.db.read().await.unwrap();
    one_time_links::peek(&mut conn, digest, now).await.unwrap().is_some()
}

// SECURITY-CASES L-21, Q-01
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_who_use_a_link_one_does() {
    on_both(async |database| {
        let scene = Scene::on(database).await;
        let user = scene.user("member").await;
        let digest = link(&scene, Purpose::ChoosePassword, Some(&user)).await;
        let used = crowd(&scene.both_sides().await, CROWD, |db, _| {
            let digest = digest.clone();
            async move {
                let mut tx = db.write().await.unwrap();
                let used = one_time_links::consume(&mut tx, &digest, NOON + 1).await.unwrap();
                tx.commit().await.unwrap();
                used
            }
        })
        .await;
        assert_eq!(how_many(&used, Option::is_some), 1);
        let used = used.into_iter().flatten().next().unwrap();
        assert_eq!((used.purpose, used.user), (Purpose::ChoosePassword, Some(user)));
        assert!(!works(&scene, &digest, NOON + 1).await);
    })
    .await;
}

// SECURITY-CASES L-21, Q-07: several set-up links at once, on two nodes, make one admin.
#[actix_web::test]
async fn of_many_first_admins_there_is_one() {
    on_both(async |database| {
        let passport = Passport::on(database).await;
        let node = passport.second_node().await;
        let mut going = Vec::new();
        for number in 0..8 {
            let url = one_time_link::first_admin(&passport.app).await.unwrap().unwrap();
            let token = Token::parse(url.split_once("token=").unwrap().1).unwrap();
            going.push((number, token));
        }
        let going = going.into_iter().map(|(number, token)| {
            let app = if number % 2 == 0 { passport.app.clone() } else { node.app.clone() };
            async move {
                let name = format!("admin{number}");
                one_time_link::use_link(&app, &token, Some(&name), PASSWORD).await
            }
        });
        let mut made = 0;
        for outcome in futures_util::future::join_all(going).await {
            match outcome {
                Ok(()) => made += 1,
                Err(UseError::Void) => {}
                Err(error) => panic!("{error}"),
            }
        }
        assert_eq!(made, 1);
        assert_eq!(passport.count("SELECT COUNT(*) FROM users").await, 1);
    })
    .await;
}

// SECURITY-CASES P-05, P-03: looking uses nothing up; in time until the last millisecond.
#[tokio::test]
async fn a_link_works_in_its_time_and_is_not_used_up_by_looking() {
    on_both(async |database| {
        let scene = Scene::on(database).await;
        let digest = link(&scene, Purpose::FirstAdmin, None).await;
        for _ in 0..3 {
            assert!(works(&scene, &digest, NOON + DAY - 1).await);
        }
        assert!(!works(&scene, &digest, NOON + DAY).await, "at its end");
        assert!(!works(&scene, &fresh_digest(), NOON).await, "never made");
        let consume = async |now| {
            scene
                .write(async |tx| one_time_links::consume(tx, &digest, now).await.unwrap())
                .await
                .is_some()
        };
        assert!(!consume(NOON + DAY).await);
        assert!(consume(NOON + DAY - 1).await, "too late a try has not used it up");
        assert!(!consume(NOON + DAY - 1).await);
    })
    .await;
}

#[tokio::test]
async fn voiding_takes_the_links_that_are_meant() {
    on_both(async |database| {
        let scene = Scene::on(database).await;
        let (ann, bob) = (scene.user("ann").await, scene.user("bob").await);
        let set_up = link(&scene, Purpose::FirstAdmin, None).await;
        let anns = link(&scene, Purpose::ChoosePassword, Some(&ann)).await;
        let bobs = link(&scene, Purpose::ChoosePassword, Some(&bob)).await;
        let bobs_other = link(&scene, Purpose::ChoosePassword, Some(&bob)).await;
        let state = async || {
            let mut works_now = Vec::new();
            for digest in [&set_up, &anns, &bobs, &bobs_other] {
                works_now.push(works(&scene, digest, NOON).await);
            }
            works_now
        };
        assert_eq!(state().await, [true, true, true, true]);
        let void = async |purpose| {
            scene.write(async |tx| one_time_links::void(tx, purpose, NOON).await.unwrap()).await;
        };
        let void_of = async |user: &UserId| {
            scene
                .write(async |tx| one_time_links::void_of_user(tx, user, NOON).await.unwrap())
                .await;
        };
        void_of(&fresh_user()).await;
        assert_eq!(state().await, [true, true, true, true], "a stranger has none");
        void_of(&bob).await;
        assert_eq!(state().await, [true, true, false, false]);
        void(Purpose::FirstAdmin).await;
        assert_eq!(state().await, [false, true, false, false]);
        void(Purpose::ChoosePassword).await;
        assert_eq!(state().await, [false, false, false, false]);
    })
    .await;
}

// Whoever is deleted must not come back by a link that still lies in their mail.
#[actix_web::test]
async fn a_deleted_accounts_link_is_void() {
    on_both(async |database| {
        let passport = Passport::on(database).await;
        let mut tokens = Vec::new();
        for username in ["gone", "stays"] {
            let new = AddUser { username, email: None, admin: false, password: None };
            let url = users::add(&passport.app, new).await.unwrap().setup_url.unwrap();
            tokens.push(Token::parse(url.split_once("token=").unwrap().1).unwrap());
        }
        users::delete(&passport.app, "gone", false).await.unwrap();
        assert_eq!(one_time_link::look(&passport.app, &tokens[0]).await.unwrap(), None);
        assert!(one_time_link::look(&passport.app, &tokens[1]).await.unwrap().is_some());
        let used = one_time_link::use_link(&passport.app, &tokens[0], None, PASSWORD).await;
        assert!(matches!(used, Err(UseError::Void)), "{used:?}");
        assert_eq!(
            passport.count("SELECT COUNT(*) FROM users WHERE password_hash IS NOT NULL").await,
            0
        );
        one_time_link::use_link(&passport.app, &tokens[1], None, PASSWORD).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn old_links_are_forgotten_at_their_boundary() {
    on_both(async |database| {
        let scene = Scene::on(database).await;
        link(&scene, Purpose::FirstAdmin, None).await;
        let prune = async |before| {
            scene.write(async |tx| one_time_links::prune(tx, before).await.unwrap()).await
        };
        assert_eq!(prune(NOON + DAY).await, 0);
        assert_eq!(prune(NOON + DAY + 1).await, 1);
    })
    .await;
}
