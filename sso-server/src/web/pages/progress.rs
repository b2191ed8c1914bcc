//! How far a logout has come, on the pages that follow it: the list of apps, filling in as they
//! confirm.

use std::time::Duration;

use actix_web::{HttpRequest, HttpResponse, http::header::CONTENT_TYPE, web::Data};
use serde::{Deserialize, Serialize};

use super::{
    super::{Web, input::Query, locale::Locale},
    error::PageError,
};
use crate::{
    domain::{MINUTE, Millis, SECOND, confirmation::Standing, id::LogoutId},
    flows::prove_logout::{AppProof, Proof, prove_logout, wait_for_change},
    store::Stored,
};

/// Longest wait for a change.
const WAIT: Duration = Duration::from_secs(20);
/// The purpose of the stamp under a logout's name.
const PURPOSE: &str = "logout progress";

/// The list of apps.
#[derive(Debug, Serialize)]
pub struct Progress {
    /// Where the list can be asked for again.
    pub href: String,
    /// How many apps are done.
    pub settled: usize,
    /// Whether all of them are.
    pub done: bool,
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
    /// From the logout to the confirmation, in `took_unit`s.
    pub took: Option<i64>,
    /// `ms`, `s` or `min`.
    pub took_unit: Option<&'static str>,
    /// While waiting: at the latest then the app refuses by itself.
    pub until: Option<i64>,
}

impl ShownApp {
    fn of(one: &AppProof) -> Self {
        let (state, until) = match &one.standing {
            Standing::Confirmed { .. } => ("confirmed", None),
            Standing::Waiting { until, .. } => ("waiting", Some(*until)),
            Standing::Over { .. } => ("over", None),
        };
        let (took, took_unit) = one.took().map(in_words).unzip();
        Self { name: one.name.clone(), state, took, took_unit, until }
    }
}

/// Milliseconds while that says something, then seconds, then minutes.
const fn in_words(took: Millis) -> (i64, &'static str) {
    match took {
        ..=1_999 => (took, "ms"),
        2_000..=119_999 => (took / SECOND, "s"),
        _ => (took / MINUTE, "min"),
    }
}

impl Progress {
    fn of(web: &Web, proof: &Proof) -> Self {
        let name = reference(web, &proof.logout.id);
        Self {
            href: format!("/logout/progress?logout={name}"),
            settled: proof.apps.iter().filter(|one| one.is_done()).count(),
            done: proof.is_done(),
            apps: proof.apps.iter().map(ShownApp::of).collect(),
        }
    }
}

/// A logout's name with our stamp under it: whoever holds it was there when it happened. It shows
/// names of apps and nothing else.
pub(super) fn reference(web: &Web, logout: &LogoutId) -> String {
    format!("{logout}.{}", web.app.secrets.stamp(PURPOSE, &[logout.as_str()]))
}

fn read_reference(web: &Web, text: &str) -> Option<LogoutId> {
    let (id, stamp) = text.split_once('.')?;
    web.app.secrets.is_stamp(stamp, PURPOSE, &[id]).then(|| id.into())
}

/// The list for a page that was told the name of a logout; `None` when it was not, or when no app
/// was concerned.
pub(super) async fn shown(web: &Web, reference: Option<&str>) -> Stored<Option<Progress>> {
    let Some(id) = reference.and_then(|text| read_reference(web, text)) else { return Ok(None) };
    let proof = prove_logout(&web.app, &id).await?.filter(|proof| !proof.apps.is_empty());
    Ok(proof.map(|proof| Progress::of(web, &proof)))
}

/// What a page asks that follows a logout.
#[derive(Debug, Deserialize)]
pub struct Asked {
    logout: String,
    /// How many apps were done when the page asked last.
    settled: usize,
}

/// `GET /logout/progress`: the list as a piece of the page, as soon as it has changed.
pub async fn follow(
    web: Data<Web>,
    asked: Query<Asked>,
    request: HttpRequest,
) -> Result<HttpResponse, PageError> {
    let asked = asked.0?;
    let id = read_reference(&web, &asked.logout).ok_or(PageError::NotFound)?;
    let changed = |proof: &Proof| Progress::of(&web, proof).settled != asked.settled;
    let proof = wait_for_change(&web.app, &id, WAIT, changed).await?.ok_or(PageError::NotFound)?;
    let locale = Locale::of(&request, web.view.default_locale);
    let page = ProgressPage { progress: Progress::of(&web, &proof) };
    let text = web.view.draw("progress.html", locale, &[], &page)?;
    Ok(HttpResponse::Ok().insert_header((CONTENT_TYPE, "text/html; charset=utf-8")).body(text))
}

/// What `progress.html` shows.
#[derive(Debug, Serialize)]
pub struct ProgressPage {
    /// The list.
    pub progress: Progress,
}
