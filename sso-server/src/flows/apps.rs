//! Apps, as an operator manages them.

use client_sdk::wire::Cause;
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::{
    end_session::Ending,
    log_out_many::{carry_out, order_in},
    past_deadlocks, push_streams,
};
use crate::{
    app::App,
    domain::{
        Millis,
        app::{App as Client, AppId, AppIdError, Silent},
        audit::{Act, Entry},
        events_url::EventsUrl,
        front_logout::FrontLogoutUrl,
        id::LogoutId,
        reach::Reach,
        return_url::{Origin, ReturnUrl, UrlError},
        token::Token,
    },
    store::{StoreError, Stored, Tx, apps, audit, logouts::LogoutRow},
};

/// Bits of `app_flag`: an i64 without its sign.
const BITS: i64 = 63;

/// An app to be registered.
#[derive(Clone, Copy, Debug)]
pub struct AddApp<'a> {
    /// Its id.
    pub id: &'a str,
    /// The name people see.
    pub name: &'a str,
    /// Where tickets may go.
    pub return_urls: &'a [String],
    /// Who may ask from inside a page.
    pub origins: &'a [String],
    /// Where events are pushed.
    pub events_url: Option<&'a str>,
    /// Whether JSONP is allowed.
    pub jsonp: bool,
    /// Whether its pages may be known by their `Referer`, for browsers that send no `Origin`.
    pub old_browsers: bool,
    /// Whether it may end every session of a person.
    pub may_end_user: bool,
    /// Whether its server may pass on name and password.
    pub may_login: bool,
    /// What the first silent entry of each person is like.
    pub silent: Silent,
    /// Where the browser tells it of a logout.
    pub front_logout_url: Option<&'a str>,
}

/// Why an operator's wish is not granted.
#[derive(Debug, thiserror::Error)]
pub enum AppsError {
    /// The id cannot be.
    #[error(transparent)]
    Id(#[from] AppIdError),
    /// The name cannot be.
    #[error("an app's name has 1 to 100 characters and no control characters")]
    Name,
    /// A URL cannot be registered.
    #[error("{url}: {why}")]
    Url {
        /// Which.
        url: String,
        /// Why.
        why: UrlError,
    },
    /// The id is taken, perhaps by an app that was deleted.
    #[error("the id {0} is taken, or was used by an app that was deleted; ids are not reused")]
    Taken(AppId),
    /// The flags of users have no bit left.
    #[error("no more than {BITS} apps can be registered")]
    Full,
    /// No app has this id.
    #[error("no app is called {0}")]
    Unknown(String),
    /// It is so already.
    #[error("{0} is already {1}")]
    Already(AppId, &'static str),
    /// The database is out of reach.
    #[error(transparent)]
    Store(#[from] StoreError),
}

fn is_victim(error: &AppsError) -> bool {
    match error {
        AppsError::Store(error) => error.is_retryable(),
        _ => false,
    }
}

/// A registered app, with its secrets. Nobody sees them again.
#[derive(Debug)]
pub struct Added {
    /// What is registered.
    pub client: Client,
    /// Its secret.
    pub secret: Token,
    /// With an events URL: what signs the events that are pushed there.
    pub events_secret: Option<Zeroizing<String>>,
}

/// Registers an app.
pub async fn add(app: &App, new: AddApp<'_>) -> Result<Added, AppsError> {
    let now = app.clock.now();
    let secret = Token::fresh(&app.random);
    let mut client = Client {
        id: AppId::parse(new.id)?,
        bit: 0,
        name: name(new.name)?,
        secret: secret.digest(),
        previous_secret: None,
        return_urls: each(new.return_urls, ReturnUrl::register)?,
        origins: each(new.origins, Origin::register)?,
        events_url: new.events_url.map(events_url).transpose()?,
        jsonp_since: new.jsonp.then_some(now),
        old_browsers_since: new.old_browsers.then_some(now),
        may_end_user_since: new.may_end_user.then_some(now),
        may_login_since: new.may_login.then_some(now),
        asks_first_since: (new.silent == Silent::AskFirst).then_some(now),
        front_logout_url: new.front_logout_url.map(front_logout_url).transpose()?,
        disabled_at: None,
        created_at: now,
    };
    let mut tx = app.db.write().await?;
    client.bit = match apps::insert(&mut tx, &client).await {
        Err(error) if error.is_conflict() => return Err(AppsError::Taken(client.id)),
        result => result?,
    };
    if client.bit >= BITS {
        return Err(AppsError::Full);
    }
    let new = client.events_url.as_ref();
    let events_secret = push_streams::url_changed(app, &mut tx, &client.id, None, new, now).await?;
    let entry = Entry::new(now, Act::AppAdded).app(&client.id).fact("by", "operator");
    audit::append(&mut tx, &[entry], &app.random).await?;
    tx.commit().await?;
    Ok(Added { client, secret, events_secret })
}

/// What is to be different about an app. `None` leaves it as it is.
#[derive(Clone, Copy, Debug, Default)]
pub struct ChangeApp<'a> {
    /// The name people see.
    pub name: Option<&'a str>,
    /// Where tickets may go: all of it, not what is added.
    pub return_urls: Option<&'a [String]>,
    /// Who may ask from inside a page: all of it.
    pub origins: Option<&'a [String]>,
    /// Where events are pushed; `Some(None)` pushes no more.
    pub events_url: Option<Option<&'a str>>,
    /// Whether JSONP is allowed.
    pub jsonp: Option<bool>,
    /// Whether its pages may be known by their `Referer`.
    pub old_browsers: Option<bool>,
    /// Whether it may end every session of a person.
    pub may_end_user: Option<bool>,
    /// Whether its server may pass on name and password.
    pub may_login: Option<bool>,
    /// What the first silent entry of each person is like.
    pub silent: Option<Silent>,
    /// Where the browser tells it of a logout; `Some(None)` tells it no more.
    pub front_logout_url: Option<Option<&'a str>>,
}

/// An app whose registration was changed.
#[derive(Debug)]
pub struct Updated {
    /// What is registered now.
    pub client: Client,
    /// The names of what is different now.
    pub changed: Vec<&'static str>,
    /// With an events URL where there was none: what signs the events that are pushed there. Nobody
    /// sees it again.
    pub events_secret: Option<Zeroizing<String>>,
}

/// Changes what is registered of an app, held to the rules of [`add`]. Every node obeys at once.
/// Its sessions go on.
pub async fn update(app: &App, id: &str, change: ChangeApp<'_>) -> Result<Updated, AppsError> {
    let id = registered(app, id).await?;
    let now = app.clock.now();
    let mut tx = app.db.write().await?;
    let old = apps::find_to_change(&mut tx, &id).await?;
    let old = old.ok_or_else(|| AppsError::Unknown(id.to_string()))?;
    let mut new = old.clone();
    if let Some(text) = change.name {
        new.name = name(text)?;
    }
    if let Some(urls) = change.return_urls {
        new.return_urls = each(urls, ReturnUrl::register)?;
    }
    if let Some(origins) = change.origins {
        new.origins = each(origins, Origin::register)?;
    }
    if let Some(url) = change.events_url {
        new.events_url = url.map(events_url).transpose()?;
    }
    if let Some(allowed) = change.jsonp {
        new.jsonp_since = allowed.then(|| old.jsonp_since.unwrap_or(now));
    }
    if let Some(allowed) = change.old_browsers {
        new.old_browsers_since = allowed.then(|| old.old_browsers_since.unwrap_or(now));
    }
    if let Some(allowed) = change.may_end_user {
        new.may_end_user_since = allowed.then(|| old.may_end_user_since.unwrap_or(now));
    }
    if let Some(allowed) = change.may_login {
        new.may_login_since = allowed.then(|| old.may_login_since.unwrap_or(now));
    }
    if let Some(silent) = change.silent {
        let asks = silent == Silent::AskFirst;
        new.asks_first_since = asks.then(|| old.asks_first_since.unwrap_or(now));
    }
    if let Some(url) = change.front_logout_url {
        new.front_logout_url = url.map(front_logout_url).transpose()?;
    }
    let mut entry = Entry::new(now, Act::AppChanged).app(&id).fact("change", "registration");
    let mut changed = Vec::new();
    for ((field, before), (_, after)) in registration(&old).into_iter().zip(registration(&new)) {
        if before != after {
            entry = entry.fact(field, json!({ "from": before, "to": after }));
            changed.push(field);
        }
    }
    if changed.is_empty() {
        return Ok(Updated { client: old, changed, events_secret: None });
    }
    apps::update(&mut tx, &new).await?;
    let (before, after) = (old.events_url.as_ref(), new.events_url.as_ref());
    let events_secret = push_streams::url_changed(app, &mut tx, &id, before, after, now).await?;
    audit::append(&mut tx, &[entry], &app.random).await?;
    tx.commit().await?;
    Ok(Updated { client: new, changed, events_secret })
}

/// Takes JSONP away from all apps together: the switch for the day on which something is wrong with
/// it. Every node obeys at once (SECURITY-CASES J-14).
pub async fn forbid_jsonp(app: &App) -> Stored<Vec<AppId>> {
    let now = app.clock.now();
    let mut tx = app.db.write().await?;
    let ids = apps::forbid_jsonp(&mut tx).await?;
    let fact = json!({ "from": true, "to": false });
    let entry = |id: &AppId| {
        let entry = Entry::new(now, Act::AppChanged).app(id).fact("change", "registration");
        entry.fact("jsonp", fact.clone())
    };
    let entries: Vec<Entry> = ids.iter().map(entry).collect();
    audit::append(&mut tx, &entries, &app.random).await?;
    tx.commit().await?;
    Ok(ids)
}

/// What an operator registers, under the names of the command line.
fn registration(client: &Client) -> [(&'static str, Value); 10] {
    let urls: Vec<&str> = client.return_urls.iter().map(ReturnUrl::as_str).collect();
    let origins: Vec<&str> = client.origins.iter().map(Origin::as_str).collect();
    [
        ("name", json!(client.name)),
        ("return_to", json!(urls)),
        ("origins", json!(origins)),
        ("events_url", json!(client.events_url.as_ref().map(EventsUrl::as_str))),
        ("jsonp", json!(client.jsonp_since.is_some())),
        ("old_browsers", json!(client.old_browsers_since.is_some())),
        ("may_end_user", json!(client.may_end_user_since.is_some())),
        ("may_login", json!(client.may_login_since.is_some())),
        ("silent", json!(client.silent().as_str())),
        ("front_logout_url", json!(client.front_logout_url.as_ref().map(FrontLogoutUrl::as_str))),
    ]
}

fn name(text: &str) -> Result<String, AppsError> {
    let name = text.trim();
    if !(1..=100).contains(&name.chars().count()) || name.chars().any(char::is_control) {
        return Err(AppsError::Name);
    }
    Ok(name.to_owned())
}

fn each<T>(urls: &[String], read: fn(&str) -> Result<T, UrlError>) -> Result<Vec<T>, AppsError> {
    let bad = |url: &str, why| AppsError::Url { url: url.to_owned(), why };
    urls.iter().map(|url| read(url).map_err(|why| bad(url, why))).collect()
}

fn events_url(url: &str) -> Result<EventsUrl, AppsError> {
    EventsUrl::register(url).map_err(|why| AppsError::Url { url: url.to_owned(), why })
}

fn front_logout_url(url: &str) -> Result<FrontLogoutUrl, AppsError> {
    FrontLogoutUrl::register(url).map_err(|why| AppsError::Url { url: url.to_owned(), why })
}

/// The id of an app that is registered.
pub async fn registered(app: &App, id: &str) -> Result<AppId, AppsError> {
    let unknown = || AppsError::Unknown(id.to_owned());
    let id = AppId::parse(id).map_err(|_| unknown())?;
    match app.db.apps().await?.get(&id) {
        Some(_) => Ok(id),
        None => Err(unknown()),
    }
}

/// Gives an app a new secret; the old one is good for `overlap` more.
pub async fn rotate_secret(app: &App, id: &str, overlap: Millis) -> Result<Token, AppsError> {
    let id = registered(app, id).await?;
    let now = app.clock.now();
    let secret = Token::fresh(&app.random);
    let until = (overlap > 0).then_some(now + overlap);
    let mut tx = app.db.write().await?;
    if !apps::set_secret(&mut tx, &id, &secret.digest(), until).await? {
        return Err(AppsError::Unknown(id.to_string()));
    }
    let entry = Entry::new(now, Act::AppChanged).app(&id).fact("change", "secret");
    audit::append(&mut tx, &[entry], &app.random).await?;
    tx.commit().await?;
    Ok(secret)
}

/// Shuts an app off: no tickets, no redemptions, no API; its sessions end.
pub async fn disable(app: &App, id: &str) -> Result<LogoutRow, AppsError> {
    let logout = past_deadlocks(is_victim, || try_disable(app, id)).await?;
    Ok(carry_out(app, &logout).await?)
}

async fn try_disable(app: &App, id: &str) -> Result<LogoutId, AppsError> {
    let id = registered(app, id).await?;
    let now = app.clock.now();
    let mut tx = app.db.write().await?;
    if !apps::set_disabled(&mut tx, &id, Some(now)).await? {
        return Err(AppsError::Already(id, "disabled"));
    }
    let logout = order_all_out(app, &mut tx, &id, now).await?;
    let entry = Entry::new(now, Act::AppChanged).app(&id).fact("change", "disabled");
    audit::append(&mut tx, &[entry], &app.random).await?;
    tx.commit().await?;
    Ok(logout)
}

/// Lets an app back in. A redemption may have slipped in beside the shutting off on PostgreSQL;
/// what it recorded ends now, so that every session at the app is newer than this moment.
pub async fn enable(app: &App, id: &str) -> Result<(), AppsError> {
    let id = registered(app, id).await?;
    let now = app.clock.now();
    let mut tx = app.db.write().await?;
    if !apps::set_disabled(&mut tx, &id, None).await? {
        return Err(AppsError::Already(id, "enabled"));
    }
    let logout = order_all_out(app, &mut tx, &id, now).await?;
    let entry = Entry::new(now, Act::AppChanged).app(&id).fact("change", "enabled");
    audit::append(&mut tx, &[entry], &app.random).await?;
    tx.commit().await?;
    carry_out(app, &logout).await?;
    Ok(())
}

/// Everybody is out of an app that is shut off; while it is, nothing at it is accepted anyway.
async fn order_all_out(app: &App, tx: &mut Tx, id: &AppId, now: Millis) -> Stored<LogoutId> {
    let reach = Reach::App { app: id.clone() };
    order_in(app, tx, &reach, Ending::by_operator(Cause::AppDisabled), now).await
}

/// Removes an app for good.
pub async fn delete(app: &App, id: &str) -> Result<LogoutRow, AppsError> {
    let logout = past_deadlocks(is_victim, || try_delete(app, id)).await?;
    Ok(carry_out(app, &logout).await?)
}

async fn try_delete(app: &App, id: &str) -> Result<LogoutId, AppsError> {
    let id = registered(app, id).await?;
    let now = app.clock.now();
    let mut tx = app.db.write().await?;
    if !apps::delete(&mut tx, &id, now).await? {
        return Err(AppsError::Unknown(id.to_string()));
    }
    // The URL is not called any more (SECURITY-CASES B-15).
    push_streams::close(&mut tx, &id).await?;
    let logout = order_all_out(app, &mut tx, &id, now).await?;
    let entry = Entry::new(now, Act::AppChanged).app(&id).fact("change", "deleted");
    audit::append(&mut tx, &[entry], &app.random).await?;
    tx.commit().await?;
    Ok(logout)
}

/// All apps.
pub async fn list(app: &App) -> Stored<Vec<Client>> {
    apps::all(&mut *app.db.read().await?).await
}
