//! An app's push stream: opened with its events URL, closed with it; its secret; how it is doing.

use std::collections::HashMap;

use zeroize::Zeroizing;

use super::follow_events::note_in;
use crate::{
    app::App,
    domain::{
        Millis,
        app::AppId,
        audit::{Act, Entry},
        confirmation::{NEVER, PUSH},
        events_url::EventsUrl,
        push::PushState,
    },
    store::{
        StoreError, Stored, Tx,
        app_instances::{self, Contact},
        apps, audit, events, push_streams,
    },
    tokens::events_secret,
};

/// The events URL of an app has changed, inside the transaction that changes it. Answers the
/// secret of a stream that opens, which nobody sees again.
///
/// What is still waiting goes to the new URL, with the same secret; the old one is not called any
/// more (SECURITY-CASES B-15): whoever is sending at this moment loses the claim.
pub async fn url_changed(
    app: &App,
    tx: &mut Tx,
    client: &AppId,
    old: Option<&EventsUrl>,
    new: Option<&EventsUrl>,
    now: Millis,
) -> Stored<Option<Zeroizing<String>>> {
    match (old, new) {
        (None, Some(_)) => open(app, tx, client, now).await.map(Some),
        (Some(_), None) => close(tx, client).await.map(|()| None),
        (Some(old), Some(new)) if old != new => {
            if push_streams::begin_anew(tx, client, now).await? {
                return Ok(None);
            }
            // Registered by a version that did not push.
            open(app, tx, client, now).await.map(Some)
        }
        _ => Ok(None),
    }
}

/// From here on: what happened before is not news. The stream counts as a listener that never
/// stops trusting what it knows, so a proof waits for it.
async fn open(app: &App, tx: &mut Tx, client: &AppId, now: Millis) -> Stored<Zeroizing<String>> {
    let secret = events_secret::fresh(&app.random);
    let sealed = events_secret::seal(&secret, client, &app.master, &app.random);
    push_streams::insert(tx, client, &sealed, now).await?;
    let head = events::lock(tx, client).await?;
    let contact =
        Contact { instance: PUSH, version: None, acknowledged: head, now, trusted_until: NEVER };
    note_in(app, tx, client, contact).await?;
    Ok(secret)
}

/// The stream is gone without a trace: unlike an instance that says good-bye, a URL that is taken
/// away has not told us that nothing is accepted behind it any more.
pub async fn close(tx: &mut Tx, client: &AppId) -> Stored<()> {
    if push_streams::delete(tx, client).await? {
        events::lock(tx, client).await?;
        app_instances::remove(tx, client, PUSH).await?;
    }
    Ok(())
}

/// Why an events secret is not replaced.
#[derive(Debug, thiserror::Error)]
pub enum RotateError {
    /// No such app, or nothing is pushed to it.
    #[error("no app with an events URL is called {0}")]
    Unknown(String),
    /// The database is out of reach.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Gives an app a new events secret; for `overlap` more the old one signs beside it.
pub async fn rotate_secret(
    app: &App,
    id: &str,
    overlap: Millis,
) -> Result<Zeroizing<String>, RotateError> {
    let unknown = || RotateError::Unknown(id.to_owned());
    let client = AppId::parse(id).map_err(|_| unknown())?;
    let now = app.clock.now();
    let secret = events_secret::fresh(&app.random);
    let sealed = events_secret::seal(&secret, &client, &app.master, &app.random);
    let until = (overlap > 0).then(|| now.saturating_add(overlap));
    let mut tx = app.db.write().await?;
    let secret = if push_streams::set_secret(&mut tx, &client, &sealed, until).await? {
        secret
    } else {
        // Registered with an events URL by a version that did not push.
        let registered = apps::find_to_change(&mut tx, &client).await?;
        registered.and_then(|registered| registered.events_url).ok_or_else(unknown)?;
        open(app, &mut tx, &client, now).await?
    };
    let entry = Entry::new(now, Act::AppChanged).app(&client).fact("change", "events secret");
    audit::append(&mut tx, &[entry], &app.random).await?;
    tx.commit().await?;
    Ok(secret)
}

/// How all streams are doing.
pub async fn states(app: &App) -> Stored<HashMap<AppId, PushState>> {
    Ok(push_streams::states(&mut *app.db.read().await?).await?.into_iter().collect())
}
