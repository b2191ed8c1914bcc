//! The command line. Every listing and every creation has `--json`. Exit 0 on success, 1 on a
//! refused operation, 2 on wrong usage. Commands work beside a running server, which obeys at once.

mod admin_tokens;
mod apps;
mod audit;
mod copies;
mod doctor;
mod keys;
mod output;
mod proofs;
mod serve;
mod sessions;
mod users;

use std::{
    io::{IsTerminal, Write},
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
};

use clap::{Parser, Subcommand};
use tracing_subscriber::{Layer, filter::Targets, layer::SubscriberExt, util::SubscriberInitExt};

use crate::{
    app::App,
    clock::Clock,
    config::{self, Config, LogFormat, Problem},
    random::Random,
    store,
};

/// Passport: the central sign-in server for a family of sites.
#[derive(Debug, Parser)]
#[command(name = "sso-server", version, arg_required_else_help = true)]
struct Arguments {
    /// The configuration file [default: passport.toml, if there is one]
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Override a setting, as in --set server.listen=127.0.0.1:0
    #[arg(long = "set", global = true, value_name = "KEY=VALUE", value_parser = config::flag)]
    settings: Vec<(String, String)>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve until told to stop
    Serve,
    /// Check the configuration and name every problem at once
    Check,
    /// Bring the database up to date
    Migrate,
    /// Manage accounts
    #[command(subcommand)]
    User(users::Command),
    /// Manage apps
    #[command(subcommand)]
    App(apps::Command),
    /// See and end sessions
    #[command(subcommand)]
    Session(sessions::Command),
    /// Manage the keys that sign tickets
    #[command(subcommand)]
    Key(keys::Command),
    /// Manage tokens for programs that administer
    #[command(subcommand)]
    AdminToken(admin_tokens::Command),
    /// Read the audit log, and look whether anybody has changed it
    #[command(subcommand)]
    Audit(audit::Command),
    /// Copy the database into a new file, while the server goes on (SQLite)
    Backup(copies::Backup),
    /// Put a backup in the place of the database, and end and void what must not come back
    Restore(copies::Restore),
}

/// A refused operation: one sentence for the person at the terminal.
#[derive(Debug)]
struct Refused(String);

impl<E: std::error::Error> From<E> for Refused {
    fn from(error: E) -> Self {
        Self(error.to_string())
    }
}

/// Does what the arguments say.
pub async fn run() -> ExitCode {
    // Usage errors end the process here, with 2.
    let arguments = Arguments::parse();
    match execute(arguments).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(Refused(why)) => {
            let _ = writeln!(std::io::stderr(), "sso-server: {why}");
            ExitCode::FAILURE
        }
    }
}

impl Command {
    /// Whether this makes sense where there is nothing yet. All others look at what is there: in the
    /// wrong folder they would make an empty database and answer out of it.
    const fn may_come_first(&self) -> bool {
        match self {
            Self::Serve | Self::Check | Self::Migrate => true,
            Self::User(command) => matches!(command, users::Command::Add { .. }),
            Self::App(command) => matches!(command, apps::Command::Add { .. }),
            // It looks for itself: the database may be what was lost.
            Self::Restore(_) => true,
            Self::Session(_)
            | Self::Key(_)
            | Self::AdminToken(_)
            | Self::Audit(_)
            | Self::Backup(_) => false,
        }
    }
}

async fn execute(arguments: Arguments) -> Result<(), Refused> {
    let file = configuration_file(&arguments);
    let config = environment()
        .and_then(|variables| config::load(file.as_deref(), variables, &arguments.settings))
        .map_err(|problems| Refused(listed(&problems)))?;
    if !arguments.command.may_come_first() {
        is_installed(&config)?;
    }
    match arguments.command {
        Command::Check => {
            output::say(&format!(
                "The configuration is good.\n{}",
                places(file.as_deref(), &config)
            ));
            Ok(())
        }
        Command::Serve => {
            start_log(&config);
            serve::serve(config).await
        }
        Command::Migrate => {
            let config = Config {
                database: config::Database { migrate_on_start: true, ..config.database },
                ..config
            };
            let app = open(config).await?;
            app.db.close().await;
            output::say("The database is up to date.");
            Ok(())
        }
        Command::User(command) => {
            with_app(config, async |app| users::run(app, command).await).await
        }
        Command::App(command) => with_app(config, async |app| apps::run(app, command).await).await,
        Command::Session(command) => {
            with_app(config, async |app| sessions::run(app, command).await).await
        }
        Command::Key(command) => with_app(config, async |app| keys::run(app, command).await).await,
        Command::AdminToken(command) => {
            with_app(config, async |app| admin_tokens::run(app, command).await).await
        }
        Command::Audit(command) => {
            with_app(config, async |app| audit::run(app, command).await).await
        }
        Command::Backup(command) => copies::back_up(&config, command).await,
        Command::Restore(command) => copies::restore(config, command).await,
    }
}

async fn open(config: Config) -> Result<Arc<App>, Refused> {
    Ok(App::open(config, Clock::System, Random::system()).await?)
}

async fn with_app(
    config: Config,
    work: impl AsyncFnOnce(&App) -> Result<(), Refused>,
) -> Result<(), Refused> {
    let app = open(config).await?;
    let done = work(&app).await;
    app.db.close().await;
    done
}

/// The file next to us counts when no other is named.
const DEFAULT_FILE: &str = "passport.toml";

fn configuration_file(arguments: &Arguments) -> Option<PathBuf> {
    let beside = PathBuf::from(DEFAULT_FILE);
    arguments.config.clone().or_else(|| beside.exists().then_some(beside))
}

/// The variables. Other programs' may hold any bytes, ours must be text.
fn environment() -> Result<Vec<(String, String)>, Vec<Problem>> {
    let (mut variables, mut problems) = (Vec::new(), Vec::new());
    for (name, value) in std::env::vars_os() {
        let Ok(name) = name.into_string() else { continue };
        match value.into_string() {
            Ok(value) => variables.push((name, value)),
            Err(_) if name.starts_with(config::PREFIX) => {
                problems.push(Problem(format!("{name}: the value is not UTF-8")));
            }
            Err(_) => {}
        }
    }
    if problems.is_empty() { Ok(variables) } else { Err(problems) }
}

/// The files of an installation must be there. Whether PostgreSQL has our tables, it says itself.
fn is_installed(config: &Config) -> Result<(), Refused> {
    let database = store::sqlite_path(&config.database.url);
    is_there(&[("database", database)])?;
    has_key(config)
}

/// The key alone: without it a database is of no use.
fn has_key(config: &Config) -> Result<(), Refused> {
    is_there(&[("master key", Some(PathBuf::from(&config.master_key.file)))])
}

fn is_there(files: &[(&str, Option<PathBuf>)]) -> Result<(), Refused> {
    for (what, path) in files {
        if let Some(path) = path.as_ref().filter(|path| !path.exists()) {
            return Err(Refused(format!(
                "there is no {what} at {}: name the configuration of the server by --config, or run \
                 this in its folder",
                absolute(path)
            )));
        }
    }
    Ok(())
}

/// Where everything is, as a person who wonders about it must know.
fn places(file: Option<&Path>, config: &Config) -> String {
    let present = |path: &Path| {
        let missing = if path.exists() { "" } else { " (not there yet)" };
        format!("{}{missing}", absolute(path))
    };
    let url = &config.database.url;
    let database =
        store::sqlite_path(url).map_or_else(|| store::without_password(url), |path| present(&path));
    format!(
        "  file        {}\n  database    {database}\n  master key  {}",
        file.map_or_else(|| format!("none: no --config, no {DEFAULT_FILE} here"), absolute),
        present(Path::new(&config.master_key.file)),
    )
}

fn absolute(path: &Path) -> String {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned()).display().to_string()
}

fn listed(problems: &[Problem]) -> String {
    match problems {
        [one] => format!("configuration: {one}"),
        many => {
            let lines: Vec<String> = many.iter().map(|problem| format!("  - {problem}")).collect();
            format!("{} problems in the configuration:\n{}", many.len(), lines.join("\n"))
        }
    }
}

/// To stderr: stdout is for what a command answers.
fn start_log(config: &Config) {
    // actix-session speaks of every cookie that is out of date; that is nobody's news.
    // What strangers send that is no HTTP is answered with a 400; it must not fill the log.
    let quiet = "actix_session=error,actix_server=warn,actix_http=off";
    let filter = format!("{},{quiet}", config.log.level);
    let filter: Targets = filter.parse().unwrap_or_default();
    // Colours are for terminals; in a file they hide words from whoever searches it.
    let lines = tracing_subscriber::fmt::layer()
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr);
    let log = tracing_subscriber::registry();
    // An error means that a program around us logs already.
    let _ = match config.log.format {
        LogFormat::Text => log.with(lines.with_filter(filter)).try_init(),
        LogFormat::Json => log.with(lines.json().with_filter(filter)).try_init(),
    };
}
