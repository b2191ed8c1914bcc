//! `backup` and `restore`

use std::{path::PathBuf, time::Duration};

use clap::Args;
use serde_json::json;

use super::{Refused, absolute, has_key, is_installed, open, output, with_app};
use crate::{
    app::App,
    clock::Clock,
    config::{self, Config},
    domain::{Millis, SECOND, seconds},
    flows::restore::{self, Restored},
    store::{self, Db, copies},
};

#[derive(Debug, Args)]
pub(super) struct Backup {
    /// The new file; one that is there is not overwritten
    file: PathBuf,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub(super) struct Restore {
    /// A file that `backup` has made (SQLite; the server must be stopped)
    #[arg(required_unless_present = "done")]
    file: Option<PathBuf>,
    /// The database was put back by other means, as pg_restore: do the rest
    #[arg(long, conflicts_with = "file")]
    done: bool,
    /// Let everybody stay signed in who was so when the backup was made, also who has signed out since
    #[arg(long)]
    keep_sessions: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Without migrations and without the master key: a backup is of what is there, as it is.
pub(super) async fn back_up(config: &Config, command: Backup) -> Result<(), Refused> {
    let url = &config.database.url;
    if store::sqlite_path(url).is_none() {
        return Err(Refused(
            "this copies SQLite databases. On PostgreSQL use its own tools, as in \
             `pg_dump --format=custom --file=FILE DATABASE`, and after `pg_restore` run \
             `sso-server restore --done`"
                .to_owned(),
        ));
    }
    let max_connections = config.database.max_connections;
    let db = Db::open(&store::Options { url: url.clone(), max_connections }).await?;
    let now = Clock::System.now();
    let done = copies::back_up(&db, &command.file, now).await;
    db.close().await;
    let size = done?;
    let file = absolute(&command.file);
    if command.json {
        output::json(&json!({ "file": file, "bytes": size, "made_at": seconds(now) }));
    } else {
        output::say(&format!(
            "{file} holds everything as of now ({size} bytes), whole and readable by its owner only.\n\
             It is of no use without the master key, {}: keep a copy of that, in another place.",
            absolute(config.master_key.file.as_ref())
        ));
    }
    Ok(())
}

pub(super) async fn restore(config: Config, command: Restore) -> Result<(), Refused> {
    let Some(file) = &command.file else {
        is_installed(&config)?;
        let what = restore::Restore {
            keep_sessions: command.keep_sessions,
            ..restore::Restore::default()
        };
        return with_app(config, async |app| {
            let restored = restore::restore(app, &what).await?;
            second_is_over(app, restored.at).await;
            report(&restored, &command, None);
            Ok(())
        })
        .await;
    };
    let Some(database) = store::sqlite_path(&config.database.url) else {
        return Err(Refused(
            "this restores SQLite databases. On PostgreSQL stop the servers, use `pg_restore` into a \
             new database, set database.url to that, and then run `sso-server restore --done`"
                .to_owned(),
        ));
    };
    has_key(&config)?;
    sqlx::any::install_default_drivers();
    let alone = copies::Alone::take(&database)?;
    let (draft, made_at) = alone.draft_of(file).await?;
    let replaced = alone.last_link().await;

    // Everything is done to the copy, and the copy put in place when it is fit to be relied on.
    // Until then nothing has happened.
    let what = restore::Restore { keep_sessions: command.keep_sessions, made_at, replaced };
    let app = open(over(config, draft.path().display())).await?;
    let done = restore::restore(&app, &what).await;
    if let Ok(restored) = &done {
        second_is_over(&app, restored.at).await;
    }
    let now = app.clock.now();
    app.db.close().await;
    drop(app);
    let restored = done?;

    let stamp = jiff::Timestamp::from_millisecond(now)?.strftime("%Y%m%dT%H%M%S%3fZ");
    let mut aside = database.clone().into_os_string();
    aside.push(format!(".before-restore-{stamp}"));
    let aside = PathBuf::from(aside);
    let had_one = database.exists();
    alone.replace_with(draft, &aside).await?;
    let place =
        Place { database: absolute(&database), made_at, aside: had_one.then(|| absolute(&aside)) };
    report(&restored, &command, Some(&place));
    Ok(())
}

/// The same installation over another file.
fn over(config: Config, path: impl std::fmt::Display) -> Config {
    let url = format!("sqlite://{path}");
    let database = config::Database { url, migrate_on_start: true, ..config.database };
    Config { database, ..config }
}

/// Tickets and apps tell time in seconds, and what lies in the restore's second is void: nobody is
/// to begin anything in it.
async fn second_is_over(app: &App, at: Millis) {
    let until = (seconds(at) + 1) * SECOND;
    while let Ok(left @ 1..) = u64::try_from(until - app.clock.now()) {
        tokio::time::sleep(Duration::from_millis(left)).await;
    }
}

/// Where what is.
struct Place {
    database: String,
    made_at: Option<Millis>,
    aside: Option<String>,
}

fn report(restored: &Restored, command: &Restore, place: Option<&Place>) {
    let logout = restored.logout.as_ref();
    let (sessions, app_sessions) =
        logout.map_or((0, 0), |logout| (logout.sessions, logout.app_sessions));
    if command.json {
        output::json(&json!({
            "database": place.map(|place| &place.database),
            "aside": place.and_then(|place| place.aside.as_ref()),
            "backup_made_at": place.and_then(|place| place.made_at).map(seconds),
            "restored_at": seconds(restored.at),
            "sessions_kept": command.keep_sessions,
            "sessions": sessions, "app_sessions": app_sessions,
            "logout": logout.map(|logout| logout.id.as_str()),
            "links": restored.links, "apps": restored.apps,
        }));
        return;
    }
    if let Some(place) = place {
        let made_at = place.made_at.map_or("at an unknown time".to_owned(), output::time);
        output::say(&format!("{} is back as of the backup, made {made_at}.", place.database));
        if let Some(aside) = &place.aside {
            output::say(&format!("What was there before is now {aside}."));
        }
    }
    output::say(&match logout {
        Some(logout) => format!(
            "{sessions} sessions have ended, at apps {app_sessions}, as logout {} (cause \"restored\"); {} apps will \
             be told that whatever began before is over.",
            logout.id, restored.apps
        ),
        None => "Sessions live on, also those that were ended since the backup. What apps have begun since \
                 the backup is unknown here, and runs out by itself."
            .to_owned(),
    });
    output::say(&format!(
        "Tickets from before are void, and so are {} one-time links and all logins under way.\n\
         Next:\n  \
         - start the server, and look with `sso-server audit verify` whether the log holds\n  \
         - what was done since the backup is undone: look after accounts that were disabled or deleted,\n    \
           passwords that were changed, apps' secrets that were rotated, admin tokens that were revoked",
        restored.links
    ));
}
