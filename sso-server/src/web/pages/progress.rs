//! How far a logout has come, on the pages that follow it: the list of apps, filling in as they
//! confirm.

use std::time::Duration;

use actix_web::{HttpRequest, HttpResponse, web::Data};
use fluent_templates::fluent_bundle::FluentValue;
use serde::{Deserialize, Serialize};

use super::{
    super::{
        Web,
        input::Query,
        locale::Locale,
        view::{DrawError, iso, message},
    },
    error::PageError,
};
use crate::{
    domain::{MINUTE, Millis, SECOND, confirmation::Standing, id::LogoutId},
    flows::prove_logout::{AppProof, Proof, prove_logout, wait_for_change},
};

/// Longest wait for a change.
const WAIT: Duration = Duration::from_secs(20);
/// The purpose of the stamp under a logout's name.
const PURPOSE: &str = "logout progress";

/// The list of apps.
#[derive(Debug, Serialize)]
pub struct Progress {
    /// Where to ask for the list when it has changed; `None` when nothing is left to change.
    pub follow: Option<String>,
    /// Each of them.
    pub apps: Vec<ShownApp>,
}

/// An app in the list.
#[derive(Debug, Serialize)]
pub struct ShownApp {
    /// Its name.
    pub name: String,
    /// `confirmed`, `waiting` or `over`.
    pub state: &'static str,
    /// The same in words.
    pub text: String,
    /// The moment that the words lead up to (RFC 3339): of the confirmation; of the end; while
    /// waiting, from which on the app refuses by itself at the latest.
    pub at: Option<String>,
    /// Who is waited for.
    pub details: Vec<Detail>,
}

/// A line below an app.
#[derive(Debug, Serialize)]
pub struct Detail {
    /// In words.
    pub text: String,
    /// The moment that they lead up to (RFC 3339).
    pub at: Option<String>,
    /// Whether somebody has to do something.
    pub bad: bool,
}

impl ShownApp {
    /// Without details. `nobody` is the message for an app of which nothing listens.
    pub(super) fn of(
        one: &AppProof,
        locale: Locale,
        nobody: &'static str,
    ) -> Result<Self, DrawError> {
        let say =
            |key, arguments: &[(&'static str, FluentValue<'_>)]| message(locale, key, arguments);
        let (state, text, at) = match (&one.standing, one.took()) {
            (Standing::Confirmed { at }, Some(took)) => {
                let (number, unit) = in_words(took);
                let time = say(unit, &[("n", number.into())])?;
                ("confirmed", say("progress-confirmed-after", &[("time", time.into())])?, at)
            }
            (Standing::Confirmed { at }, None) => {
                ("confirmed", say("progress-confirmed", &[])?, at)
            }
            (Standing::Waiting { until, listeners }, _) => {
                let key = if listeners.is_empty() { nobody } else { "progress-waiting" };
                ("waiting", say(key, &[])?, until)
            }
            (Standing::Over { at }, _) => ("over", say("progress-over", &[])?, at),
        };
        let (name, at) = (one.name.clone(), Some(iso(*at)));
        Ok(Self { name, state, text, at, details: Vec::new() })
    }

    /// For the person concerned: how many of the app's servers are waited for. Their names and what
    /// is wrong with them is the operators' business.
    fn for_the_person(one: &AppProof, locale: Locale) -> Result<Self, DrawError> {
        let mut shown = Self::of(one, locale, "progress-waiting-nobody")?;
        if let Standing::Waiting { listeners, .. } = &one.standing
            && !listeners.is_empty()
        {
            let servers = [("n", listeners.len().into())];
            let text = message(locale, "progress-waiting-for", &servers)?;
            let at = Some(iso(one.confirmation.at));
            shown.details.push(Detail { text, at, bad: false });
        }
        Ok(shown)
    }
}

/// Milliseconds while that says something, then seconds, then minutes.
pub(super) const fn in_words(took: Millis) -> (i64, &'static str) {
    match took {
        ..=1_999 => (took, "duration-ms"),
        2_000..=119_999 => (took / SECOND, "duration-s"),
        _ => (took / MINUTE, "duration-min"),
    }
}

impl Progress {
    fn of(web: &Web, proof: &Proof, locale: Locale) -> Result<Self, DrawError> {
        let name = reference(web, &proof.logout.id);
        let settled = settled(proof);
        let follow = format!("/logout/progress?logout={name}&settled={settled}");
        let apps = proof.apps.iter().map(|one| ShownApp::for_the_person(one, locale));
        Ok(Self {
            follow: (!proof.is_done()).then_some(follow),
            apps: apps.collect::<Result<_, _>>()?,
        })
    }
}

/// How many apps are done.
pub(super) fn settled(proof: &Proof) -> usize {
    proof.apps.iter().filter(|one| one.is_done()).count()
}

/// A logout's name with our stamp under it: whoever holds it was there when it happened. It shows
/// names of apps and nothing else.
pub(super) fn reference(web: &Web, logout: &LogoutId) -> String {
    format!("{logout}.{}", web.app.secrets.mac(PURPOSE, &[logout.as_str()]))
}

/// A page of ours that shows how far the apps have confirmed a logout. `page` has a query.
pub(super) fn shown_at(page: &str, web: &Web, logout: Option<LogoutId>) -> String {
    match logout {
        Some(logout) => format!("{page}&logout={}", reference(web, &logout)),
        None => page.to_owned(),
    }
}

pub(super) fn read_reference(web: &Web, text: &str) -> Option<LogoutId> {
    let (id, stamp) = text.split_once('.')?;
    web.app.secrets.verify_mac(stamp, PURPOSE, &[id]).then(|| id.into())
}

/// The list for a page that was told the name of a logout; `None` when it was not, or when no app
/// was concerned.
pub(super) async fn shown(
    web: &Web,
    request: &HttpRequest,
    reference: Option<&str>,
) -> Result<Option<Progress>, PageError> {
    let Some(id) = reference.and_then(|text| read_reference(web, text)) else { return Ok(None) };
    let proof = prove_logout(&web.app, &id).await?.filter(|proof| !proof.apps.is_empty());
    let locale = Locale::of(request, web.view.default_locale);
    Ok(proof.map(|proof| Progress::of(web, &proof, locale)).transpose()?)
}

/// What a page asks that follows a logout.
#[derive(Debug, Deserialize)]
pub struct Asked {
    logout: String,
    /// How many apps were done when the page asked last.
    settled: usize,
}

/// `GET /logout/progress`: the list in JSON, as soon as it has changed. (Not as a piece of the page:
/// our own Trusted Types policy keeps script from making markup of text.)
pub async fn follow(
    web: Data<Web>,
    asked: Query<Asked>,
    request: HttpRequest,
) -> Result<HttpResponse, PageError> {
    let asked = asked.0?;
    let id = read_reference(&web, &asked.logout).ok_or(PageError::NotFound)?;
    let changed = |proof: &Proof| settled(proof) != asked.settled;
    let proof = wait_for_change(&web.app, &id, WAIT, changed).await?.ok_or(PageError::NotFound)?;
    let locale = Locale::of(&request, web.view.default_locale);
    Ok(HttpResponse::Ok().json(Progress::of(&web, &proof, locale)?))
}
