//! PostgreSQL is there and cannot be heard.

use std::time::Duration;

use harness::{Answer, Browser, Cable, Database, process::Home};
use reqwest::Method;
use sso_server::store::NOTICED_WITHIN;
use tokio::time::timeout;

use super::scene::{Scene, until};

/// Twice as long as silence may go unnoticed, and half as long as anything else may take.
const PATIENCE: Duration = NOTICED_WITHIN.saturating_mul(2);

async fn answered(what: &str, browser: &mut Browser, method: Method, path: &str) -> Answer {
    let asked = browser.request(method, path, None, &[]);
    timeout(PATIENCE, asked).await.unwrap_or_else(|_| panic!("{what}: never answered"))
}

// SECURITY-CASES W-07: whoever asks hears that nobody knows, and keeps what they have; an app's polls
// too. When there is a server again, everything goes on without anybody's doing.
#[actix_web::test]
async fn a_database_that_falls_silent_is_a_503_in_time() {
    let folder = tempfile::tempdir().unwrap();
    let direct = Database::Postgres.create(folder.path()).await;
    let wire = Cable::new().await;
    let mut through = url::Url::parse(&direct).unwrap();
    let target = (through.host_str().unwrap().to_owned(), through.port().unwrap_or(5432));
    let target = tokio::net::lookup_host(target).await.unwrap().next().unwrap();
    wire.plug(target);
    through.set_port(Some(wire.address.port())).unwrap();
    through.set_host(Some("127.0.0.1")).unwrap();
    let mut home = Home::over(folder, through.to_string());
    home.set("SSO_EVENTS__LONGEST_WAIT", "2s");
    let scene = Scene::in_home(home).await;
    let app = scene.register("aw", None);
    let aw = scene.app(&app);
    let mut browser = scene.signed_in().await;
    let entered = aw.enter(&mut browser).await;
    let cookies = browser.cookies.clone();

    wire.cut();
    let (mut a, mut b, mut c) = (browser.clone(), scene.browser(), scene.browser());
    let poll = "/api/v1/events?after=0&instance=waiting&wait=1";
    let asks = async {
        let answer = timeout(PATIENCE, aw.call(Method::GET, poll, None, &[])).await;
        answer.expect("a poll is never answered")
    };
    let (account, ready, alive, polled) = tokio::join!(
        answered("a page", &mut a, Method::GET, "/account"),
        answered("readiness", &mut b, Method::GET, "/readyz"),
        answered("life", &mut c, Method::GET, "/healthz"),
        asks,
    );
    assert_eq!(alive.status, 200);
    for (what, answer) in [("account", &account), ("ready", &ready), ("poll", &polled)] {
        assert_eq!(answer.status, 503, "{what}: {}", answer.body);
    }
    assert_eq!(a.cookies, cookies, "nobody is signed out by it");
    // As another machine: the connections of before stay as silent as they were, and nobody says that
    // they are over.
    wire.replace();
    until("it is ready", async || scene.browser().get("/readyz").await.status == 200).await;
    until("they are in", async || browser.get("/account").await.status == 200).await;
    assert_eq!(aw.status(&entered.app_session).await.json()["state"], "active");
}
