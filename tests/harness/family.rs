//! The family of the demo in this process: Passport, aw and bw on free ports.

use std::{
    net::TcpListener,
    sync::Arc,
    time::{Duration, Instant},
};

use actix_web::cookie::Key;
use client_sdk::Settings;
use demo_apps::{
    run,
    site::{AW, BW, Site},
};

use sso_server::{clock::Clock, config::Config};

use crate::{Database, Passport};

/// The family, with a person called `goal`.
pub struct Family {
    /// Passport.
    pub passport: Passport,
    /// The URL of aw, which sends people to Passport.
    pub aw: String,
    /// The URL of bw, where people sign in within the page.
    pub bw: String,
    /// Passport, as aw knows it.
    pub at_aw: client_sdk::actix::Passport,
}

impl Family {
    /// With the defaults.
    pub async fn start() -> Self {
        Self::with(|_| {}).await
    }

    /// With some settings changed.
    pub async fn with(change: impl FnOnce(&mut Config)) -> Self {
        let folder = Arc::new(tempfile::tempdir().unwrap());
        let database = Database::Sqlite.create(folder.path()).await;
        // The SDK knows no clock but the machine's.
        let passport =
            Passport::over(Database::Sqlite, &database, folder, Clock::System, change).await;
        passport.add_user("goal").await;
        let [at_aw, at_bw] = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
        let url = |id, listener: &TcpListener| {
            format!("http://{id}.localhost:{}", listener.local_addr().unwrap().port())
        };
        let (aw, bw) = (url("aw", &at_aw), url("bw", &at_bw));
        let at_aw = open(&passport, AW, at_aw, &aw, &bw).await;
        open(&passport, BW, at_bw, &bw, &aw).await;
        Self { passport, aw, bw, at_aw }
    }
}

async fn open(
    passport: &Passport,
    site: Site,
    listener: TcpListener,
    url: &str,
    sibling: &str,
) -> client_sdk::actix::Passport {
    let return_urls = [format!("{url}/sso/callback")];
    let origins = [url.to_owned()];
    let registered = passport
        .add_app_with(site.id, |app| {
            app.name = site.name;
            app.return_urls = &return_urls;
            app.origins = &origins;
            app.jsonp = true;
        })
        .await;
    let settings = Settings::new(&passport.url, site.id, &registered.secret, url).unwrap();
    // A site's own words are constants; here it says where its sibling is this time.
    let sibling: &'static str = sibling.to_owned().leak();
    let site = Site { sibling: (site.sibling.0, sibling), ..site };
    let (server, handle) = run::serve(site, settings, listener, Key::generate()).unwrap();
    actix_web::rt::spawn(server);
    // Before it has heard from Passport it accepts nobody.
    let deadline = Instant::now() + Duration::from_secs(30);
    while !handle.is_current() {
        assert!(Instant::now() < deadline, "{} never hears from Passport", site.id);
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    handle
}
