//! An app with the SDK beside a real Passport, on the clock of this machine (the SDK knows no other).

mod following;
mod hostile;
mod leaving;
mod signing_in;

use std::{
    net::{SocketAddr, TcpListener},
    sync::Arc,
};

use actix_session::{Session, SessionExt, SessionMiddleware, storage::CookieSessionStore};
use actix_web::{
    App, HttpResponse, HttpServer,
    cookie::Key,
    dev::{ServerHandle, Service},
    web,
};
use client_sdk::{
    Settings,
    actix::{MaybeSignedIn, SignedIn},
};
use harness::{Answer, Browser, Cable, Database, Passport, TestApp};
use sso_server::clock::Clock;

use crate::scene::until;

/// Passport behind its cable, with a member.
struct Scene {
    passport: Passport,
    cable: Cable,
}

impl Scene {
    async fn new() -> Self {
        let cable = Cable::new().await;
        let folder = Arc::new(tempfile::tempdir().unwrap());
        let url = Database::Sqlite.create(folder.path()).await;
        let passport = serve(&cable, &url, folder).await;
        passport.add_user("member").await;
        Self { passport, cable }
    }

    /// Stops Passport and starts it over the same data at another port.
    async fn restart(self) -> Self {
        let (passport, cable) = (self.passport, self.cable);
        let (url, folder) = (passport.app.config.database.url.clone(), passport.folder.clone());
        cable.unplug();
        passport.stop().await;
        let passport = serve(&cable, &url, folder).await;
        Self { passport, cable }
    }

    /// A registered app that runs and follows.
    async fn shop(&self, id: &str) -> Shop {
        self.shop_with(id, |_| {}).await
    }

    async fn shop_with(&self, id: &str, change: impl FnOnce(&mut Settings)) -> Shop {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{id}.localhost:{}", listener.local_addr().unwrap().port());
        let return_urls = [format!("{url}/sso/callback")];
        let app = self.passport.add_app_with(id, |app| app.return_urls = &return_urls).await;
        let mut settings = Settings::new(&self.passport.url, id, &app.secret, &url).unwrap();
        change(&mut settings);
        let shop = Shop::open(listener, app, settings).await;
        until("the app has caught up", async || shop.passport.is_current()).await;
        shop
    }

    fn person(&self) -> Person {
        Person(self.passport.browser())
    }
}

async fn serve(cable: &Cable, url: &str, folder: Arc<tempfile::TempDir>) -> Passport {
    let public_url = format!("http://sso.localhost:{}", cable.address.port());
    let change = |config: &mut sso_server::config::Config| config.server.public_url = public_url;
    let passport = Passport::over(Database::Sqlite, url, folder, Clock::System, change).await;
    cable.plug(passport.address);
    passport
}

/// An app with the SDK: `/` says who is there, `/members` is for members, `/cart` keeps something
/// in the session of a stranger.
struct Shop {
    app: TestApp,
    settings: Settings,
    address: SocketAddr,
    passport: client_sdk::actix::Passport,
    server: ServerHandle,
}

impl Shop {
    async fn open(listener: TcpListener, app: TestApp, settings: Settings) -> Self {
        let address = listener.local_addr().unwrap();
        let passport = client_sdk::actix::Passport::start(settings.clone()).unwrap();
        let shared = passport.clone();
        let factory = move || {
            // One key for all, as the copies of one app have.
            let sessions =
                SessionMiddleware::new(CookieSessionStore::default(), Key::from(&[7; 64]));
            App::new()
                .configure(shared.routes())
                .route("/", web::get().to(who))
                .route("/members", web::get().to(members))
                .route("/members", web::post().to(members))
                .route("/cart", web::post().to(put))
                .route("/cart", web::get().to(cart))
                .wrap_fn(|request, service| {
                    let session = request.get_session();
                    let answered = service.call(request);
                    async move {
                        let mut response = answered.await?;
                        let status = format!("{:?}", session.status());
                        let (name, value) = ("x-session", status.parse().unwrap());
                        response.headers_mut().insert(name.parse().unwrap(), value);
                        Ok(response)
                    }
                })
                .wrap(sessions)
        };
        let server = HttpServer::new(factory).workers(1).disable_signals().listen(listener);
        let server = server.unwrap().run();
        let handle = server.handle();
        actix_web::rt::spawn(server);
        Self { app, settings, address, passport, server: handle }
    }

    /// Another running copy of the same app.
    async fn copy(&self) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        Self::open(listener, self.app.clone(), self.settings.clone()).await
    }

    /// This copy ends, and its follower with it.
    async fn close(self) {
        self.server.stop(false).await;
    }

    /// A browser here.
    fn browser(&self) -> Browser {
        Browser::new(self.address, self.settings.base_url())
    }

    /// What a browser asks this app for when it is sent to a URL of it.
    fn path<'a>(&self, url: &'a str) -> &'a str {
        let url = url.split_once('#').map_or(url, |(url, _)| url);
        url.strip_prefix(self.settings.base_url()).unwrap_or(url)
    }
}

async fn who(visitor: MaybeSignedIn) -> String {
    visitor.0.map_or("nobody".to_owned(), |person| person.user().username.clone())
}

async fn members(person: SignedIn) -> String {
    format!("for {}", person.user().username)
}

async fn put(session: Session) -> HttpResponse {
    session.insert("cart", "a book").unwrap();
    HttpResponse::Ok().finish()
}

async fn cart(session: Session) -> String {
    session.get::<String>("cart").unwrap().unwrap_or_default()
}

/// Somebody at Passport's pages. At each app they have a browser of that app's.
struct Person(Browser);

impl Person {
    /// From an app's login route to the callback that Passport sends them to, not yet opened.
    async fn fetch(&mut self, browser: &mut Browser, login: &str) -> Answer {
        let sent = browser.get(login).await;
        assert_eq!(sent.status, 303, "{}", sent.body);
        self.follow(&sent).await
    }

    /// From the redirect to Passport on.
    async fn follow(&mut self, sent: &Answer) -> Answer {
        let url = url::Url::parse(sent.location()).unwrap();
        assert_eq!(url.path(), "/login");
        let query = format!("?{}", url.query().unwrap());
        let answer = self.0.get(&format!("/login{query}")).await;
        if answer.status == 303 {
            return answer;
        }
        let form = self.0.login_form(&query, "member", harness::PASSWORD).await;
        let answer = self.0.submit(&form).await;
        assert_eq!(answer.status, 303, "{}", answer.text());
        answer
    }

    /// Signs in at an app with a new browser of it.
    async fn enter(&mut self, shop: &Shop) -> Browser {
        let mut browser = shop.browser();
        let back = self.fetch(&mut browser, "/sso/login?next=/").await;
        let answer = browser.get(shop.path(back.location())).await;
        assert_eq!((answer.status.as_u16(), answer.location()), (303, "/"), "{}", answer.body);
        assert_eq!(says(&mut browser).await, "member");
        browser
    }
}

/// Whom the app takes a browser for; the status when it does not say.
async fn says(browser: &mut Browser) -> String {
    let answer = browser.get("/").await;
    if answer.status == 200 { answer.body } else { answer.status.as_u16().to_string() }
}
