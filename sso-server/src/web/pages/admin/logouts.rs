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
        progress::{Detail, ShownApp, in_words, settled},
    },
    AdminState, Frame, at_logout, href,
};
use crate::{
    domain::{
        Millis, SECOND,
        confirmation::{NEVER, PUSH, Standing},
        events_url::EventsUrl,
        push::PushState,
        push_step::remedy,
        reach::Reach,
    },
    flows::prove_logout::{AppProof, Proof, prove_logout, wait_for_change},
    store::{
        Stored, app_sessions,
        logouts::{self, LogoutRow},
        sessions, users,
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

/// Who is neither an admin nor an app nor a token, and the message for it.
const ACTORS: [(&str, &str); 6] = [
    ("user", "by-user"),
    ("operator", "by-operator"),
    ("clock", "by-clock"),
    ("a newer login", "by-newer-login"),
    ("another login in this browser", "by-another-login"),
    ("second use of a ticket", "by-second-use"),
];

async fn shown(web: &Web, row: &LogoutRow, locale: Locale) -> Result<ShownLogout, PageError> {
    let mut connection = web.app.db.read().await?;
    let person = match &row.user {
        Some(id) => users::find(&mut connection, id).await?.map(|u| (u.id.into(), u.username)),
        None => None,
    };
    // An admin is written down by id; no other actor's word is one.
    let by = users::find(&mut connection, &row.actor.as_str().into()).await?;
    let by = match (by, ACTORS.iter().find(|(word, _)| *word == row.actor)) {
        (Some(admin), _) => admin.username,
        (None, Some((_, key))) => message(locale, key, &[])?,
        (None, None) => row.actor.clone(),
    };
    let reach = row.reach.as_deref().and_then(reach_of);
    Ok(ShownLogout {
        id: row.id.to_string(),
        at: row.at,
        cause: row.cause.as_str().replace('_', "-"),
        by,
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
    let locale = Locale::of(&request, web.view.default_locale);
    let mut all = Vec::with_capacity(rows.len());
    for row in &rows {
        all.push(shown(&web, row, locale).await?);
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
    /// How far all of it is; `None` when no app was concerned.
    pub bar: Option<Bar>,
    /// Each app, with who is waited for.
    pub apps: Vec<ShownApp>,
}

/// A part of a whole.
#[derive(Debug, Serialize)]
pub struct Bar {
    /// So much is done,
    pub value: i64,
    /// of so much.
    pub max: i64,
    /// The same in words.
    pub text: String,
}

impl Running {
    /// `left`: sessions that a logout of many has not come to yet.
    fn of(proof: &Proof, left: i64, locale: Locale, now: Millis) -> Result<Self, DrawError> {
        let (sessions, app_sessions) = (proof.logout.sessions, proof.logout.app_sessions);
        let tally = message(
            locale,
            if proof.is_carried_out() { "admin-tally" } else { "admin-tally-running" },
            &[("sessions", sessions.into()), ("appSessions", app_sessions.into())],
        )?;
        let seen = fingerprint(proof);
        let path = format!("{}/progress", at_logout(&proof.logout.id));
        let apps = proof.apps.iter().map(|one| of_app(one, locale, now));
        Ok(Self {
            follow: (!proof.is_done()).then(|| href(&path, &[("seen", &seen)])),
            tally,
            bar: bar(proof, left, locale)?,
            apps: apps.collect::<Result<_, _>>()?,
        })
    }
}

/// First of sessions that end at Passport, then of apps that confirm.
fn bar(proof: &Proof, left: i64, locale: Locale) -> Result<Option<Bar>, DrawError> {
    let many = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
    let ended = match &proof.logout.reach {
        Some(reach) if reach_of(reach).is_some_and(|reach| matches!(reach, Reach::App { .. })) => {
            proof.logout.app_sessions
        }
        _ => proof.logout.sessions,
    };
    let (key, value, max) = if proof.is_carried_out() {
        ("admin-bar-sites", many(settled(proof)), many(proof.apps.len()))
    } else {
        ("admin-bar-sessions", ended, ended.saturating_add(left))
    };
    if max == 0 {
        return Ok(None);
    }
    let text = message(locale, key, &[("value", value.into()), ("max", max.into())])?;
    Ok(Some(Bar { value, max, text }))
}

fn reach_of(json: &str) -> Option<Reach> {
    serde_json::from_str(json).ok()
}

/// Changes with whatever the page shows and is not a matter of time alone.
fn fingerprint(proof: &Proof) -> String {
    let waiting = |one: &AppProof| match &one.standing {
        Standing::Waiting { listeners, .. } => listeners.len(),
        Standing::Confirmed { .. } | Standing::Over { .. } => 0,
    };
    let waiting: usize = proof.apps.iter().map(waiting).sum();
    let push = proof.apps.iter().filter_map(|one| one.push.as_ref());
    let troubles: i64 = push
        .map(|push| push.trouble.as_ref().map_or(0, |one| one.failures) + push.dead_events)
        .sum();
    let timed = proof.apps.iter().filter(|one| one.took().is_some()).count();
    let logout = &proof.logout;
    format!(
        "{}.{timed}.{}.{waiting}.{troubles}.{}.{}.{}",
        settled(proof),
        proof.apps.len(),
        logout.sessions,
        logout.app_sessions,
        proof.is_carried_out()
    )
}

/// An app, with each listener that is waited for, and what became of pushing to it.
fn of_app(one: &AppProof, locale: Locale, now: Millis) -> Result<ShownApp, DrawError> {
    let mut shown = ShownApp::of(one, locale, "admin-waiting-nobody")?;
    let say = |key, arguments: &[(&'static str, FluentValue<'_>)]| message(locale, key, arguments);
    if let Standing::Waiting { listeners, .. } = &one.standing {
        for listener in listeners.iter().filter(|listener| listener.instance != PUSH) {
            // To the second: what is shown is older than that before it is read.
            let silent = (now - listener.last_contact_at).max(0);
            let (number, unit) = match in_words(silent) {
                (_, "duration-ms") => (silent / SECOND, "duration-s"),
                words => words,
            };
            let silent = say(unit, &[("n", number.into())])?;
            let name = match &listener.version {
                Some(version) => format!("{} ({version})", listener.instance),
                None => listener.instance.clone(),
            };
            let heard = [("name", name.into()), ("time", silent.into())];
            let (key, at) = match listener.trusted_until {
                NEVER => ("admin-waiting-forever", None),
                until => ("admin-waiting-one", Some(iso(until))),
            };
            shown.details.push(Detail { text: say(key, &heard)?, at, bad: false });
        }
        if listeners.iter().any(|listener| listener.instance == PUSH) {
            let url = one.url.as_ref().map(EventsUrl::origin).unwrap_or_default();
            let text = say("push-waiting", &[("url", url.into())])?;
            let at = Some(iso(one.confirmation.at));
            shown.details.push(Detail { text, at, bad: false });
        }
    }
    if shown.state != "confirmed"
        && let Some(push) = &one.push
    {
        of_push(&mut shown.details, one, push, locale)?;
    }
    Ok(shown)
}

/// What is wrong with pushing, what was given up, and what to do.
fn of_push(
    details: &mut Vec<Detail>,
    one: &AppProof,
    push: &PushState,
    locale: Locale,
) -> Result<(), DrawError> {
    let say = |key, arguments: &[(&'static str, FluentValue<'_>)]| message(locale, key, arguments);
    if let Some(since) = push.dead_since {
        let text = say("push-dead", &[("events", push.dead_events.into())])?;
        details.push(Detail { text, at: Some(iso(since)), bad: true });
    }
    let Some(trouble) = &push.trouble else { return Ok(()) };
    let said = [
        ("failures", trouble.failures.into()),
        ("error", trouble.error.as_str().to_owned().into()),
    ];
    let text = say("push-trouble", &said)?;
    details.push(Detail { text, at: Some(iso(trouble.next_attempt_at)), bad: true });
    let key = format!("doctor-do-{}", remedy(&trouble.problem, trouble.status));
    let text = message(locale, &key, &[("id", one.app.as_str().to_owned().into())])?;
    details.push(Detail { text, at: None, bad: false });
    Ok(())
}

/// Sessions that a logout of many has not come to yet. Counted for whoever looks, not in the waiting.
async fn left(web: &Web, proof: &Proof) -> Stored<i64> {
    let Some(reach) = proof.logout.reach.as_deref().and_then(reach_of) else { return Ok(0) };
    if proof.is_carried_out() {
        return Ok(0);
    }
    let (until, mut connection) = (proof.logout.at, web.app.db.read().await?);
    match reach {
        Reach::Everybody => sessions::count_begun_until(&mut connection, None, until).await,
        Reach::DeviceClass { class } => {
            sessions::count_begun_until(&mut connection, Some(class.as_str()), until).await
        }
        Reach::App { app } => app_sessions::count_begun_until(&mut connection, &app, until).await,
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
        logout: shown(&web, &proof.logout, locale).await?,
        progress: Running::of(&proof, left(&web, &proof).await?, locale, web.app.clock.now())?,
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
    let left = left(&web, &proof).await?;
    Ok(HttpResponse::Ok().json(Running::of(&proof, left, locale, web.app.clock.now())?))
}
