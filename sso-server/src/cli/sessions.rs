//! `session …`

use clap::Subcommand;
use client_sdk::wire::Cause;
use serde_json::json;

use super::{Refused, output};
use crate::{
    app::App,
    domain::seconds,
    flows::{
        end_session::{Ending, end_session},
        users,
    },
    store,
};

/// Most sessions that are listed.
const LISTED: i64 = 100_000;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// List live sessions with device and apps
    List {
        /// Of this person only
        #[arg(long, value_name = "NAME")]
        user: Option<String>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// End a session, at every app
    End {
        /// Which session
        id: String,
        /// Why, for the audit log
        #[arg(long, default_value = "")]
        reason: String,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

pub(super) async fn run(app: &App, command: Command) -> Result<(), Refused> {
    match command {
        Command::List { user, json } => {
            let now = app.clock.now();
            let live = match user {
                Some(name) => {
                    let user = users::named(app, &name).await?.id;
                    let mut connection = app.db.read().await?;
                    store::sessions::live_of_user(&mut connection, &user, now, LISTED).await?
                }
                None => store::sessions::live(&mut *app.db.read().await?, now, LISTED).await?,
            };
            if json {
                let rows: Vec<_> = live
                    .iter()
                    .map(|session| {
                        json!({
                            "id": session.id.as_str(), "user": session.user.as_str(),
                            "username": session.username, "device": session.device,
                            "device_class": session.device_class, "address": session.address,
                            "created_at": seconds(session.created_at),
                            "last_seen_at": seconds(session.last_seen_at),
                            "expires_at": seconds(session.expires_at), "apps": session.apps,
                        })
                    })
                    .collect();
                output::json(&rows.into());
            } else {
                let rows: Vec<_> = live
                    .into_iter()
                    .map(|session| {
                        vec![
                            session.id.to_string(),
                            session.username,
                            session.device,
                            session.address,
                            output::time(session.last_seen_at),
                            session.apps.join(", "),
                        ]
                    })
                    .collect();
                output::table(&["ID", "NAME", "DEVICE", "ADDRESS", "LAST SEEN", "APPS"], &rows);
            }
        }
        Command::End { id, reason, json } => {
            let by = if reason.is_empty() {
                "operator".to_owned()
            } else {
                format!("operator: {reason}")
            };
            let why = Ending { cause: Cause::Admin, by: &by, address: None };
            let ended = end_session(app, &id.as_str().into(), why).await?;
            if ended.sessions == 0 {
                return Err(Refused(format!("no live session is called {id}")));
            }
            if json {
                output::json(
                    &json!({ "sessions": ended.sessions, "app_sessions": ended.app_sessions }),
                );
            } else {
                output::say(&format!("Ended the session, {} at apps.", ended.app_sessions));
            }
        }
    }
    Ok(())
}
