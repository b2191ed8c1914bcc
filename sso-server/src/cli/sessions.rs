//! `session …`

use std::time::Duration;

use clap::Subcommand;
use client_sdk::wire::Cause;
use serde_json::json;

use super::{
    Refused, output,
    proofs::{self, wait_for_apps},
};
use crate::{
    app::App,
    domain::{device::DeviceClass, reach::Reach, seconds},
    flows::{
        apps::registered,
        end_session::{Ending, end_session},
        log_out_many::log_out_many,
        prove_logout::prove_logout,
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
        /// Wait until every app has confirmed, and say so
        #[arg(long)]
        wait: bool,
        /// How long to wait at most
        #[arg(long, value_name = "TIME", default_value = "2min", value_parser = humantime::parse_duration)]
        within: Duration,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// End the sessions of many at once; who logs in afterwards stays
    #[command(group(clap::ArgGroup::new("reach").required(true)))]
    EndMany {
        /// Everybody's, everywhere
        #[arg(long, group = "reach")]
        everybody: bool,
        /// Everybody's at this app; they stay signed in at Passport and elsewhere
        #[arg(long, group = "reach", value_name = "ID")]
        app: Option<String>,
        /// Everybody's on this class of device: desktop, phone or native
        #[arg(long, group = "reach", value_name = "CLASS", value_parser = device_class)]
        device_class: Option<DeviceClass>,
        /// Why, for the audit log
        #[arg(long, default_value = "")]
        reason: String,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

fn device_class(word: &str) -> Result<DeviceClass, &'static str> {
    DeviceClass::parse(word).ok_or("desktop, phone or native")
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
        Command::End { id, reason, wait, within, json } => {
            let reason = Some(reason.as_str()).filter(|reason| !reason.is_empty());
            let why = Ending { reason, ..Ending::by_operator(Cause::Admin) };
            let ended = end_session(app, &id.as_str().into(), why).await?;
            if ended.sessions == 0 {
                return Err(Refused(format!("no live session is called {id}")));
            }
            if !json {
                output::say(&format!("Ended the session, {} at apps.", ended.app_sessions));
            }
            let proof = match ended.logout.filter(|_| wait || json) {
                Some(logout) if wait => wait_for_apps(app, &logout, within, json).await?,
                Some(logout) => prove_logout(app, &logout).await?,
                None => None,
            };
            if json {
                output::json(&json!({
                    "sessions": ended.sessions, "app_sessions": ended.app_sessions,
                    "logout": proof.as_ref().map(proofs::as_json),
                }));
            }
            if let Some(proof) = proof.filter(|proof| wait && !proof.is_done()) {
                return Err(Refused(proofs::unfinished(&proof, app.clock.now())));
            }
        }
        Command::EndMany { everybody: _, app: at, device_class, reason, json } => {
            let reach = match (at, device_class) {
                (Some(id), _) => Reach::App { app: registered(app, &id).await? },
                (None, Some(class)) => Reach::DeviceClass { class },
                (None, None) => Reach::Everybody,
            };
            let reason = Some(reason.as_str()).filter(|reason| !reason.is_empty());
            let why = Ending { reason, ..Ending::by_operator(Cause::Admin) };
            let begun = app.clock.now();
            let done = log_out_many(app, &reach, why).await?;
            let took = app.clock.now() - begun;
            if json {
                output::json(&json!({
                    "logout": done.id.as_str(), "sessions": done.sessions,
                    "app_sessions": done.app_sessions, "took_ms": took,
                }));
            } else {
                output::say(&format!(
                    "Ended {} sessions, {} at apps, in {:.1} s.",
                    done.sessions,
                    done.app_sessions,
                    took as f64 / 1_000.0
                ));
            }
        }
    }
    Ok(())
}
