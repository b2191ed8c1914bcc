//! How long a ticket holds, and how long the key behind it verifies.

use harness::{MINUTE, NOON, SECOND};
use reqwest::Method;
use serde_json::json;
use sso_server::{
    config::{self, Period},
    flows::signing_keys::{self, RetireError},
    tokens::keyring::OVERLAP,
};

use crate::{
    forge::{Forge, claims_of, header_of},
    scene::Scene,
};

// SECURITY-CASES T-13
#[actix_web::test]
async fn a_minute_by_default_decided_by_our_clock() {
    let mut scene = Scene::start().await;
    let ticket = scene.ticket().await;
    scene.passport.advance(60 * SECOND - 1);
    assert_eq!(scene.aw.redeem(&ticket).await.status, 200, "control: the last millisecond");

    let ticket = scene.ticket().await;
    let spent = scene.spent().await;
    scene.passport.advance(60 * SECOND);
    scene.refuses("expired", scene.aw.redeem(&ticket)).await;
    assert_eq!(scene.spent().await, spent + 1);

    // An app whose clock stands elsewhere changes nothing, whatever it says.
    for (after, date, status) in [
        (SECOND, "Tue, 01 Jan 2080 00:00:00 GMT", 200),
        (61 * SECOND, "Thu, 01 Jan 1970 00:00:00 GMT", 400),
        (61 * SECOND, "Sun, 22 Nov 2026 12:00:01 GMT", 400),
    ] {
        let ticket = scene.ticket().await;
        scene.passport.advance(after);
        let body = json!({ "ticket": ticket, "return_to": scene.aw.return_to });
        let answer = scene.aw.redeem_body(body, &[("date", date)]).await;
        assert_eq!(answer.status, status, "{date}");
    }
}

// SECURITY-CASES T-13: to the second, and never longer than configured.
#[actix_web::test]
async fn a_ticket_of_the_seconds_end_is_no_longer() {
    let mut scene = Scene::start().await;
    scene.passport.advance(999);
    let claims = claims_of(&scene.ticket().await);
    let issued = NOON / 1_000;
    assert_eq!((claims["iat"].clone(), claims["exp"].clone()), (json!(issued), json!(issued + 60)));
}

// SECURITY-CASES T-13: the hard limit of CAS protocol 3.0 section 3.1.1.
#[actix_web::test]
async fn five_minutes_at_the_very_most() {
    let set = |lifetime: &str| {
        config::load(None, [("SSO_TICKET__LIFETIME".to_owned(), lifetime.to_owned())], &[])
    };
    assert_eq!(set("5m").unwrap().ticket.lifetime, Period::seconds(300), "control");
    for wrong in ["301s", "1d", "0s", "-1", "for ever"] {
        let problems = set(wrong).unwrap_err();
        assert!(
            problems.iter().any(|problem| problem.0.contains("ticket.lifetime")),
            "{problems:?}"
        );
    }
    // Even if it got past the configuration.
    let hour =
        |config: &mut sso_server::config::Config| config.ticket.lifetime = Period::seconds(3_600);
    let mut scene = Scene::with(harness::Database::Sqlite, hour).await;
    let (first, second) = (scene.ticket().await, scene.ticket().await);
    scene.passport.advance(5 * MINUTE - 1);
    assert_eq!(scene.aw.redeem(&first).await.status, 200);
    scene.refuses("expired", scene.aw.redeem(&second)).await;
}

async fn published(scene: &Scene) -> Vec<String> {
    let path = "/.well-known/jwks.json";
    let answer = scene.passport.browser().request(Method::GET, path, None, &[]).await;
    let keys = answer.json()["keys"].as_array().unwrap().clone();
    keys.iter().map(|key| key["kid"].as_str().unwrap().to_owned()).collect()
}

// SECURITY-CASES T-23, T-17 (a retired key)
#[actix_web::test]
async fn a_rotation_is_noticed_by_nobody() {
    harness::on_both(async |database| {
        let mut scene = Scene::on(database).await;
        let app = scene.passport.app.clone();
        let look = async || signing_keys::look(&app.keyring, &app.db, &app.master).await.unwrap();
        let old = Forge::insider(&scene.passport).await;
        let new = signing_keys::rotate(&app, OVERLAP).await.unwrap();
        look().await;

        // Published before it signs: whoever fetches the keys now meets no unknown one later.
        assert_eq!(published(&scene).await, [old.kid.clone(), new.clone()]);
        scene.passport.advance(30 * SECOND - 1);
        let in_flight = scene.ticket().await;
        assert_eq!(header_of(&in_flight)["kid"], old.kid);
        scene.passport.advance(1);
        let fresh = scene.ticket().await;
        assert_eq!(header_of(&fresh)["kid"], new);
        assert_eq!(scene.aw.redeem(&in_flight).await.status, 200, "verified through the overlap");
        assert_eq!(scene.aw.redeem(&fresh).await.status, 200);

        // What somebody signs with the old key to the end of the overlap, and after it.
        let signed_by_old = async |scene: &mut Scene| {
            let claims = claims_of(&scene.ticket().await);
            old.sign(&old.header(), &claims)
        };
        scene.passport.advance(OVERLAP - SECOND);
        let last = signed_by_old(&mut scene).await;
        assert_eq!(scene.aw.redeem(&last).await.status, 200, "control: still verifies");
        scene.passport.advance(SECOND);
        let late = signed_by_old(&mut scene).await;
        scene.refuses("not_genuine", scene.aw.redeem(&late)).await;
        assert_eq!(published(&scene).await, [new]);
        let ticket = scene.ticket().await;
        assert_eq!(scene.aw.redeem(&ticket).await.status, 200);
    })
    .await;
}

// SECURITY-CASES T-23: a key that was stolen stops at once.
#[actix_web::test]
async fn a_key_retired_at_once_takes_its_tickets_with_it() {
    let mut scene = Scene::start().await;
    let app = scene.passport.app.clone();
    let look = async || signing_keys::look(&app.keyring, &app.db, &app.master).await.unwrap();
    let old = Forge::insider(&scene.passport).await;
    let alone = signing_keys::retire(&app, &old.kid).await;
    assert!(matches!(alone, Err(RetireError::NoOther)), "something must sign");
    signing_keys::rotate(&app, OVERLAP).await.unwrap();
    look().await;
    scene.passport.advance(30 * SECOND - 1);
    let in_flight = scene.ticket().await;
    assert_eq!(header_of(&in_flight)["kid"], old.kid);
    scene.passport.advance(1);
    signing_keys::retire(&app, &old.kid).await.unwrap();
    look().await;
    scene.refuses("not_genuine", scene.aw.redeem(&in_flight)).await;
    let ticket = scene.ticket().await;
    assert_eq!(scene.aw.redeem(&ticket).await.status, 200, "control");
}

// SECURITY-CASES T-23: a node that has not heard of the rotation looks for the key it does not know.
#[actix_web::test]
async fn another_node_knows_a_new_key_when_it_meets_it() {
    harness::on_both(async |database| {
        let mut scene = Scene::on(database).await;
        let other = scene.passport.second_node().await;
        let app = scene.passport.app.clone();
        let new = signing_keys::rotate(&app, OVERLAP).await.unwrap();
        signing_keys::look(&app.keyring, &app.db, &app.master).await.unwrap();
        scene.passport.advance(31 * SECOND);
        let ticket = scene.ticket().await;
        assert_eq!(header_of(&ticket)["kid"], new);
        assert_eq!(scene.aw.at(&other).redeem(&ticket).await.status, 200);
        other.stop().await;
    })
    .await;
}

// SECURITY-CASES T-17: tickets that name unknown keys make a node look once a second, however many.
#[actix_web::test]
async fn unknown_keys_are_looked_for_once_a_second() {
    let mut scene = Scene::start().await;
    let keyring = &scene.passport.app.keyring;
    let now = scene.passport.clock.now();
    let looks = |from: i64| (0..1_000).filter(|ms| keyring.may_look(from + ms)).count();
    assert_eq!(looks(now), 1);
    assert_eq!(looks(now + 1_000), 1);

    // Among a flood of unknown names the next second's look still finds the new key.
    scene.passport.advance(10 * SECOND);
    let claims = claims_of(&scene.ticket().await);
    let app = scene.passport.app.clone();
    let new = signing_keys::rotate(&app, OVERLAP).await.unwrap();
    let forge = Forge::insider(&scene.passport).await;
    for number in 0..20 {
        let mut header = forge.header();
        header["kid"] = json!(format!("unknown-{number}"));
        scene.refuses("not_genuine", scene.aw.redeem(&forge.sign(&header, &claims))).await;
    }
    scene.passport.advance(SECOND);
    let by_new = Forge::named(&scene.passport, &new).await;
    let text = by_new.sign(&by_new.header(), &claims);
    assert_eq!(scene.aw.redeem(&text).await.status, 200);
}
