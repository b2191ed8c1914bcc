//! `apps`: the registered sites, and the copy of them at hand.
//!
//! Apps change rarely and are asked for with every request, so all of them are kept in memory
//! together with the version that `registry` had when they were read. Every change raises that
//! version. A signed-in request learns the present version with its session's row; others on
//! PostgreSQL ask for it; on SQLite nothing changes without the commit watch knowing. The copy also
//! says which signing keys go with it, so that a retired key is refused at once, too.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, RwLock},
};

use sqlx::{Row, any::AnyRow};

use super::{Conn, Db, Kind, StoreError, Stored, Tx, session_cache::Change, signing_keys};
use crate::domain::{
    Millis,
    app::{App, AppId},
    events_url::EventsUrl,
    return_url::{Origin, ReturnUrl},
    token::Digest,
};

/// The copy at hand.
#[derive(Default)]
pub(super) struct Registry {
    snapshot: RwLock<Option<Arc<Snapshot>>>,
}

/// All apps as of one version.
#[derive(Debug)]
pub struct Snapshot {
    version: i64,
    keys_version: i64,
    epoch: u64,
    apps: HashMap<AppId, Arc<App>>,
}

impl Snapshot {
    /// A registered app, disabled ones included.
    pub fn get(&self, id: &AppId) -> Option<&Arc<App>> {
        self.apps.get(id)
    }

    /// Whether any app has an events URL.
    pub fn any_is_pushed_to(&self) -> bool {
        self.apps.values().any(|app| app.events_url.is_some())
    }

    /// The apps whose pages may ask who is there: enabled, and with an origin. In the order of their
    /// names, so that the same people get the same answer.
    pub fn asking_in_page(&self) -> Vec<AppId> {
        let asks = |app: &&Arc<App>| app.disabled_at.is_none() && !app.origins.is_empty();
        let mut ids: Vec<AppId> =
            self.apps.values().filter(asks).map(|app| app.id.clone()).collect();
        ids.sort();
        ids
    }

    /// The version of the signing keys at that moment.
    pub fn keys_version(&self) -> i64 {
        self.keys_version
    }
}

impl Db {
    /// All apps, as of the last commit by any process.
    pub async fn apps(&self) -> Stored<Arc<Snapshot>> {
        match &self.kind {
            Kind::Sqlite { watch, cache, .. } => {
                let clean = watch.refresh(cache) && watch.is_reliable();
                if let Some(snapshot) = self.apps.at_hand()
                    && clean
                    && snapshot.epoch == cache.epoch()
                {
                    return Ok(snapshot);
                }
                let epoch = cache.epoch();
                self.apps.load(&mut *self.read().await?, epoch).await
            }
            Kind::Postgres { .. } => {
                let mut connection = self.read().await?;
                let version = version(&mut connection).await?;
                match self.apps.at_hand().filter(|snapshot| snapshot.version == version) {
                    Some(snapshot) => Ok(snapshot),
                    None => self.apps.load(&mut connection, 0).await,
                }
            }
        }
    }

    /// All apps as they were when somebody last asked, however long ago. Good only to refuse early or
    /// to hope: whatever is granted has to ask again.
    pub fn apps_at_hand(&self) -> Option<Arc<Snapshot>> {
        self.apps.at_hand()
    }

    /// Whether the database answers: reads a row of it, nothing that is at hand.
    pub async fn ping(&self) -> Stored<()> {
        version(&mut *self.read().await?).await.map(|_| ())
    }

    /// All apps, at least as new as `version`, which a session's row named a moment ago.
    pub async fn apps_at(&self, version: i64) -> Stored<Arc<Snapshot>> {
        match self.apps.at_hand().filter(|snapshot| snapshot.version == version) {
            Some(snapshot) => Ok(snapshot),
            None => self.apps().await,
        }
    }
}

/// Those of `clients` that are enabled as of `version`, which the transaction has read. The copy at hand
/// says so if it is of that version; if not, the table does.
pub async fn enabled(
    db: &Db,
    tx: &mut Tx,
    version: i64,
    clients: impl Iterator<Item = &AppId>,
) -> Stored<HashSet<AppId>> {
    let at_hand = db.apps.at_hand().filter(|snapshot| snapshot.version == version);
    let read = match at_hand {
        Some(_) => Vec::new(),
        None => all(tx).await?,
    };
    let is_enabled = |id: &AppId| {
        let found = match &at_hand {
            Some(snapshot) => snapshot.get(id).map(|app| &**app),
            None => read.iter().find(|app| app.id == *id),
        };
        found.is_some_and(|app| app.disabled_at.is_none())
    };
    Ok(clients.filter(|id| is_enabled(id)).cloned().collect())
}

impl Registry {
    fn at_hand(&self) -> Option<Arc<Snapshot>> {
        self.snapshot.read().unwrap_or_else(|poisoned| poisoned.into_inner()).clone()
    }

    /// The version is read first: apps read after it are at least as new as it says.
    async fn load(&self, conn: &mut Conn, epoch: u64) -> Stored<Arc<Snapshot>> {
        let version = version(conn).await?;
        let keys_version = signing_keys::version(conn).await?;
        let apps = all(conn).await?;
        let apps = apps.into_iter().map(|app| (app.id.clone(), Arc::new(app))).collect();
        let snapshot = Arc::new(Snapshot { version, keys_version, epoch, apps });
        *self.snapshot.write().unwrap_or_else(|poisoned| poisoned.into_inner()) =
            Some(snapshot.clone());
        Ok(snapshot)
    }
}

async fn version(conn: &mut Conn) -> Stored<i64> {
    let (version,): (i64,) =
        sqlx::query_as("SELECT version FROM registry WHERE id = 'apps'").fetch_one(conn).await?;
    Ok(version)
}

/// All apps that were not deleted, by id.
pub async fn all(conn: &mut Conn) -> Stored<Vec<App>> {
    let rows = sqlx::query(
        "SELECT id, bit, name, secret_digest, previous_secret_digest, previous_secret_until,
                return_urls, origins, events_url, jsonp_since, old_browsers_since, may_end_user_since,
                disabled_at, created_at
         FROM apps WHERE deleted_at IS NULL ORDER BY id",
    )
    .fetch_all(conn)
    .await?;
    rows.iter().map(from_row).collect()
}

/// An app that is about to be changed. Raising the version first locks its row: of two changes that
/// meet, one waits, and then sees the other.
pub async fn find_to_change(tx: &mut Tx, id: &AppId) -> Stored<Option<App>> {
    changed(tx).await?;
    let row = sqlx::query(
        "SELECT id, bit, name, secret_digest, previous_secret_digest, previous_secret_until,
                return_urls, origins, events_url, jsonp_since, old_browsers_since, may_end_user_since,
                disabled_at, created_at
         FROM apps WHERE deleted_at IS NULL AND id = $1",
    )
    .bind(id.as_str())
    .fetch_optional(&mut **tx)
    .await?;
    row.as_ref().map(from_row).transpose()
}

fn from_row(row: &AnyRow) -> Stored<App> {
    let previous: Option<String> = row.try_get(4)?;
    let until: Option<Millis> = row.try_get(5)?;
    Ok(App {
        id: AppId::stored(row.try_get(0)?),
        bit: row.try_get(1)?,
        name: row.try_get(2)?,
        secret: Digest::stored(row.try_get(3)?),
        previous_secret: previous.map(Digest::stored).zip(until),
        return_urls: list(row.try_get(6)?)?.into_iter().map(ReturnUrl::stored).collect(),
        origins: list(row.try_get(7)?)?.into_iter().map(Origin::stored).collect(),
        events_url: row.try_get::<Option<String>, _>(8)?.map(EventsUrl::stored),
        jsonp_since: row.try_get(9)?,
        old_browsers_since: row.try_get(10)?,
        may_end_user_since: row.try_get(11)?,
        disabled_at: row.try_get(12)?,
        created_at: row.try_get(13)?,
    })
}

fn list(json: String) -> Stored<Vec<String>> {
    serde_json::from_str(&json)
        .map_err(|error| StoreError::Unreadable { what: "apps", why: error.to_string() })
}

fn json_list<'a>(list: impl Iterator<Item = &'a str>) -> String {
    serde_json::Value::from_iter(list).to_string()
}

/// Every change to an app or a signing key goes through here: other nodes see the version, our own
/// cache forgets.
pub(super) async fn changed(tx: &mut Tx) -> Stored<()> {
    sqlx::query("UPDATE registry SET version = version + 1 WHERE id = 'apps'")
        .execute(&mut **tx)
        .await?;
    tx.changes(Change::Everything);
    Ok(())
}

/// Registers an app and opens its event log; answers its bit. A taken id or name of a deleted app
/// is a conflict.
pub async fn insert(tx: &mut Tx, app: &App) -> Stored<i64> {
    // Raising the version first locks its row: of two processes that add an app, one waits, and
    // the bits come out different.
    changed(tx).await?;
    let (bit,): (i64,) =
        sqlx::query_as("SELECT COALESCE(MAX(bit), -1) + 1 FROM apps").fetch_one(&mut **tx).await?;
    sqlx::query(
        "INSERT INTO apps (id, bit, name, secret_digest, return_urls, origins, events_url,
             jsonp_since, old_browsers_since, may_end_user_since, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
    )
    .bind(app.id.as_str())
    .bind(bit)
    .bind(&app.name)
    .bind(app.secret.as_str())
    .bind(json_list(app.return_urls.iter().map(ReturnUrl::as_str)))
    .bind(json_list(app.origins.iter().map(Origin::as_str)))
    .bind(app.events_url.as_ref().map(EventsUrl::as_str))
    .bind(app.jsonp_since)
    .bind(app.old_browsers_since)
    .bind(app.may_end_user_since)
    .bind(app.created_at)
    .execute(&mut **tx)
    .await?;
    sqlx::query("INSERT INTO event_logs (app_id, head) VALUES ($1, 0)")
        .bind(app.id.as_str())
        .execute(&mut **tx)
        .await?;
    Ok(bit)
}

/// Writes what an operator registers of an app. To be read before by [`find_to_change`].
pub async fn update(tx: &mut Tx, app: &App) -> Stored<()> {
    sqlx::query(
        "UPDATE apps SET name = $1, return_urls = $2, origins = $3, events_url = $4,
             jsonp_since = $5, old_browsers_since = $6, may_end_user_since = $7
         WHERE id = $8 AND deleted_at IS NULL",
    )
    .bind(&app.name)
    .bind(json_list(app.return_urls.iter().map(ReturnUrl::as_str)))
    .bind(json_list(app.origins.iter().map(Origin::as_str)))
    .bind(app.events_url.as_ref().map(EventsUrl::as_str))
    .bind(app.jsonp_since)
    .bind(app.old_browsers_since)
    .bind(app.may_end_user_since)
    .bind(app.id.as_str())
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Forbids JSONP to every app; answers those that had it.
pub async fn forbid_jsonp(tx: &mut Tx) -> Stored<Vec<AppId>> {
    changed(tx).await?;
    let rows: Vec<(String,)> = sqlx::query_as(
        "UPDATE apps SET jsonp_since = NULL WHERE jsonp_since IS NOT NULL AND deleted_at IS NULL
         RETURNING id",
    )
    .fetch_all(&mut **tx)
    .await?;
    Ok(rows.into_iter().map(|(id,)| AppId::stored(id)).collect())
}

/// Shuts an app off or lets it back in; `false` when there is no such app or nothing changes.
pub async fn set_disabled(tx: &mut Tx, id: &AppId, disabled_at: Option<Millis>) -> Stored<bool> {
    let sql = match disabled_at {
        Some(_) => "UPDATE apps SET disabled_at = $1 WHERE id = $2 AND disabled_at IS NULL",
        None => {
            "UPDATE apps SET disabled_at = $1 WHERE id = $2 AND disabled_at IS NOT NULL AND deleted_at IS NULL"
        }
    };
    let done = sqlx::query(sql).bind(disabled_at).bind(id.as_str()).execute(&mut **tx).await?;
    changed(tx).await?;
    Ok(done.rows_affected() == 1)
}

/// Removes an app for good. Its row stays, shut off and out of every list, and its id stays taken: a
/// later app of the same name must not inherit tickets, sessions or events (SECURITY-CASES D-12).
pub async fn delete(tx: &mut Tx, id: &AppId, now: Millis) -> Stored<bool> {
    let done = sqlx::query(
        "UPDATE apps SET deleted_at = $1, disabled_at = COALESCE(disabled_at, $1), secret_digest = '',
             previous_secret_digest = NULL, previous_secret_until = NULL
         WHERE id = $2 AND deleted_at IS NULL",
    )
    .bind(now)
    .bind(id.as_str())
    .execute(&mut **tx)
    .await?;
    changed(tx).await?;
    Ok(done.rows_affected() == 1)
}

/// Gives an app a new secret; the old one is good until `previous_until`.
pub async fn set_secret(
    tx: &mut Tx,
    id: &AppId,
    secret: &Digest,
    previous_until: Option<Millis>,
) -> Stored<bool> {
    let done = sqlx::query(
        "UPDATE apps SET secret_digest = $1, previous_secret_until = $2,
             previous_secret_digest = CASE WHEN $3 = '' THEN NULL ELSE secret_digest END
         WHERE id = $4 AND deleted_at IS NULL",
    )
    .bind(secret.as_str())
    .bind(previous_until)
    .bind(if previous_until.is_some() { "keep" } else { "" })
    .bind(id.as_str())
    .execute(&mut **tx)
    .await?;
    changed(tx).await?;
    Ok(done.rows_affected() == 1)
}
