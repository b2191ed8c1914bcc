//! `/admin/apps/{id}/doctor`: the logout doctor as a button. Nobody's session is ended, and the page
//! says of each listener how long it took to obey, or at which step it stopped and what to do.

use std::time::Duration;

use actix_web::{
    Error, HttpRequest, HttpResponse,
    web::{Data, Path},
};
use fluent_templates::fluent_bundle::FluentValue;
use serde::{Deserialize, Serialize};

use super::{
    super::{Page, error::PageError, progress::in_words},
    AdminState, Frame,
    apps::known,
};
use crate::{
    domain::{
        Millis, app::App as Client, confirmation::PUSH, events_url::EventsUrl, push_step::PushStep,
    },
    flows::doctor::{Asker, DoctorError, Examination, Finding, Verdict, examine},
    web::{
        Web,
        input::Form,
        locale::Locale,
        view::{DrawError, message},
    },
};

/// Longest wait: two attempts at an events URL, and far less than browsers wait for a page.
pub(in crate::web) const WITHIN: Duration = Duration::from_secs(10);

/// What `admin/doctor.html` shows.
#[derive(Debug, Serialize)]
pub struct DoctorPage {
    /// Around it.
    #[serde(flatten)]
    pub frame: Frame,
    /// The app's id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Whether it is shut off: nothing is accepted there anyway.
    pub disabled: bool,
    /// Longest wait, in seconds.
    pub within: u64,
    /// What was found, once somebody has asked.
    pub examined: Option<Examined>,
}

/// What was found.
#[derive(Debug, Serialize)]
pub struct Examined {
    /// Everybody who listens has obeyed, and somebody listens.
    pub healthy: bool,
    /// When the test was.
    pub at: i64,
    /// How long it took to write the end down, in words.
    pub written_in: String,
    /// Each listener, the events URL first.
    pub listeners: Vec<ExaminedListener>,
}

/// How one listener does.
#[derive(Debug, Serialize)]
pub struct ExaminedListener {
    /// An instance's name, or the origin of the events URL.
    pub name: String,
    /// Whether it is the events URL.
    pub pushed: bool,
    /// The version of the app that it says it is.
    pub version: Option<String>,
    /// It has obeyed.
    pub good: bool,
    /// From the end to the confirmation, or to the verdict, in words.
    pub took: String,
    /// What it went through: `(word, state)`, the state one of `good`, `bad`, `open`. The message is
    /// `doctor-step-{word}`.
    pub steps: Vec<(&'static str, &'static str)>,
    /// What went wrong, in the words of whoever noticed; for operators, in English.
    pub error: Option<String>,
    /// Of a silent instance: last heard of.
    pub last_contact_at: Option<i64>,
    /// What to do: the message is `doctor-do-{remedy}`.
    pub remedy: Option<&'static str>,
}

/// `GET /admin/apps/{id}/doctor`: the button alone; so a link to another language leads somewhere.
pub async fn show(
    web: Data<Web>,
    admin: AdminState,
    id: Path<String>,
    request: HttpRequest,
) -> Result<HttpResponse, PageError> {
    let client = known(&web, &id).await?;
    draw(&web, &admin, &request, &client, None)
}

/// What comes with the form.
#[derive(Debug, Deserialize)]
pub struct DoctorForm {
    csrf: Option<String>,
}

/// `POST /admin/apps/{id}/doctor`: examines, for ten seconds at most.
pub async fn submit(
    web: Data<Web>,
    admin: AdminState,
    id: Path<String>,
    form: Form<DoctorForm>,
    request: HttpRequest,
) -> Result<HttpResponse, Error> {
    let form = form.0.map_err(PageError::from)?;
    let client = known(&web, &id).await?;
    let back = format!("/admin/apps/{}/doctor", client.id);
    admin.act(&web, &request, form.csrf.as_deref(), &back)?;
    let (app, name) = (web.app.clone(), client.id.clone());
    let (by, address) = (admin.user.id.clone(), admin.address().to_owned());
    // Beside this request: whoever closes the page in the middle must not leave the app's stream
    // claimed by nobody, which would keep real logouts waiting until the claim runs out.
    let examination = tokio::spawn(async move {
        let asker = Asker { by: by.as_str(), address: Some(&address) };
        examine(&app, name.as_str(), WITHIN, asker).await
    });
    let examination = examination.await.map_err(|error| PageError::Internal(error.to_string()))?;
    let examined = match examination {
        Ok(examination) => Some(examined(&web, &request, &examination).map_err(PageError::from)?),
        // The page says so.
        Err(DoctorError::Disabled(_)) => None,
        Err(DoctorError::Unknown(_)) => return Err(PageError::NotFound.into()),
        Err(DoctorError::Store(error)) => return Err(PageError::from(error).into()),
    };
    Ok(draw(&web, &admin, &request, &client, examined)?)
}

fn draw(
    web: &Web,
    admin: &AdminState,
    request: &HttpRequest,
    client: &Client,
    examined: Option<Examined>,
) -> Result<HttpResponse, PageError> {
    let page = DoctorPage {
        frame: admin.frame(web, request, "apps", None),
        id: client.id.to_string(),
        name: client.name.clone(),
        disabled: client.disabled_at.is_some(),
        within: WITHIN.as_secs(),
        examined,
    };
    Ok(Page::draw(web, request, "admin/doctor.html", &page)?.finish())
}

fn examined(web: &Web, request: &HttpRequest, done: &Examination) -> Result<Examined, DrawError> {
    let locale = Locale::of(request, web.view.default_locale);
    let words = |took: Millis| {
        let (number, unit) = in_words(took);
        message(locale, unit, &[("n", FluentValue::from(number))])
    };
    let millis = |took: Duration| Millis::try_from(took.as_millis()).unwrap_or(Millis::MAX);
    let listeners = done.findings.iter().map(|finding| {
        let took = match finding.verdict {
            Verdict::Obeyed { after } => after,
            _ => millis(finding.found_after),
        };
        Ok(shown(finding, done, words(took)?))
    });
    Ok(Examined {
        healthy: done.is_healthy(),
        at: done.at,
        written_in: words(millis(done.written_in))?,
        listeners: listeners.collect::<Result<_, DrawError>>()?,
    })
}

fn shown(finding: &Finding, done: &Examination, took: String) -> ExaminedListener {
    let url = done.client.events_url.as_ref().filter(|_| finding.listener == PUSH);
    let (error, last_contact_at) = match &finding.verdict {
        Verdict::Obeyed { .. } => (None, None),
        Verdict::Silent { last_contact_at } => (None, Some(*last_contact_at)),
        Verdict::Failed { error, .. } => (Some(error.clone()), None),
    };
    ExaminedListener {
        name: url.map_or_else(|| finding.listener.clone(), EventsUrl::origin),
        pushed: finding.listener == PUSH,
        version: finding.version.clone(),
        good: matches!(finding.verdict, Verdict::Obeyed { .. }),
        took,
        steps: match url {
            Some(url) => pushed(&finding.verdict, url.as_str().starts_with("https:")),
            None => pulled(&finding.verdict, done.at),
        },
        error,
        last_contact_at,
        remedy: finding.verdict.remedy(),
    }
}

/// The steps of a push: good before the one that failed, open behind it. Without TLS there is no
/// such step.
fn pushed(verdict: &Verdict, encrypted: bool) -> Vec<(&'static str, &'static str)> {
    let failed = match verdict {
        Verdict::Obeyed { .. } => None,
        Verdict::Failed { problem, .. } => Some(PushStep::that_failed(problem)),
        // Another node is at the stream, and has not come to an end.
        Verdict::Silent { .. } => Some(PushStep::Answer),
    };
    let state = |step| match failed {
        Some(failed) if step == failed => "bad",
        Some(failed) if step > failed => "open",
        _ => "good",
    };
    let steps = PushStep::ALL.into_iter().filter(|step| encrypted || *step != PushStep::Secure);
    steps.map(|step| (step.word(), state(step))).collect()
}

/// Those of an instance that follows: it asks, and says that it knows.
fn pulled(verdict: &Verdict, at: Millis) -> Vec<(&'static str, &'static str)> {
    let (ask, obey) = match verdict {
        Verdict::Obeyed { .. } => ("good", "good"),
        Verdict::Silent { last_contact_at } if *last_contact_at < at => ("bad", "open"),
        Verdict::Silent { .. } | Verdict::Failed { .. } => ("good", "bad"),
    };
    vec![("ask", ask), ("obey", obey)]
}
