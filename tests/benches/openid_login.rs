//! How long somebody waits between pressing the button under the OpenID box and being led to their
//! provider, with a key that is shared with it and without; and how long they would have waited had
//! the key been asked for first.
//!
//! `cargo bench -p passport-tests --bench openid_login`; `tests/run bench` runs it, too. The provider
//! is `tests/peers/openid/op.py` on this machine, so its own time to answer is printed beside: no
//! login can start in less than what its page takes.

use std::{
    sync::Arc,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use harness::{Answer, Database, Passport, Provider, provider::next_step};
use openid2::{
    association::associate::{Associate, Secrets},
    names::Version,
    url::WebUrl,
};
use sso_server::{clock::Clock, upstream::openid};

const STARTS: usize = 500;
const ASSOCIATIONS: usize = 100;
const KEYS: &str = "SELECT COUNT(*) FROM openid_associations";

#[actix_web::main]
async fn main() {
    for database in [Database::Sqlite, Database::Postgres] {
        println!("\n{database:?}");
        let passport = start(database).await;
        let provider = Provider::start();
        let (page, own) = (provider.at("id/alice"), provider.base.clone());
        // A login under way sends along whichever key is there; with `off` there is none.
        provider.tell(&[("assoc", "off")]).await;
        starts(&passport, &provider, &page, "a person's page, without a key", false).await;
        starts(&passport, &provider, &own, "a provider's identifier, found lately", false).await;
        provider.tell(&[("assoc", "on")]).await;
        share_key(&passport, &provider, &page).await;
        starts(&passport, &provider, &page, "a person's page, with a key", true).await;
        starts(&passport, &provider, &own, "a provider's identifier, with a key", true).await;
        associations(&passport, &provider).await;
        passport.stop().await;
    }
}

async fn start(database: Database) -> Passport {
    let folder = Arc::new(tempfile::tempdir().unwrap());
    let url = database.create(folder.path()).await;
    // The provider's clock is the real one, and its answers bear their time.
    #[expect(clippy::disallowed_methods, reason = "what the provider's clock says")]
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis();
    let clock = Clock::manual(i64::try_from(now).unwrap());
    Passport::over(database, &url, folder, clock, |config| {
        config.outgoing.allow_loopback = true;
        config.openid.plain_http = vec!["*".to_owned()];
        config.throttle.openid_attempts = 1_000_000;
    })
    .await
}

/// From the box to the redirect, one after the other.
async fn starts(passport: &Passport, provider: &Provider, typed: &str, what: &str, key: bool) {
    let mut browser = passport.browser();
    let form = browser.get("/login").await.form("/login/openid").with("openid_identifier", typed);
    let mut took = Vec::new();
    provider.heard().await;
    for _ in 0..STARTS {
        let at = Instant::now();
        let asking = browser.submit(&form).await;
        let next = next_step(&asking).unwrap();
        let left: Answer = browser.get(&next).await;
        took.push(at.elapsed());
        assert_eq!(left.status, 303, "{}", left.text());
        assert!(left.location().starts_with(&provider.endpoint()), "{}", left.location());
        assert_eq!(left.sent("openid.assoc_handle").is_some(), key);
    }
    let asked = provider.heard().await.len();
    print(what, &mut took);
    // The same questions, without Passport.
    let mut alone = Vec::new();
    let questions = asked.div_ceil(STARTS);
    for _ in 0..if asked < STARTS { 0 } else { STARTS } {
        let at = Instant::now();
        for _ in 0..questions {
            provider.get(typed).await;
        }
        alone.push(at.elapsed());
    }
    match alone.is_empty() {
        true => println!("    limit: none, the provider was asked {asked} times in {STARTS}"),
        false => {
            print(&format!("  limit: the provider's own time, {questions} question(s)"), &mut alone)
        }
    }
}

/// Somebody logs in, and the worker shares a key with their provider.
async fn share_key(passport: &Passport, provider: &Provider, typed: &str) {
    // What it could not do was to be left for a day.
    passport.advance(harness::SECOND);
    let mut browser = passport.browser();
    let form = browser.get("/login").await.form("/login/openid").with("openid_identifier", typed);
    let asking = browser.submit(&form).await;
    let left = browser.get(&next_step(&asking).unwrap()).await;
    let sent = provider.sends_back(left.location()).await;
    let answer = browser.get(sent.url.strip_prefix(&passport.url).unwrap()).await;
    assert!(answer.location().starts_with("/register/openid"), "{}", answer.location());
    passport.until(KEYS, 1).await;
}

/// What nobody waits for: the exchange by which a key is shared.
async fn associations(passport: &Passport, provider: &Provider) {
    let app = &passport.app;
    let ours = app.openid.as_ref().unwrap();
    let endpoint = WebUrl::parse(&provider.endpoint()).unwrap();
    let mut took = Vec::new();
    for _ in 0..ASSOCIATIONS {
        let secrets = Secrets::new([app.random.bytes(), app.random.bytes()]);
        let now = app.clock.now() / 1_000;
        let at = Instant::now();
        let step = Associate::start(&endpoint, Version::V2, &ours.policy, secrets, now);
        openid::run(step, &app.transport).await.unwrap();
        took.push(at.elapsed());
    }
    print("asking for a key first would have added", &mut took);
}

fn print(what: &str, took: &mut [Duration]) {
    took.sort();
    let at = |share: f64| took[((took.len() - 1) as f64 * share) as usize].as_secs_f64() * 1e3;
    println!("  {what}: p50 {:.2} ms, p99 {:.2} ms", at(0.5), at(0.99));
}
