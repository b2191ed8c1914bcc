//! The session behind a cookie: what every request of a person begins with.

use std::{
    sync::{Arc, LazyLock, atomic::AtomicI64},
    time::Duration,
};

use client_sdk::wire::Cause;
use sqlx::{Row, any::AnyRow};

use super::{
    super::{
        Db, Kind, StoreError, Stored,
        batches::{Batches, Lost},
        padded::{MOST, Padded},
    },
    words,
};
use crate::domain::{Millis, session::LiveSession, token::Digest};

/// What a look-up by cookie finds.
#[derive(Debug)]
pub enum Found {
    /// A live session.
    Live(Arc<LiveSession>),
    /// A row not ended yet whose time is up.
    Over(Arc<LiveSession>, Cause),
    /// No such session, or it has ended, or its user is disabled.
    Nothing,
}

/// Look-ups on their way to PostgreSQL: those that come together go together, which halves what a
/// silent redirect costs there (72 us without, 45 us with, of which 28 us are not the database's).
pub(in crate::store) struct Lookups(Batches<Digest, Option<Arc<LiveSession>>>);

/// Longer than a statement may take (`statement_timeout`): beyond it the connection leads nowhere.
const LOOKED_UP_WITHIN: Duration = Duration::from_secs(6);

impl Default for Lookups {
    fn default() -> Self {
        Self(Batches::new(MOST, LOOKED_UP_WITHIN))
    }
}

/// The session behind a cookie, as of the last commit by any process.
pub async fn find_live(db: &Arc<Db>, digest: &Digest, now: Millis) -> Stored<Found> {
    let session = match &db.kind {
        Kind::Sqlite { watch, cache, .. } => {
            let clean = watch.refresh(cache);
            // That its time is up is the row's to say: a redemption may have slid its idle limit.
            let at_hand = cache.get(digest.as_str());
            match at_hand.filter(|session| clean && session.over(now).is_none()) {
                Some(session) => Some(session),
                None => {
                    let moment = cache.moment();
                    let mut found = select_live(db, std::slice::from_ref(digest)).await?;
                    let session = found.pop();
                    if let Some(session) = &session
                        && watch.is_reliable()
                    {
                        cache.put(digest.as_str(), session, moment);
                    }
                    session
                }
            }
        }
        Kind::Postgres { lookups } => {
            let shared = db.clone();
            lookups
                .0
                .submit(digest.clone(), move |digests| look_up_together(shared.clone(), digests))
                .await
                .map_err(|Lost| StoreError::Unavailable("a session could not be looked up"))?
        }
    };
    Ok(match session {
        None => Found::Nothing,
        Some(session) => match session.over(now) {
            None => Found::Live(session),
            Some(cause) => Found::Over(session, cause),
        },
    })
}

/// One outcome a digest. After a failure there is none at all, and whoever asked is told that nobody
/// knows.
async fn look_up_together(db: Arc<Db>, digests: Vec<Digest>) -> Vec<Option<Arc<LiveSession>>> {
    match select_live(&db, &digests).await {
        Ok(found) => digests
            .iter()
            .map(|digest| found.iter().find(|one| one.digest == digest.as_str()).cloned())
            .collect(),
        Err(error) => {
            tracing::error!(%error, "sessions could not be looked up");
            Vec::new()
        }
    }
}

async fn select_live(db: &Db, digests: &[Digest]) -> Stored<Vec<Arc<LiveSession>>> {
    static SQL: LazyLock<Padded> = LazyLock::new(|| {
        Padded::list(
            "SELECT s.id, s.digest, s.user_id, s.auth_time, s.amr, s.kept_since, s.last_seen_at,
                    s.idle_until, s.expires_at, s.state, r.version, u.app_flag
             FROM sessions s
             JOIN users u ON u.id = s.user_id AND u.disabled_at IS NULL
             JOIN registry r ON r.id = 'apps'
             WHERE s.ended_at IS NULL AND s.digest IN (",
            0,
            ")",
        )
    });
    let mut conn = db.read().await?;
    let (sql, padded) = SQL.fit(&conn, digests);
    let mut query = sqlx::query(sql);
    for digest in padded {
        query = query.bind(digest.as_str());
    }
    let rows = query.fetch_all(&mut *conn).await?;
    Ok(rows.iter().map(|row| live_session(row).map(Arc::new)).collect::<Result<_, _>>()?)
}

fn live_session(row: &AnyRow) -> Result<LiveSession, sqlx::Error> {
    Ok(LiveSession {
        id: row.try_get::<String, _>(0)?.into(),
        digest: row.try_get(1)?,
        user: row.try_get::<String, _>(2)?.into(),
        auth_time: row.try_get(3)?,
        amr: words(&row.try_get::<String, _>(4)?),
        kept: row.try_get::<Option<i64>, _>(5)?.is_some(),
        last_seen_at: AtomicI64::new(row.try_get(6)?),
        idle_until: AtomicI64::new(row.try_get(7)?),
        expires_at: row.try_get(8)?,
        state: row.try_get(9)?,
        registry_version: row.try_get(10)?,
        app_flag: row.try_get(11)?,
    })
}
