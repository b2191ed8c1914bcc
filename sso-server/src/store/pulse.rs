//! Whether PostgreSQL can be heard.
//!
//! A network that drops packets answers nothing, not even that it is broken, and a statement's own
//! deadline is kept by the server that cannot be heard. So one connection does nothing but ask, and
//! whoever waits for an answer learns within [`NOTICED_WITHIN`] that none will come (SECURITY-CASES
//! W-07). Only silence counts: a refusal or an error is an answer, and comes at once by itself.

use std::{str::FromStr, time::Duration};

use sqlx::{ConnectOptions, Connection, PgConnection, postgres::PgConnectOptions};
use tokio::{sync::watch, time::timeout};

use super::Db;

/// How often it is asked.
const ASKS_EVERY: Duration = Duration::from_millis(500);
/// How long an answer to nothing at all may take. A server that is only busy is faster.
const ANSWERS_WITHIN: Duration = Duration::from_secs(1);
/// So silence is noticed after this long: a connection did not answer, nor did a new one. One of them
/// alone may have been forgotten by something on the way.
pub const NOTICED_WITHIN: Duration = ASKS_EVERY.saturating_add(ANSWERS_WITHIN.saturating_mul(2));

/// What is known of it.
pub(super) struct Pulse(watch::Sender<bool>);

impl Default for Pulse {
    fn default() -> Self {
        Self(watch::Sender::new(false))
    }
}

impl Pulse {
    async fn lost(&self) {
        // The sender is ours, so that waiting cannot fail.
        let _ = self.0.subscribe().wait_for(|silent| *silent).await;
    }

    fn note(&self, silent: bool) {
        self.0.send_if_modified(|known| {
            let changed = *known != silent;
            *known = silent;
            if changed && silent {
                tracing::error!("the database has fallen silent");
            } else if changed {
                tracing::info!("the database can be heard again");
            }
            changed
        });
    }
}

impl Db {
    /// Returns once the database is known to have fallen silent, at once while it is. Never on
    /// SQLite, and never where nobody [watches for news](Db::watch_for_news).
    pub async fn falls_silent(&self) {
        self.pulse.lost().await;
    }
}

/// Keeps asking.
pub(super) async fn watch_postgres(db: &Db, url: &str) {
    let Ok(options) = PgConnectOptions::from_str(url) else { return };
    let options = options.disable_statement_logging();
    loop {
        match timeout(ANSWERS_WITHIN, PgConnection::connect_with(&options)).await {
            Ok(Ok(mut connection)) => {
                db.pulse.note(false);
                loop {
                    let answered = timeout(ANSWERS_WITHIN, connection.ping()).await;
                    if answered.is_err() {
                        break;
                    }
                    tokio::time::sleep(ASKS_EVERY).await;
                    if let Ok(Err(_)) = answered {
                        break;
                    }
                }
            }
            Ok(Err(_)) => {
                db.pulse.note(false);
                tokio::time::sleep(ASKS_EVERY).await;
            }
            Err(_) => {
                db.pulse.note(true);
                db.distrust();
            }
        }
    }
}
