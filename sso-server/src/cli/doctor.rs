//! `app doctor`

use std::time::Duration;

use serde_json::{Value, json};

use super::{Refused, output};
use crate::{
    app::App,
    domain::{confirmation::PUSH, events_url::EventsUrl, seconds},
    flows::doctor::{self, Asker, Examination, Finding, Verdict},
};

pub(super) async fn examine(
    app: &App,
    id: &str,
    within: Duration,
    json: bool,
) -> Result<(), Refused> {
    let examination = doctor::examine(app, id, within, Asker::OPERATOR).await?;
    if json {
        output::json(&as_json(&examination));
    } else {
        for finding in &examination.findings {
            output::say(&line(&examination, finding));
        }
    }
    if examination.is_healthy() {
        return Ok(());
    }
    Err(Refused(if examination.findings.is_empty() {
        format!(
            "nothing of {id} listens for logouts: follow GET /api/v1/events, as the SDK does, or register an events URL by sso-server app set {id} --events-url URL"
        )
    } else {
        format!("{id} does not obey every logout")
    }))
}

fn name<'a>(examination: &'a Examination, finding: &'a Finding) -> (&'static str, &'a str) {
    match finding.listener.as_str() {
        PUSH => {
            let url = examination.client.events_url.as_ref();
            ("push", url.map_or(PUSH, EventsUrl::as_str))
        }
        instance => ("pull", instance),
    }
}

fn line(examination: &Examination, finding: &Finding) -> String {
    let (way, who) = name(examination, finding);
    let what = match &finding.verdict {
        Verdict::Obeyed { after } => format!("obeyed after {after} ms"),
        Verdict::Silent { last_contact_at } => {
            format!("has not answered; last heard of at {}", output::time(*last_contact_at))
        }
        Verdict::Failed { error, .. } => error.clone(),
    };
    let advice =
        finding.verdict.advice().map_or_else(String::new, |advice| format!("\n  {advice}"));
    format!("{way} {who}: {what}{advice}")
}

fn as_json(examination: &Examination) -> Value {
    let listeners: Vec<Value> = examination
        .findings
        .iter()
        .map(|finding| {
            let (way, who) = name(examination, finding);
            let mut shown = json!({
                "way": way, "listener": who, "version": finding.version,
                "obeyed_after_ms": null, "problem": null, "error": null, "status": null,
                "last_contact_at": null, "advice": finding.verdict.advice(),
            });
            match &finding.verdict {
                Verdict::Obeyed { after } => shown["obeyed_after_ms"] = (*after).into(),
                Verdict::Silent { last_contact_at } => {
                    shown["problem"] = "silent".into();
                    shown["last_contact_at"] = seconds(*last_contact_at).into();
                }
                Verdict::Failed { problem, error, status } => {
                    shown["problem"] = problem.as_str().into();
                    shown["error"] = error.as_str().into();
                    shown["status"] = (*status).into();
                }
            }
            shown
        })
        .collect();
    json!({
        "app": examination.client.id.as_str(), "name": examination.client.name,
        "healthy": examination.is_healthy(), "logout": examination.logout.as_str(),
        "listeners": listeners,
    })
}
