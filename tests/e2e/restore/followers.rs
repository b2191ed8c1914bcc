//! Who follows an app's log through a restore: the SDK, and what is pushed.

use std::net::{SocketAddr, TcpListener};

use actix_session::{SessionMiddleware, storage::CookieSessionStore};
use actix_web::{App, HttpServer, cookie::Key, web};
use client_sdk::{Settings, actix::MaybeSignedIn, wire::EventKind};
use harness::{Browser, Database, PASSWORD, Passport, Receiver, SECOND, on_both};
use sso_server::{
    domain::confirmation::Standing,
    flows::{
        prove_logout::prove_logout,
        restore::{Restore, restore},
    },
};

use super::scene::{Scene, until};

/// An app with the SDK.
struct Shop {
    address: SocketAddr,
    url: String,
    passport: client_sdk::actix::Passport,
}

impl Shop {
    async fn open(scene: &Scene) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let url = format!("http://aw.localhost:{}", address.port());
        let app = scene.add_app("aw", &format!("{url}/sso/callback"));
        let settings = Settings::new(&scene.url, "aw", &app.secret, &url).unwrap();
        let passport = client_sdk::actix::Passport::start(settings).unwrap();
        let shared = passport.clone();
        let server = HttpServer::new(move || {
            let sessions =
                SessionMiddleware::new(CookieSessionStore::default(), Key::from(&[7; 64]));
            App::new().configure(shared.routes()).route("/", web::get().to(who)).wrap(sessions)
        });
        let server = server.workers(1).disable_signals().listen(listener).unwrap();
        actix_web::rt::spawn(server.run());
        until("the app has caught up", async || passport.is_current()).await;
        Self { address, url, passport }
    }

    /// Somebody signs in here.
    async fn enter(&self, person: &mut Browser, name: &str) -> Browser {
        let mut browser = Browser::new(self.address, &self.url);
        let sent = browser.get("/sso/login?next=/").await;
        let query = format!("?{}", sent.location().split_once('?').unwrap().1);
        let form = person.login_form(&query, name, PASSWORD).await;
        let back = person.submit(&form).await;
        let answer = browser.get(back.location().strip_prefix(&self.url).unwrap()).await;
        assert_eq!((answer.status.as_u16(), answer.location()), (303, "/"), "{}", answer.body);
        assert_eq!(says(&mut browser).await, name);
        browser
    }
}

async fn who(visitor: MaybeSignedIn) -> String {
    visitor.0.map_or("nobody".to_owned(), |person| person.user().username.clone())
}

async fn says(browser: &mut Browser) -> String {
    let answer = browser.get("/").await;
    if answer.status == 200 { answer.body } else { answer.status.as_u16().to_string() }
}

// SECURITY-CASES Q-15, W-14: the SDK's follower has read further than the restored log went.
#[actix_web::test]
async fn the_sdk_drops_what_passport_knows_and_what_it_does_not() {
    on_both(async |database| {
        let mut scene = Scene::on(database).await;
        let shop = Shop::open(&scene).await;
        let mut known = shop.enter(&mut scene.browser(), "ann").await;
        let backup = scene.back_up("backup");
        for _ in 0..3 {
            let mut passing = shop.enter(&mut scene.browser(), "ben").await;
            scene.home.say(&["user", "logout", "ben"]);
            until("the log is followed", async || says(&mut passing).await == "nobody").await;
        }
        let mut unknown = shop.enter(&mut scene.browser(), "cid").await;
        assert_eq!(says(&mut known).await, "ann");

        scene.put_back(&backup, &[]).await;
        until("what is known is over", async || says(&mut known).await == "nobody").await;
        until("what is not is over, too", async || says(&mut unknown).await == "nobody").await;
        assert!(shop.passport.is_current());

        // It follows the log that goes on; and what began since stays until it is ended.
        let mut fresh = shop.enter(&mut scene.browser(), "ann").await;
        let mut other = shop.enter(&mut scene.browser(), "cid").await;
        scene.home.say(&["user", "logout", "ann"]);
        until("the end is heard of", async || says(&mut fresh).await == "nobody").await;
        assert_eq!(says(&mut other).await, "cid");
    })
    .await;
}

// What is pushed goes on; the numbers that were skipped are nobody's loss; and the proof waits for
// whoever listens.
#[actix_web::test]
async fn what_is_pushed_goes_on_behind_the_gap() {
    on_both(async |database: Database| {
        let change = |config: &mut sso_server::config::Config| {
            config.outgoing.allow_loopback = true;
        };
        let passport = Passport::with(database, change).await;
        let receiver = Receiver::start().await;
        let (aw, secret) = passport.add_pushed("aw", &receiver.url()).await;
        passport.add_user("ann").await;
        let entered = aw.enter(&mut passport.signed_in("ann").await).await;
        passport.advance(5 * SECOND);

        let restored = restore(&passport.app, &Restore::default()).await.unwrap();
        let got = receiver.wait_for(2).await;
        let events: Vec<_> =
            got.iter().map(|one| one.open(&secret, restored.at / SECOND).unwrap()).collect();
        assert_eq!(events[0].kind, EventKind::LogRestored);
        assert_eq!(events[1].app_session.as_deref(), Some(entered.app_session.as_str()));
        passport
            .until("SELECT COUNT(*) FROM confirmations WHERE confirmed_at IS NOT NULL", 1)
            .await;
        let logout = restored.logout.unwrap();
        let proof = prove_logout(&passport.app, &logout.id).await.unwrap().unwrap();
        assert!(matches!(proof.apps[0].standing, Standing::Confirmed { .. }), "{proof:?}");
        assert_eq!(passport.count("SELECT dead_events FROM push_streams").await, 0);
        let gap = passport.count("SELECT to_seq - from_seq FROM log_gaps").await;
        assert!(gap > 1_000_000, "the control: there was something to be counted wrongly");
    })
    .await;
}
