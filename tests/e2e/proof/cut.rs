//! An instance that is cut off refuses by itself when Passport said it would, and never later.

use std::time::{Duration, Instant};

use harness::{Browser, Cable, Database, SECOND};
use serde_json::Value;
use sqlx::Connection;

use super::scene::{Registered, Scene, Seen, Shop, Verdict, until};

/// A running app with somebody in it.
struct Running {
    app: Registered,
    shop: Shop,
    browser: Browser,
    /// Of the one who is in.
    session: String,
}

impl Running {
    /// `at_passport`: who is let in.
    async fn new(scene: &Scene, id: &str, policy: &str, at_passport: &mut Browser) -> Self {
        let app = scene.register(id, None);
        let shop = app.run(&[
            ("SHOP_INSTANCE", "cut-off"),
            ("SHOP_MAX_STALENESS", "2"),
            ("SHOP_WHEN_STALE", policy),
        ]);
        let browser = shop.enter(at_passport).await;
        let (session, _) = shop.names(&browser).await;
        Self { app, shop, browser, session }
    }

    /// As long as nothing is wrong, a logout is obeyed at once. Somebody else is in afterwards.
    async fn obeys(&mut self, scene: &Scene) {
        let logout = scene.force_out(&self.session).await;
        self.shop.until(&self.browser, Verdict::Out).await;
        until("it has confirmed", async || {
            scene.proof(&logout, &self.app.id).await["state"] == "confirmed"
        })
        .await;
        self.browser = self.shop.enter(&mut scene.signed_in().await).await;
        self.session = self.shop.names(&self.browser).await.0;
    }

    /// The session ends at Passport, which says by when this app refuses.
    async fn ends(&self, scene: &Scene) -> Promise {
        let logout = scene.force_out(&self.session).await;
        let proof = scene.proof(&logout, &self.app.id).await;
        assert_eq!(proof["state"], "waiting", "{proof}");
        assert_eq!(proof["waiting_for"][0]["instance"], "cut-off", "{proof}");
        let at = proof["refuses_at_the_latest"].as_i64().unwrap();
        eprintln!("{}: refuses at the latest at {at}", self.app.id);
        Promise { logout, at: at * SECOND, proof }
    }

    /// Looks until the moment that was promised, and at that moment: it may accept before, never
    /// then. Answers all that was seen.
    async fn keeps(&self, promise: &Promise) -> Vec<Seen> {
        let mut all = Vec::new();
        loop {
            let seen = self.shop.look(&self.browser).await;
            let late = seen.clock >= promise.at;
            assert!(!late || seen.verdict != Verdict::In, "{}: too late: {seen:?}", self.app.id);
            all.push(seen);
            if late {
                return all;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// The wire is mended: it learns what it has missed, and Passport that it has.
    async fn hears(&self, scene: &Scene, promise: &Promise) {
        scene.cable.plug(scene.node().address);
        self.shop.until(&self.browser, Verdict::Out).await;
        until("it is confirmed", async || {
            scene.proof(&promise.logout, &self.app.id).await["state"] == "confirmed"
        })
        .await;
    }
}

struct Promise {
    logout: String,
    /// In milliseconds.
    at: i64,
    proof: Value,
}

/// Its trust ran out before it was told anything.
fn by_itself(seen: &[Seen]) {
    assert!(seen.iter().all(|seen| seen.verdict != Verdict::Out), "nobody could tell it: {seen:?}");
}

async fn cut_by(id: &str, cut: fn(&Cable)) {
    let scene = Scene::on(Database::Sqlite).await;
    let mut app = Running::new(&scene, id, "refuse", &mut scene.signed_in().await).await;
    app.obeys(&scene).await;
    cut(&scene.cable);
    let promise = app.ends(&scene).await;
    by_itself(&app.keeps(&promise).await);
    app.hears(&scene, &promise).await;
}

/// The last answer of before the end is on its way for as long as it can be: it is believed, and
/// even that was reckoned with.
async fn held_up() {
    let scene = Scene::on(Database::Sqlite).await;
    let app = Running::new(&scene, "held", "refuse", &mut scene.signed_in().await).await;
    scene.cable.hold_answers();
    until("an answer is on its way", async || scene.cable.held() > 0).await;
    let promise = app.ends(&scene).await;
    let looked = app.keeps(&promise);
    let delayed = async {
        // Past its trust, and short of its patience with this question. That time passes is the
        // matter here.
        tokio::time::sleep(Duration::from_millis(2_700)).await;
        scene.cable.release_answers();
    };
    let (seen, ()) = tokio::join!(looked, delayed);
    by_itself(&seen);
    let gave_up = seen.iter().position(|seen| seen.verdict == Verdict::Unknown).unwrap();
    let again = seen[gave_up..].iter().any(|seen| seen.verdict == Verdict::In);
    assert!(again, "the late answer was of no use, and this shows nothing: {seen:?}");
    app.hears(&scene, &promise).await;
}

// DESIGN 4.6, 3 and 4; SECURITY-CASES B-20, W-04.
#[actix_web::test]
async fn cut_off_it_refuses_by_itself_when_it_was_promised() {
    tokio::join!(
        cut_by("cut", Cable::cut),
        cut_by("reset", Cable::reset),
        cut_by("unplugged", Cable::unplug),
        held_up(),
    );
}

/// Passport is away for a moment, in which a session gets a short life: the shortest that can be
/// configured is a minute.
async fn live_shortly(scene: &mut Scene, until: i64) {
    scene.kill();
    let mut database = sqlx::PgConnection::connect(&scene.home.url).await.unwrap();
    let shorter = sqlx::query("UPDATE sessions SET expires_at = $1 WHERE ended_at IS NULL");
    shorter.bind(until).execute(&mut database).await.unwrap();
    scene.serve();
}

// An app that prefers to go on has promised nothing: it is waited for until its sessions run out, and
// then refuses like everybody else.
#[actix_web::test]
async fn whoever_goes_on_refuses_when_the_session_runs_out() {
    let mut scene = Scene::on(Database::Postgres).await;
    let mut at_passport = scene.signed_in().await;
    let soon = sso_server::clock::Clock::System.now() + 12 * SECOND;
    live_shortly(&mut scene, soon).await;
    at_passport = at_passport_at(&scene, &at_passport);
    let app = Running::new(&scene, "goes-on", "continue", &mut at_passport).await;
    scene.cable.cut();
    let promise = app.ends(&scene).await;
    assert!(promise.proof["waiting_for"][0]["refuses_at"].is_null(), "{}", promise.proof);
    assert!((soon - SECOND..=soon).contains(&promise.at), "{} {soon}", promise.at);
    let begun = Instant::now();
    let seen = app.keeps(&promise).await;
    let (last, before) = seen.split_last().unwrap();
    assert_eq!(last.verdict, Verdict::Out, "its own clock says so");
    assert!(before.iter().all(|seen| seen.verdict == Verdict::In), "it went on: {before:?}");
    eprintln!("went on for {:?}", begun.elapsed());
    assert_eq!(scene.proof(&promise.logout, "goes-on").await["state"], "over");
}

/// The same browser, at the Passport that was started since.
fn at_passport_at(scene: &Scene, browser: &Browser) -> Browser {
    let mut again = scene.browser();
    again.cookies = browser.cookies.clone();
    again
}
