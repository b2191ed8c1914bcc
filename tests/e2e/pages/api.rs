//! What the API answers: exact fields, exact reach of an end, what a program needs to begin.

use std::collections::BTreeSet;

use client_sdk::wire::{
    AppSessionState, AppSessionStatus, Configuration, Ended, EventPage, Redeemed,
};
use harness::{Browser, Database, HOUR, Passport, SECOND, TestApp, on_both};
use reqwest::Method;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};

/// The names of an object's fields.
fn names(object: &Value) -> BTreeSet<&str> {
    object.as_object().unwrap_or_else(|| panic!("{object}")).keys().map(String::as_str).collect()
}

/// The answer has exactly these fields, and the SDK's type holds all of it.
fn has<T: Serialize + DeserializeOwned>(answer: &Value, fields: &str) -> T {
    assert_eq!(names(answer), fields.split_whitespace().collect(), "{answer}");
    let read: T = serde_json::from_value(answer.clone()).unwrap();
    assert_eq!(&json!(read), answer, "nothing is lost on the way through the SDK");
    read
}

// DESIGN 4.3.
#[actix_web::test]
async fn answers_have_the_documented_fields_and_no_other() {
    on_both(async |database| {
        let passport = Passport::on(database).await;
        passport.add_user("member").await;
        let aw = passport.add_app("aw").await;
        let mut browser = passport.signed_in("member").await;
        let ticket = aw.send(&mut browser).await.ticket();

        let answer = aw.redeem(&ticket).await.json();
        let redeemed: Redeemed = has(
            &answer,
            "app_session session user activation app_flag ac_flag auth_time amr expires_at \
             check_after lease_seconds",
        );
        let user = "id username nickname email email_verified locale avatar_url profile";
        assert_eq!(names(&answer["user"]), user.split(' ').collect());
        assert_eq!(names(&answer["activation"]), ["state", "since"].into());
        assert_eq!(answer["amr"], json!(["pwd"]));
        let now = harness::NOON / SECOND;
        assert_eq!(redeemed.auth_time, now);
        assert_eq!(redeemed.expires_at, now + 12 * HOUR / SECOND);
        assert!((now..redeemed.expires_at).contains(&redeemed.check_after));
        assert_eq!(redeemed.lease_seconds, 60);

        let fields = "app_session session user state cause ended_at expires_at";
        let id = redeemed.app_session.as_str();
        let status: AppSessionStatus = has(&aw.status(id).await.json(), fields);
        let expected = AppSessionStatus {
            app_session: redeemed.app_session.clone(),
            session: redeemed.session.clone(),
            user: redeemed.user.id.clone(),
            state: AppSessionState::Active,
            cause: None,
            ended_at: None,
            expires_at: redeemed.expires_at,
        };
        assert_eq!(status, expected);

        passport.advance(5 * SECOND);
        let ended: Ended = has(&aw.end(id, "app").await.json(), "ended");
        assert_eq!(ended.ended, 1);
        let status = aw.status(id).await.json();
        has::<AppSessionStatus>(&status, fields);
        assert_eq!((&status["state"], &status["cause"]), (&json!("ended"), &json!("app")));
        assert_eq!(status["ended_at"], now + 5);

        let page = aw.call(Method::GET, "/api/v1/events?after=0", None, &[]).await.json();
        let read: EventPage = has(&page, "events cursor lease_seconds");
        let event = "id cursor type app_session session user cause at expires_at";
        assert_eq!(names(&page["events"][0]), event.split(' ').collect());
        assert_eq!(page["events"][0]["type"], "session.ended");
        assert_eq!(read.events[0].session, Some(redeemed.session));
        assert_eq!(read.events[0].user, redeemed.user.id);
        assert_eq!(read.events[0].at, now + 5);
        assert_eq!(page["cursor"], page["events"][0]["cursor"]);
    })
    .await;
}

/// A person at two devices, each of them at both apps.
struct Scene {
    passport: Passport,
    apps: [TestApp; 2],
    browsers: [Browser; 2],
    /// By device, then by app.
    ids: [[String; 2]; 2],
}

impl Scene {
    async fn on(database: Database) -> Self {
        let passport = Passport::on(database).await;
        passport.add_user("member").await;
        let aw = passport.add_app_with("aw", |new| new.may_end_user = true).await;
        let apps = [aw, passport.add_app("bw").await];
        let mut browsers = [passport.signed_in("member").await, passport.signed_in("member").await];
        let mut ids: [[String; 2]; 2] = Default::default();
        for (browser, ids) in browsers.iter_mut().zip(&mut ids) {
            for (app, id) in apps.iter().zip(ids) {
                *id = app.enter(browser).await.app_session;
            }
        }
        Self { passport, apps, browsers, ids }
    }

    /// Which app sessions hold, by device and then by app; each end is told by one event.
    async fn active(&self) -> [[bool; 2]; 2] {
        let mut active = [[false; 2]; 2];
        for (device, ids) in self.ids.iter().enumerate() {
            for (which, app) in self.apps.iter().enumerate() {
                let state = app.status(&ids[which]).await.json()["state"].clone();
                active[device][which] = state == "active";
                let told = app.events("0").await.events;
                let told = told.iter().filter(|e| e.app_session.as_deref() == Some(&*ids[which]));
                assert_eq!(told.count(), usize::from(state != "active"));
            }
        }
        active
    }

    async fn devices(&mut self) -> [bool; 2] {
        let [one, other] = &mut self.browsers;
        [one.is_signed_in().await, other.is_signed_in().await]
    }
}

// SECURITY-CASES B-07: an end reaches as far as it says, and no further.
#[actix_web::test]
async fn an_end_reaches_this_app_this_device_or_this_person() {
    on_both(async |database| {
        let mut scene = Scene::on(database).await;
        let [aw, bw] = scene.apps.clone();
        let first = scene.ids[0][0].clone();

        assert_eq!(aw.end(&first, "app").await.json(), json!({ "ended": 1 }));
        assert_eq!(scene.active().await, [[false, true], [true, true]]);
        assert_eq!(scene.devices().await, [true, true]);
        assert_eq!(aw.end(&first, "app").await.json(), json!({ "ended": 0 }), "once");
        assert_eq!(scene.passport.audited("app_session.ended").await.app.as_deref(), Some("aw"));

        // Through an app session that is over already: the device behind it is meant.
        assert_eq!(aw.end(&first, "session").await.json(), json!({ "ended": 1 }));
        assert_eq!(scene.active().await, [[false, false], [true, true]]);
        assert_eq!(scene.devices().await, [false, true]);
        assert_eq!(aw.end(&first, "session").await.json(), json!({ "ended": 0 }));

        let before = scene.passport.audit().await.len();
        let refused = bw.end(&scene.ids[1][1], "user").await;
        assert_eq!(refused.status, 403, "bw may not");
        assert_eq!(refused.json()["code"], "not_allowed");
        assert_eq!(scene.active().await, [[false, false], [true, true]]);
        assert_eq!(scene.passport.audit().await.len(), before, "nothing was done");

        assert_eq!(aw.end(&first, "user").await.json(), json!({ "ended": 2 }));
        assert_eq!(scene.active().await, [[false, false], [false, false]]);
        assert_eq!(scene.devices().await, [false, false]);
        let line = scene.passport.audited("session.ended").await;
        let detail: Value = serde_json::from_str(&line.detail).unwrap();
        assert_eq!((&detail["cause"], &detail["by"]), (&json!("app"), &json!("aw")));
    })
    .await;
}

// SECURITY-CASES B-16.
#[actix_web::test]
async fn the_end_of_a_person_reaches_nobody_else() {
    let scene = Scene::on(Database::Sqlite).await;
    scene.passport.add_user("other").await;
    let aw = &scene.apps[0];
    let mut neighbour = scene.passport.signed_in("other").await;
    let entered = aw.enter(&mut neighbour).await;
    assert_eq!(aw.end(&scene.ids[0][0], "user").await.json(), json!({ "ended": 4 }));
    assert!(neighbour.is_signed_in().await);
    assert_eq!(aw.status(&entered.app_session).await.json()["state"], "active");
    // A ticket that was on its way comes too late.
    let mut again = scene.passport.signed_in("other").await;
    let ticket = aw.send(&mut again).await.ticket();
    let its = aw.enter(&mut again).await.app_session;
    aw.end(&its, "user").await;
    assert_eq!(aw.redeem(&ticket).await.json()["code"], "invalid_ticket");
    assert_eq!(scene.passport.audited("ticket.refused").await.app.as_deref(), Some("aw"));
}

#[actix_web::test]
async fn another_apps_session_is_not_there() {
    on_both(async |database| {
        let scene = Scene::on(database).await;
        let [aw, bw] = &scene.apps;
        let of_bw = &scene.ids[0][1];
        let unknown = aw.status("0123456789abcdef").await;
        let before = scene.passport.audit().await.len();
        for answer in [
            aw.status(of_bw).await,
            aw.end(of_bw, "app").await,
            aw.end(of_bw, "session").await,
            aw.end(of_bw, "user").await,
        ] {
            assert_eq!(answer.status, 404);
            assert_eq!(answer.body, unknown.body, "and looks like one that never was");
        }
        assert_eq!(scene.active().await, [[true, true], [true, true]]);
        assert_eq!(scene.passport.audit().await.len(), before);
        assert_eq!(bw.status(of_bw).await.status, 200);
    })
    .await;
}

#[actix_web::test]
async fn an_app_session_whose_time_is_up_is_over_by_itself() {
    let scene = Scene::on(Database::Sqlite).await;
    let [aw, _] = &scene.apps;
    let id = &scene.ids[0][0];
    scene.passport.advance(12 * HOUR - SECOND);
    assert_eq!(aw.status(id).await.json()["state"], "active");
    scene.passport.advance(SECOND);
    let status = aw.status(id).await.json();
    assert_eq!((&status["state"], &status["cause"]), (&json!("ended"), &json!("expired")));
    assert_eq!(status["ended_at"], status["expires_at"]);
    assert_eq!(aw.end(id, "app").await.json(), json!({ "ended": 0 }), "nobody need hear of it");
    assert!(aw.events("0").await.events.is_empty());
}

#[actix_web::test]
async fn a_program_learns_where_to_begin() {
    let passport = Passport::start().await;
    let mut browser = passport.browser();
    let answer = browser.get("/.well-known/passport-configuration").await;
    assert_eq!(answer.header("content-type"), "application/json");
    assert_eq!(answer.header("cache-control"), "public, max-age=15");
    let configuration: Configuration = has(
        &answer.json(),
        "issuer login_endpoint logout_endpoint redeem_endpoint events_endpoint jwks_uri \
         ticket_signing_alg_values_supported challenge_methods_supported prompt_values_supported \
         ui_locales_supported",
    );
    let url = &passport.url;
    assert_eq!(&configuration.issuer, url);
    for (endpoint, path) in [
        (&configuration.login_endpoint, "/login"),
        (&configuration.logout_endpoint, "/logout"),
        (&configuration.redeem_endpoint, "/api/v1/tickets/redeem"),
        (&configuration.events_endpoint, "/api/v1/events"),
        (&configuration.jwks_uri, "/.well-known/jwks.json"),
    ] {
        assert_eq!(endpoint, &format!("{url}{path}"));
        assert_ne!(browser.get(path).await.status, 404, "{path}");
    }
    assert_eq!(configuration.challenge_methods_supported, ["S256"]);
    assert_eq!(configuration.prompt_values_supported, ["none", "login"]);
    assert_eq!(configuration.ui_locales_supported, ["en", "zh", "ru"]);
    assert_eq!(configuration.ticket_signing_alg_values_supported, ["EdDSA"]);
}

#[actix_web::test]
async fn published_keys_verify_tickets_and_hold_nothing_secret() {
    let passport = Passport::start().await;
    passport.add_user("member").await;
    let aw = passport.add_app("aw").await;
    let mut browser = passport.signed_in("member").await;
    let ticket = aw.send(&mut browser).await.ticket();
    let answer = browser.get("/.well-known/jwks.json").await;
    assert_eq!(answer.header("content-type"), "application/jwk-set+json");
    assert_eq!(answer.header("cache-control"), "public, max-age=15");
    let set = answer.json();
    assert_eq!(names(&set), ["keys"].into());
    let keys = set["keys"].as_array().unwrap();
    assert!(!keys.is_empty());
    for key in keys {
        assert_eq!(names(key), "kty crv use alg kid x".split(' ').collect(), "no `d`: {key}");
        assert_eq!((&key["kty"], &key["crv"]), (&json!("OKP"), &json!("Ed25519")));
        assert_eq!((&key["alg"], &key["use"]), (&json!("EdDSA"), &json!("sig")));
    }
    let kid = jsonwebtoken::decode_header(&ticket).unwrap().kid.unwrap();
    let key = keys.iter().find(|key| key["kid"] == kid.as_str()).expect("the ticket's key");
    let jwk = serde_json::from_value(key.clone()).unwrap();
    let mut rules = jsonwebtoken::Validation::new(jsonwebtoken::Algorithm::EdDSA);
    rules.set_audience(&["aw"]);
    rules.set_issuer(&[&passport.url]);
    // The harness' clock stands still in the future or the past of the machine's.
    rules.validate_exp = false;
    let key = jsonwebtoken::DecodingKey::from_jwk(&jwk).unwrap();
    let claims = jsonwebtoken::decode::<Value>(&ticket, &key, &rules).unwrap().claims;
    // DESIGN 4.5: no personal data.
    assert_eq!(names(&claims), "iss aud sub sid jti iat exp return_to_hash".split(' ').collect());
    assert!(!claims.to_string().contains("member"));
}

// Machines probe health by whatever address they have.
#[actix_web::test]
async fn health_is_told_under_any_name_and_says_little() {
    let passport = Passport::start().await;
    for path in ["/healthz", "/readyz"] {
        for host in ["10.1.2.3:80", "evil.example", ""] {
            let request =
                format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
            let answer = harness::raw::exchange(passport.address, request.as_bytes()).await;
            assert_eq!(harness::raw::status(&answer), 200, "{path} at {host:?}: {answer}");
            let lower = answer.to_lowercase();
            for word in ["sqlite", "postgres", "actix", "server:", "version", "evil"] {
                assert!(!lower.contains(word), "{path} says {word}: {answer}");
            }
        }
    }
}
