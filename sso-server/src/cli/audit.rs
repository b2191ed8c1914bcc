//! `audit …`

use clap::Subcommand;
use serde_json::json;

use super::{Refused, output};
use crate::{
    app::App,
    domain::Millis,
    flows::{audit_log, users},
    store::audit::{self, Filter},
    web::api::admin::audit::LineJson,
};

/// Lines that are read together.
const PAGE: i64 = 1_000;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// List lines, latest first
    List {
        /// Of this kind only, such as session.ended
        #[arg(long)]
        kind: Option<String>,
        /// About this person only
        #[arg(long, value_name = "NAME")]
        user: Option<String>,
        /// About this app only
        #[arg(long, value_name = "ID")]
        app: Option<String>,
        /// Not older than this moment (2026-11-22T12:00:00Z) or length of time (2h)
        #[arg(long, value_name = "WHEN")]
        since: Option<String>,
        /// At most so many
        #[arg(long, default_value_t = 1_000)]
        limit: i64,
        /// Print JSON, an object a line
        #[arg(long)]
        json: bool,
    },
    /// Look at every link of the chain, and name the first that does not hold
    Verify {
        /// A link that was kept elsewhere, NUMBER:LINK, which the chain must contain: the only way to
        /// see that the log was put back to an older state, or that all its links were removed
        #[arg(long, value_name = "NUMBER:LINK", value_parser = kept)]
        expect: Option<(i64, String)>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

fn kept(text: &str) -> Result<(i64, String), &'static str> {
    let parts = text.split_once(':').and_then(|(seq, link)| Some((seq.parse().ok()?, link)));
    parts.map(|(seq, link)| (seq, link.to_owned())).ok_or("NUMBER:LINK is needed")
}

fn moment(text: &str, now: Millis) -> Result<Millis, Refused> {
    if let Ok(age) = humantime::parse_duration(text) {
        return Ok(now.saturating_sub(i64::try_from(age.as_millis()).unwrap_or(i64::MAX)));
    }
    let at: Result<jiff::Timestamp, _> = text.parse();
    at.map(|at| at.as_millisecond())
        .map_err(|_| Refused(format!("--since: `{text}` is neither a moment nor a length of time")))
}

pub(super) async fn run(app: &App, command: Command) -> Result<(), Refused> {
    match command {
        Command::List { kind, user, app: at, since, limit, json } => {
            let user = match user {
                Some(name) => Some(users::named(app, &name).await?.id.into()),
                None => None,
            };
            let since = since.map(|text| moment(&text, app.clock.now())).transpose()?;
            let mut filter = Filter { kind, user, app: at, since, ..Filter::default() };
            let mut left = limit.max(0);
            while left > 0 {
                let lines =
                    audit::page(&mut *app.db.read().await?, &filter, left.min(PAGE)).await?;
                let Some(last) = lines.last() else { break };
                filter.before = Some(last.id.clone());
                left -= i64::try_from(lines.len()).unwrap_or(left);
                for line in lines {
                    if json {
                        let line = LineJson::from(line);
                        output::say(&serde_json::to_string(&line).unwrap_or_default());
                    } else {
                        let whom = [line.user, line.app].into_iter().flatten();
                        let whom: Vec<String> = whom.collect();
                        output::say(&format!(
                            "{}  {:<18} {} {}",
                            output::time(line.at),
                            line.kind,
                            whom.join(" "),
                            line.detail
                        ));
                    }
                }
            }
        }
        Command::Verify { expect, json } => {
            let verified = audit_log::verify(app, expect).await?;
            let (seq, link) = &verified.last;
            if json {
                output::json(&json!({
                    "good": verified.good, "last": format!("{seq}:{link}"),
                    "unsealed": verified.unsealed,
                    "broken": verified.broken.as_ref().map(ToString::to_string),
                }));
            } else {
                output::say(&format!(
                    "{} lines hold; {} are not sealed yet. The last link, to be kept elsewhere:\n  {seq}:{link}",
                    verified.good, verified.unsealed
                ));
            }
            if let Some(broken) = verified.broken {
                return Err(Refused(format!("the audit log was changed: {broken}")));
            }
        }
    }
    Ok(())
}
