//! `pending_upstream_logins` and `proven_identities`: used up by one, in one browser, in time.

use harness::{MINUTE, NOON, on_both};
use sso_server::{
    domain::{id::SessionId, identity::Identity, token::Digest},
    store::{
        pending_upstream_logins::{self as pending, PendingUpstreamLogin},
        proven_identities::{self as proven, ProvenIdentity},
    },
};

use crate::scene::{Scene, crowd, fresh_digest, fresh_user, how_many, write};

/// How many come back with the same answer.
const CROWD: usize = 32;
/// When it is too late.
const END: i64 = NOON + 30 * MINUTE;

fn login() -> PendingUpstreamLogin {
    PendingUpstreamLogin {
        backend: "openid",
        adds_to: Some((fresh_user(), SessionId::from("session"))),
        state: "{\"a\":1}".to_owned(),
        context: "{\"b\":2}".to_owned(),
    }
}

/// Somebody who has left: the login, and their browser.
async fn left(scene: &Scene, login: &PendingUpstreamLogin) -> (Digest, Digest) {
    let (digest, browser) = (fresh_digest(), fresh_digest());
    scene
        .write(async |tx| pending::insert(tx, &digest, &browser, login, NOON, END).await.unwrap())
        .await;
    (digest, browser)
}

fn somebody() -> ProvenIdentity {
    let text = str::to_owned;
    ProvenIdentity {
        identity: Identity {
            backend: text("openid"),
            subject: text("https://alice.example/"),
            shown: text("alice.example"),
            provider: text("op.example"),
        },
        proven_at: NOON,
        profile: text("{\"c\":3}"),
        context: text("{\"d\":4}"),
    }
}

/// Somebody who may make an account: the offer, and their browser.
async fn offered(scene: &Scene) -> (Digest, Digest) {
    let (digest, browser) = (fresh_digest(), fresh_digest());
    scene
        .write(async |tx| {
            proven::insert(tx, &digest, &browser, &somebody(), END).await.unwrap();
        })
        .await;
    (digest, browser)
}

// SECURITY-CASES U-01, Q-01
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_answers_one_finds_the_login() {
    on_both(async |database| {
        let scene = Scene::on(database).await;
        let began = login();
        let (digest, browser) = left(&scene, &began).await;
        let found = crowd(&scene.both_sides().await, CROWD, |db, _| {
            let (digest, browser) = (digest.clone(), browser.clone());
            async move {
                write(&db, async |tx| {
                    pending::take(tx, "openid", &digest, &browser, NOON + 1).await.unwrap()
                })
                .await
            }
        })
        .await;
        assert_eq!(how_many(&found, Option::is_some), 1);
        let found = found.into_iter().flatten().next().unwrap();
        assert_eq!(found.adds_to, began.adds_to);
        assert_eq!(
            (found.backend, found.state, found.context),
            ("openid", began.state, began.context)
        );
    })
    .await;
}

// SECURITY-CASES U-01: whose it is not finds nothing, and uses nothing up.
#[tokio::test]
async fn a_login_waits_for_its_own_browser_and_its_own_way() {
    on_both(async |database| {
        let scene = Scene::on(database).await;
        let nobody = PendingUpstreamLogin { adds_to: None, ..login() };
        let (digest, browser) = left(&scene, &nobody).await;
        let take = async |backend, digest: &Digest, browser: &Digest, now| {
            scene
                .write(async |tx| pending::take(tx, backend, digest, browser, now).await.unwrap())
                .await
        };
        assert!(take("openid", &digest, &fresh_digest(), NOON).await.is_none(), "another browser");
        assert!(take("openid", &fresh_digest(), &browser, NOON).await.is_none(), "never begun");
        assert!(take("oidc", &digest, &browser, NOON).await.is_none(), "another way in");
        assert!(take("openid", &digest, &browser, END).await.is_none(), "at its end");
        let found =
            take("openid", &digest, &browser, END - 1).await.expect("untouched by all that");
        assert_eq!(found.adds_to, None);
        assert!(take("openid", &digest, &browser, NOON).await.is_none(), "used up");
    })
    .await;
}

#[tokio::test]
async fn logins_under_way_are_voided_and_forgotten() {
    on_both(async |database| {
        let scene = Scene::on(database).await;
        let (digest, browser) = left(&scene, &login()).await;
        scene.write(async |tx| pending::void_all(tx, NOON).await.unwrap()).await;
        let found = scene
            .write(async |tx| pending::take(tx, "openid", &digest, &browser, NOON).await.unwrap())
            .await;
        assert!(found.is_none());
        let prune =
            async |before| scene.write(async |tx| pending::prune(tx, before).await.unwrap()).await;
        assert_eq!((prune(END).await, prune(END + 1).await), (0, 1));
    })
    .await;
}

// SECURITY-CASES U-01, Q-01: what was proven once makes one account.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_registrations_one_has_the_identity() {
    on_both(async |database| {
        let scene = Scene::on(database).await;
        let (digest, browser) = offered(&scene).await;
        let found = crowd(&scene.both_sides().await, CROWD, |db, _| {
            let (digest, browser) = (digest.clone(), browser.clone());
            async move {
                write(&db, async |tx| proven::take(tx, &digest, &browser, NOON + 1).await.unwrap())
                    .await
            }
        })
        .await;
        assert_eq!(how_many(&found, Option::is_some), 1);
        let (found, was) = (found.into_iter().flatten().next().unwrap(), somebody());
        assert_eq!(found.identity, was.identity);
        assert_eq!(
            (found.proven_at, found.profile, found.context),
            (NOON, was.profile, was.context)
        );
    })
    .await;
}

#[tokio::test]
async fn an_offer_waits_for_its_own_browser_and_is_not_used_up_by_looking() {
    on_both(async |database| {
        let scene = Scene::on(database).await;
        let (digest, browser) = offered(&scene).await;
        let there = async |digest: &Digest, browser: &Digest, now| {
            let mut conn = scene.db.read().await.unwrap();
            proven::find(&mut conn, digest, browser, now).await.unwrap().is_some()
        };
        let take = async |digest: &Digest, browser: &Digest, now| {
            scene
                .write(async |tx| proven::take(tx, digest, browser, now).await.unwrap())
                .await
                .is_some()
        };
        for _ in 0..3 {
            assert!(there(&digest, &browser, END - 1).await);
        }
        for (digest, browser, now) in [
            (&digest, &fresh_digest(), NOON),
            (&fresh_digest(), &browser, NOON),
            (&digest, &browser, END),
        ] {
            assert!(!there(digest, browser, now).await);
            assert!(!take(digest, browser, now).await);
        }
        assert!(take(&digest, &browser, END - 1).await, "untouched by all that");
        assert!(!there(&digest, &browser, NOON).await, "used up");

        let (digest, browser) = offered(&scene).await;
        scene.write(async |tx| proven::void_all(tx, NOON).await.unwrap()).await;
        assert!(!there(&digest, &browser, NOON).await);
        let prune =
            async |before| scene.write(async |tx| proven::prune(tx, before).await.unwrap()).await;
        assert_eq!((prune(END).await, prune(END + 1).await), (0, 2));
    })
    .await;
}
