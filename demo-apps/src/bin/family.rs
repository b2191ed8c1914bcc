//! Passport, aw and bw in one program: the demo. Everything it keeps lies in one folder.

use std::{
    fs,
    io::{self, Write},
    net::TcpListener,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
};

use actix_web::cookie::Key;
use clap::Parser;
use client_sdk::Settings;
use demo_apps::{
    run,
    site::{AW, BW, Site},
};
use serde::{Deserialize, Serialize};
use sso_server::{
    app::App,
    clock::Clock,
    config::Config,
    domain::{app::Silent, token::Token},
    flows::{
        apps::{self, AddApp, AppsError},
        one_time_link,
        users::{self, AddUser, UsersError},
    },
    random::Random,
    web::server,
};

/// Passport and its two sample sites.
#[derive(Debug, Parser)]
struct Arguments {
    /// Where the demo keeps its database, its key and its credentials
    #[arg(long, default_value = "passport-demo")]
    folder: PathBuf,
    /// One session a person: signing in with a second browser signs out the first
    #[arg(long)]
    one_session: bool,
}

/// The demo's person.
const USERNAME: &str = "goal";

/// What the demo has to remember between two starts.
#[derive(Debug, Serialize, Deserialize)]
struct Credentials {
    password: String,
    aw_secret: String,
    bw_secret: String,
    /// What signs the events that are pushed to aw; bw only follows its log.
    aw_events_secret: Option<String>,
}

type Failure = Box<dyn std::error::Error>;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    tracing_subscriber::fmt().with_max_level(tracing::Level::WARN).with_writer(io::stderr).init();
    match actix_web::rt::System::new().block_on(family(&arguments)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("family: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn family(arguments: &Arguments) -> Result<(), Failure> {
    let folder = arguments.folder.as_path();
    let mut config = Config::default();
    config.session.max_per_user = usize::from(arguments.one_session);
    config.database.url = format!("sqlite://{}", folder.join("passport.db").display());
    // Events are pushed to the sites, which are on this machine.
    config.outgoing.allow_loopback = true;
    // A provider of OpenIDs on this machine may be tried, of any version.
    config.openid.plain_http = vec!["127.0.0.1".to_owned(), "localhost".to_owned()];
    config.openid.version_1 = true;
    config.openid.sha1 = true;
    config.master_key.file = folder.join("passport.key").display().to_string();
    let listen = config.server.listen.clone();
    let public_url = config.server.public_url.clone();
    // All ports before anything is made, so that a second start says what is the matter.
    let [sso, aw, bw] = [listen.as_str(), AW.listen, BW.listen].map(|address| {
        TcpListener::bind(address).map_err(|error| {
            format!("cannot listen on {address}: {error}. Is the demo running already?")
        })
    });
    let (sso, aw, bw) = (sso?, aw?, bw?);
    sso.set_nonblocking(true)?;

    fs::create_dir_all(folder)?;
    let app = App::open(config, Clock::System, Random::system()).await?;
    let credentials = credentials(&app, folder).await?;
    let setup = one_time_link::first_admin(&app).await?;
    let running = server::start(app.clone(), sso)?;
    let site = |site: Site, secret: &str, events: Option<&str>, listener| -> Result<_, Failure> {
        let mut settings = Settings::new(public_url.as_str(), site.id, secret, site.url)?;
        if let Some(events) = events {
            settings = settings.accept_events(events)?;
        }
        Ok(run::serve(site, settings, listener, Key::generate())?)
    };
    let aw = site(AW, &credentials.aw_secret, credentials.aw_events_secret.as_deref(), aw)?;
    let bw = site(BW, &credentials.bw_secret, None, bw)?;
    let ((aw, aw_passport), (bw, bw_passport)) = (aw, bw);
    let (stop_aw, stop_bw) = (aw.handle(), bw.handle());
    actix_web::rt::spawn(aw);
    actix_web::rt::spawn(bw);

    println!("The family is up. Open one of its sites, sign in, then open the other.\n");
    println!("  Aw        {}   signs in at Passport and comes back", AW.url);
    println!("  Bw        {}   signs in within its page; {}/how says by what", BW.url, BW.url);
    println!("  Passport  {public_url}\n");
    println!("  Sign in as  {USERNAME}");
    println!("  Password    {}\n", credentials.password);
    if let Some(link) = setup {
        println!("  To make an administrator, open within 24 hours:\n  {link}\n");
    }
    println!("Everything is kept in {}. Stop with Ctrl-C.", folder.display());
    io::stdout().flush()?;

    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminate.recv() => {}
    }
    let _ = tokio::join!(aw_passport.leave(), bw_passport.leave());
    tokio::join!(stop_aw.stop(false), stop_bw.stop(false));
    running.stop().await;
    Ok(())
}

/// The demo's person and apps: made at the first start, found at later ones.
async fn credentials(app: &Arc<App>, folder: &Path) -> Result<Credentials, Failure> {
    let file = folder.join("credentials.json");
    if let Ok(text) = fs::read_to_string(&file) {
        return Ok(serde_json::from_str(&text)?);
    }
    let again = || {
        format!(
            "{} is missing; remove the folder {} to begin anew",
            file.display(),
            folder.display()
        )
    };
    let password = password();
    let person = AddUser {
        username: USERNAME,
        email: Some("goal@family.example"),
        admin: false,
        password: Some(&password),
    };
    match users::add(app, person).await {
        Err(UsersError::Taken) => return Err(again().into()),
        result => result?,
    };
    let events_url = format!("{}/sso/events", AW.url);
    let (mut secrets, mut aw_events_secret) = (Vec::new(), None);
    for (site, events_url) in [(AW, Some(events_url.as_str())), (BW, None)] {
        let new = AddApp {
            id: site.id,
            name: site.name,
            return_urls: &[format!("{}/sso/callback", site.url), format!("{}/", site.url)],
            origins: &[site.url.to_owned()],
            events_url,
            jsonp: false,
            old_browsers: false,
            may_end_user: false,
            may_login: false,
            silent: Silent::Always,
            front_logout_url: None,
        };
        match apps::add(app, new).await {
            Err(AppsError::Taken(_)) => return Err(again().into()),
            result => {
                let added = result?;
                secrets.push(added.secret.expose().to_owned());
                let events_secret = added.events_secret.map(|secret| secret.to_string());
                aw_events_secret = aw_events_secret.or(events_secret);
            }
        }
    }
    let [aw_secret, bw_secret] = <[String; 2]>::try_from(secrets).map_err(|_| again())?;
    let credentials = Credentials { password, aw_secret, bw_secret, aw_events_secret };
    let mut kept = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&file)?;
    kept.write_all(serde_json::to_string_pretty(&credentials)?.as_bytes())?;
    Ok(credentials)
}

/// Easy to type, and still nobody's guess: three groups of four letters and digits.
fn password() -> String {
    let text = Token::fresh(&Random::system());
    let plain: Vec<char> = text
        .expose()
        .chars()
        .filter(|c| c.is_ascii_lowercase() || ('2'..='9').contains(c))
        .filter(|c| !"l1o0".contains(*c))
        .collect();
    let groups: Vec<String> = plain.chunks(4).take(3).map(|group| group.iter().collect()).collect();
    groups.join("-")
}
