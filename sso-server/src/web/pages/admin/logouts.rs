//! `/admin/logouts`: what was ended lately, and one logout while its apps confirm.

use std::time::Duration;

use actix_web::{
    HttpRequest, HttpResponse,
    web::{Data, Path},
};
use fluent_templates::fluent_bundle::FluentValue;
use serde::{Deserialize, Serialize};

use super::{
    super::{
        Page,
        error::PageError,
        progress::{in_words, settled},
    },
    AdminState, Frame, at_logout, href,
};
use crate::{
    domain::{
        Millis, SECOND,
        confirmation::{PUSH, Standing},
        reach::Reach,
    },
    flows::prove_logout::{AppProof, Proof, prove_logout, wait_for_change},
    store::{
        logouts::{self, LogoutRow},
        users,
    },
    web::{
        Web,
        input::Query,
        locale::Locale,
        view::{DrawError, iso, message},
    },
};

/// Logouts on a page.
const SHOWN: i64 = 50;
/// Longest wait for a change.
const WAIT: Duration = Duration::from_secs(20);

/// A logout.
#[derive(Debug, Serialize)]
pub struct ShownLogout {
    /// Its name.
    pub id: String,
    /// When.
    pub at: i64,
    /// The message is `cause-{cause}`.
    pub cause: String,
    /// Who did it: an admin's name, or the word for who else may.
    pub by: String,
    /// Why, in an admin's words.
    pub reason: Option<String>,
    /// Whose, when all of it was one person's: id and name.
    pub person: Option<(String, String)>,
    /// Whom a logout of many reaches: the message is `admin-reach-{kind}`, and the app.
    pub reach: Option<(&'static str, String)>,
    /// Sessions ended so far.
    pub sessions: i64,
    /// App sessions ended so far.
    pub app_sessions: i64,
}

async fn shown(web: &Web, row: &LogoutRow) -> Result<ShownLogout, PageError> {
    let mut connection = web.app.db.read().await?;
    let person = match &row.user {
        Some(id) => users::find(&mut connection, id).await?.map(|u| (u.id.into(), u.username)),
        None => None,
    };
    // An admin is written down by id; no other actor's word is one.
    let by = users::find(&mut connection, &row.actor.as_str().into()).await?;
    let reach = row.reach.as_deref().and_then(|json| serde_json::from_str::<Reach>(json).ok());
    Ok(ShownLogout {
        id: row.id.to_string(),
        at: row.at,
        cause: row.cause.as_str().replace('_', "-"),
        by: by.map_or_else(|| row.actor.clone(), |admin| admin.username),
        reason: row.reason.clone(),
        person,
        reach: reach.map(|reach| match reach {
            Reach::Everybody => ("everybody", String::new()),
            Reach::DeviceClass { class } => (class.as_str(), String::new()),
            Reach::App { app } => ("app", app.to_string()),
        }),
        sessions: row.sessions,
        app_sessions: row.app_sessions,
    })
}

/// Which part of the list.
#[derive(Debug, Deserialize)]
pub struct Asked {
    before: Option<String>,
}

/// What `admin/logouts.html` shows.
#[derive(Debug, Serialize)]
pub struct LogoutsPage {
    /// Around it.
    #[serde(flatten)]
    pub frame: Frame,
    /// Latest first.
    pub logouts: Vec<ShownLogout>,
    /// Where the list goes on.
    pub next: Option<String>,
}

/// `GET /admin/logouts`
pub async fn list(
    web: Data<Web>,
    admin: AdminState,
    asked: Query<Asked>,
    request: HttpRequest,
) -> Result<HttpResponse, PageError> {
    let rows = {
        let mut connection = web.app.db.read().await?;
        match asked.0?.before {
            Some(id) => logouts::before(&mut connection, &id, SHOWN).await?,
            None => logouts::latest(&mut connection, SHOWN).await?,
        }
    };
    let mut all = Vec::with_capacity(rows.len());
    for row in &rows {
        all.push(shown(&web, row).await?);
    }
    let full = i64::try_from(rows.len()).is_ok_and(|found| found == SHOWN);
    let last = rows.last().filter(|_| full);
    let page = LogoutsPage {
        frame: admin.frame(&web, &request, "logouts", None),
        logouts: all,
        next: last.map(|last| href("/admin/logouts", &[("before", last.id.as_str())])),
    };
    Ok(Page::draw(&web, &request, "admin/logouts.html", &page)?.finish())
}

/// How far it is.
#[derive(Debug, Serialize)]
pub struct Running {
    /// Where to ask for this when it has changed; `None` when nothing is left to change.
    pub follow: Option<String>,
    /// How many sessions so far, in words.
    pub tally: String,
    /// Each app.
    pub apps: Vec<RunningApp>,
}

/// An app in the list.
#[derive(Debug, Serialize)]
pub struct RunningApp {
    /// Its name.
    pub name: String,
    /// `confirmed`, `waiting` or `over`.
    pub state: &'static str,
    /// The same in words, with who is waited for.
    pub text: String,
    /// While waiting: at the latest then the app refuses by itself (RFC 3339).
    pub until: Option<String>,
}

impl Running {
    fn of(proof: &Proof, locale: Locale, now: Millis) -> Result<Self, DrawError> {
        let tally = message(
            locale,
            if carried_out(proof) { "admin-tally" } else { "admin-tally-running" },
            &[
                ("sessions", proof.logout.sessions.into()),
                ("appSessions", proof.logout.app_sessions.into()),
            ],
        )?;
        let seen = fingerprint(proof);
        let path = format!("{}/progress", at_logout(&proof.logout.id));
        let apps = proof.apps.iter().map(|one| RunningApp::of(one, locale, now));
        Ok(Self {
            follow: (!proof.is_done()).then(|| href(&path, &[("seen", &seen)])),
            tally,
            apps: apps.collect::<Result<_, _>>()?,
        })
    }
}

fn carried_out(proof: &Proof) -> bool {
    proof.logout.reach.is_none() || proof.logout.finished_at.is_some()
}

/// Changes with whatever the page shows and is not a matter of time alone.
fn fingerprint(proof: &Proof) -> String {
    let waiting: usize = proof
        .apps
        .iter()
        .map(|one| match &one.standing {
            Standing::Waiting { listeners, .. } => listeners.len(),
            Standing::Confirmed { .. } | Standing::Over { .. } => 0,
        })
        .sum();
    let logout = &proof.logout;
    format!(
        "{}.{}.{waiting}.{}.{}.{}",
        settled(proof),
        proof.apps.len(),
        logout.sessions,
        logout.app_sessions,
        carried_out(proof)
    )
}

impl RunningApp {
    fn of(one: &AppProof, locale: Locale, now: Millis) -> Result<Self, DrawError> {
        let say =
            |key, arguments: &[(&'static str, FluentValue<'_>)]| message(locale, key, arguments);
        let time = |took: Millis| {
            let (number, unit) = in_words(took);
            say(unit, &[("n", number.into())])
        };
        let (state, text, until) = match (&one.standing, one.took()) {
            (Standing::Confirmed { .. }, Some(took)) => {
                let text = say("progress-confirmed-after", &[("time", time(took)?.into())])?;
                ("confirmed", text, None)
            }
            (Standing::Confirmed { .. }, None) => {
                ("confirmed", say("progress-confirmed", &[])?, None)
            }
            (Standing::Over { .. }, _) => ("over", say("progress-over", &[])?, None),
            (Standing::Waiting { listeners, until }, _) => {
                let mut who = Vec::new();
                for listener in listeners {
                    let name = match listener.instance.as_str() {
                        PUSH => say("admin-events-url", &[])?,
                        name => name.to_owned(),
                    };
                    let silent = time((now - listener.last_contact_at).max(0) / SECOND * SECOND)?;
                    let heard = [("name", name.into()), ("time", silent.into())];
                    who.push(say("admin-waiting-one", &heard)?);
                }
                let text = match who.is_empty() {
                    true => say("admin-waiting-nobody", &[])?,
                    false => say("admin-waiting", &[("who", who.join(", ").into())])?,
                };
                ("waiting", text, Some(iso(*until)))
            }
        };
        Ok(Self { name: one.name.clone(), state, text, until })
    }
}

/// What `admin/logout.html` shows.
#[derive(Debug, Serialize)]
pub struct LogoutPage {
    /// Around it.
    #[serde(flatten)]
    pub frame: Frame,
    /// What it is.
    pub logout: ShownLogout,
    /// How far it is.
    pub progress: Running,
}

/// `GET /admin/logouts/{id}`
pub async fn show(
    web: Data<Web>,
    admin: AdminState,
    id: Path<String>,
    request: HttpRequest,
) -> Result<HttpResponse, PageError> {
    let proof = prove_logout(&web.app, &id.into_inner().into()).await?;
    let proof = proof.ok_or(PageError::NotFound)?;
    let locale = Locale::of(&request, web.view.default_locale);
    let page = LogoutPage {
        frame: admin.frame(&web, &request, "logouts", None),
        logout: shown(&web, &proof.logout).await?,
        progress: Running::of(&proof, locale, web.app.clock.now())?,
    };
    Ok(Page::draw(&web, &request, "admin/logout.html", &page)?.finish())
}

/// What the page has seen.
#[derive(Debug, Deserialize)]
pub struct Seen {
    seen: String,
}

/// `GET /admin/logouts/{id}/progress`: how far it is in JSON, as soon as that has changed.
pub async fn follow(
    web: Data<Web>,
    _: AdminState,
    id: Path<String>,
    seen: Query<Seen>,
    request: HttpRequest,
) -> Result<HttpResponse, PageError> {
    let seen = seen.0?.seen;
    let changed = |proof: &Proof| fingerprint(proof) != seen;
    let proof = wait_for_change(&web.app, &id.into_inner().into(), WAIT, changed).await?;
    let proof = proof.ok_or(PageError::NotFound)?;
    let locale = Locale::of(&request, web.view.default_locale);
    Ok(HttpResponse::Ok().json(Running::of(&proof, locale, web.app.clock.now())?))
}
