//! Opening PostgreSQL: a pool whose connections all have our deadlines.

use std::{str::FromStr, sync::Arc, time::Duration};

use sqlx::{
    ConnectOptions, Connection, Executor,
    any::{AnyConnectOptions, AnyPoolOptions},
};
use tokio::time::timeout;

use super::{
    ACQUIRE_WITHIN, Db, Distrust, Kind, OpenError, Options, apps, pulse::Pulse, sessions,
    wakes::Wakes, without_password,
};

/// A pooled connection that lay idle longer is asked whether it still lives.
const PING_AFTER_IDLE: Duration = Duration::from_secs(5);

const POSTGRES_SETTINGS: &[&str] = &[
    "SET synchronous_commit = on",
    "SET statement_timeout = '5s'",
    "SET lock_timeout = '4s'",
    "SET idle_in_transaction_session_timeout = '10s'",
];

impl Db {
    /// Connects.
    pub(super) async fn open_postgres(options: &Options) -> Result<Self, OpenError> {
        let shown = without_password(&options.url);
        let unreachable = |source: sqlx::Error| OpenError::Unreachable {
            url: shown.clone(),
            source: source.into(),
            help: "Check that PostgreSQL runs there, and that user, password and database exist.",
        };
        let distrusted = Distrust::default();
        let connect = AnyConnectOptions::from_str(&options.url)
            .map_err(unreachable)?
            .disable_statement_logging();
        let readers = AnyPoolOptions::new()
            .max_connections(options.max_connections)
            .acquire_timeout(ACQUIRE_WITHIN)
            .test_before_acquire(false)
            .before_acquire(|connection, meta| {
                Box::pin(async move {
                    if meta.idle_for > PING_AFTER_IDLE {
                        connection.ping().await?;
                    }
                    Ok(true)
                })
            })
            .after_release({
                let distrusted = distrusted.clone();
                move |connection, _| {
                    let distrusted = distrusted.is_on();
                    Box::pin(async move {
                        if distrusted {
                            let answered = timeout(ACQUIRE_WITHIN, connection.ping()).await;
                            answered.map_err(|_| sqlx::Error::PoolTimedOut)??;
                        }
                        Ok(true)
                    })
                }
            })
            .after_connect(|connection, _| {
                Box::pin(async move {
                    for setting in POSTGRES_SETTINGS {
                        connection.execute(*setting).await?;
                    }
                    Ok(())
                })
            })
            .connect_with(connect.clone())
            .await;
        let readers = match readers {
            // The pool tries until its time is up and forgets what stood in the way.
            Err(sqlx::Error::PoolTimedOut) => {
                let why = timeout(ACQUIRE_WITHIN, connect.connect()).await;
                return Err(unreachable(match why {
                    Ok(Err(reason)) => reason,
                    _ => sqlx::Error::PoolTimedOut,
                }));
            }
            result => result.map_err(unreachable)?,
        };
        let wakes = Arc::new(Wakes::default());
        let kind = Kind::Postgres { lookups: sessions::Lookups::default() };
        Ok(Self {
            kind,
            readers,
            wakes,
            apps: apps::Registry::default(),
            distrusted,
            pulse: Pulse::default(),
        })
    }
}
