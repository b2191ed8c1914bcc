//! The logout doctor: how fast does this app obey, and what is wrong if it does not?
//!
//! It ends a session that never was. Nothing is written but what an end leaves behind: an entry in
//! the app's log about an app session of a made-up name, a logout, and the question whether the app
//! has confirmed. No user, session or app session has these names, so nobody can enter by them, no
//! list shows them and no figure counts them; the entry says so by naming no session at Passport.
//! The app treats it like any other: it remembers that an app session it has never heard of is
//! over, and answers.

use std::time::Duration;

use client_sdk::wire::{Cause, EventKind};
use tokio::time::{Instant, timeout_at};

use super::push::{Turn, send_all};
use crate::{
    app::App,
    domain::{
        MINUTE, Millis,
        app::{App as Client, AppId},
        audit::{Act, Entry},
        confirmation::{Confirmation, Listener, PUSH},
        id::{LogoutId, UserId, fresh_text},
        push_step::remedy,
    },
    store::{
        StoreError, Stored, Topic, app_instances, audit, confirmations,
        events::{self, NewEvent},
        logouts::{self, NewLogout, TEST},
        push_streams,
    },
};

/// How soon an answer is noticed that nobody wakes us for.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// Longest examination.
pub const LONGEST: Duration = Duration::from_secs(300);

/// Who examines, and from where: for the audit log.
#[derive(Clone, Copy, Debug)]
pub struct Asker<'a> {
    /// An admin's user id, or `operator`.
    pub by: &'a str,
    /// `None` at the command line.
    pub address: Option<&'a str>,
}

impl Asker<'static> {
    /// Whoever has the command line.
    pub const OPERATOR: Self = Self { by: "operator", address: None };
}

/// What was found.
#[derive(Clone, Debug)]
pub struct Examination {
    /// The app.
    pub client: Client,
    /// The test's own logout.
    pub logout: LogoutId,
    /// When nobody's session was ended.
    pub at: Millis,
    /// How long it took to write that down.
    pub written_in: Duration,
    /// Each listener, the events URL first.
    pub findings: Vec<Finding>,
}

/// How one listener does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The instance, or [`PUSH`].
    pub listener: String,
    /// The version of the app that it says it is.
    pub version: Option<String>,
    /// How it does.
    pub verdict: Verdict,
    /// How long after the end was written down that was known.
    pub found_after: Duration,
}

/// How a listener does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It has confirmed.
    Obeyed {
        /// So long after the end was committed.
        after: Millis,
    },
    /// It has not answered in time.
    Silent {
        /// Last heard of.
        last_contact_at: Millis,
    },
    /// It could not be told.
    Failed {
        /// A stable word, as in `domain::push::Trouble`.
        problem: String,
        /// A sentence.
        error: String,
        /// What it answered.
        status: Option<i64>,
    },
}

impl Examination {
    /// Whether somebody listens, and everybody who listens has obeyed.
    pub fn is_healthy(&self) -> bool {
        let obeyed = |finding: &Finding| matches!(finding.verdict, Verdict::Obeyed { .. });
        !self.findings.is_empty() && self.findings.iter().all(obeyed)
    }
}

impl Verdict {
    /// What to do about it, as a stable word.
    pub fn remedy(&self) -> Option<&'static str> {
        match self {
            Self::Obeyed { .. } => None,
            Self::Silent { .. } => Some("silent"),
            Self::Failed { problem, status, .. } => Some(remedy(problem, *status)),
        }
    }

    /// What to do about it, for operators.
    pub fn advice(&self) -> Option<&'static str> {
        Some(match self.remedy()? {
            "silent" => {
                "Is this copy of the app still running, and can it reach Passport? One that has stopped for good is forgotten after a week."
            }
            "dns" => {
                "Is the host of the events URL spelt right, and does this machine's DNS know it?"
            }
            "address" => {
                "If the app really is in this network, list it in outgoing.allow_networks."
            }
            "connect" => "Does the app run, and does a firewall let Passport through to it?",
            "certificate" => {
                "Renew the certificate of the events URL's host, or install its chain."
            }
            "tls" => "Does this port speak HTTPS, with TLS 1.2 or later?",
            "timeout" => {
                "The app has to answer within 5 seconds: let it note the event, answer, and work afterwards."
            }
            "redirect" => {
                "Register the URL that answers, by sso-server app set ID --events-url URL."
            }
            "signature" => {
                "The app does not believe the signature: does it hold the present events secret, and is its clock right? sso-server app rotate-events-secret ID makes a new one."
            }
            "path" => "Nothing takes events at this path: is the events URL right?",
            "busy" => "The app is too busy to take events.",
            "secret" => "The master key was replaced: restart this server.",
            "setup" => "Install the system's root certificates.",
            _ => "The app's own log may say why.",
        })
    }
}

/// Why nothing can be examined.
#[derive(Debug, thiserror::Error)]
pub enum DoctorError {
    /// No such app.
    #[error("no app is called {0}")]
    Unknown(String),
    /// Nothing at it is accepted anyway.
    #[error("{0} is disabled: enable it first")]
    Disabled(AppId),
    /// The database is out of reach.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Examines an app for `within` at most. What fails at once is not waited for.
pub async fn examine(
    app: &App,
    id: &str,
    within: Duration,
    asker: Asker<'_>,
) -> Result<Examination, DoctorError> {
    let client = AppId::parse(id).map_err(|_| DoctorError::Unknown(id.to_owned()))?;
    let client = app.db.apps().await?.get(&client).cloned();
    let client = client.ok_or_else(|| DoctorError::Unknown(id.to_owned()))?;
    if client.disabled_at.is_some() {
        return Err(DoctorError::Disabled(client.id.clone()));
    }
    let within = within.min(LONGEST);
    let begun = Instant::now();
    let deadline = begun + within;
    let test = end_nobody(app, &client.id, within, asker).await?;
    let (push, pull) =
        tokio::try_join!(push(app, &client, &test, deadline), pull(app, &client, &test, deadline))?;
    let findings = push.into_iter().chain(pull).collect();
    Ok(Examination {
        client: (*client).clone(),
        logout: test.logout,
        at: test.at,
        written_in: test.committed - begun,
        findings,
    })
}

/// The end of nobody's session.
struct Test {
    logout: LogoutId,
    seq: i64,
    at: Millis,
    committed: Instant,
    /// Attempts in a row that had failed before.
    failures: i64,
}

async fn end_nobody(app: &App, client: &AppId, within: Duration, asker: Asker<'_>) -> Stored<Test> {
    let now = app.clock.now();
    // A little longer than anybody waits; then nobody tries to deliver it any more.
    let over_at = now + i64::try_from(within.as_millis()).unwrap_or(MINUTE) + MINUTE;
    let logout = LogoutId::fresh(now, &app.random);
    let mut tx = app.db.write().await?;
    push_streams::hurry(&mut tx, client, now).await?;
    let state = push_streams::find(&mut tx, client).await?;
    let new = NewLogout {
        id: &logout,
        at: now,
        cause: Cause::Admin,
        actor: TEST,
        reason: None,
        user: None,
    };
    logouts::insert(&mut tx, new, 0, 0).await?;
    let event = NewEvent {
        id: fresh_text(now, &app.random),
        kind: EventKind::SessionEnded,
        app_session: Some(fresh_text(now, &app.random).into()),
        session: None,
        user: UserId::fresh(now, &app.random),
        cause: Some(Cause::Admin),
        expires_at: Some(over_at),
        detail: None,
    };
    let seq = events::append(&mut tx, client, &[event], now).await?;
    let asked = Confirmation {
        app: client.clone(),
        app_sessions: 0,
        last_seq: seq,
        at: now,
        over_at,
        confirmed_at: None,
    };
    confirmations::add(&mut tx, &logout, &asked).await?;
    let mut entry = Entry::new(now, Act::AppExamined)
        .app(client)
        .fact("by", asker.by)
        .fact("logout", logout.as_str());
    entry.address = asker.address.map(str::to_owned);
    audit::append(&mut tx, &[entry], &app.random).await?;
    tx.commit().await?;
    let failures = state.and_then(|state| state.trouble).map_or(0, |trouble| trouble.failures);
    Ok(Test { logout, seq, at: now, committed: Instant::now(), failures })
}

/// By push. We take a turn at the stream ourselves, like any node, so that this works without a
/// running server, too.
async fn push(
    app: &App,
    client: &Client,
    test: &Test,
    deadline: Instant,
) -> Stored<Option<Finding>> {
    if client.events_url.is_none() {
        return Ok(None);
    }
    let found = |verdict| {
        let found_after = test.committed.elapsed();
        Some(Finding { listener: PUSH.to_owned(), version: None, verdict, found_after })
    };
    let node = fresh_text(app.clock.now(), &app.random);
    loop {
        if let Turn::Failed(problem) = send_all(app, &node, &client.id, Some(deadline)).await? {
            return Ok(found(Verdict::Failed {
                problem: problem.word().to_owned(),
                error: problem.to_string(),
                status: problem.status().map(i64::from),
            }));
        }
        let mut connection = app.db.read().await?;
        let Some(listener) = app_instances::find(&mut connection, &client.id, PUSH).await? else {
            return Ok(None);
        };
        if listener.acknowledged >= test.seq {
            return Ok(found(obeyed(&listener, test)));
        }
        // Another node had the turn; has it failed?
        let state = push_streams::find(&mut connection, &client.id).await?;
        drop(connection);
        if let Some(trouble) = state.and_then(|state| state.trouble)
            && trouble.failures > test.failures
        {
            let (problem, error, status) = (trouble.problem, trouble.error, trouble.status);
            return Ok(found(Verdict::Failed { problem, error, status }));
        }
        if Instant::now() >= deadline {
            let last_contact_at = listener.last_contact_at;
            return Ok(found(Verdict::Silent { last_contact_at }));
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// By pull: whoever may still accept sessions has to answer.
async fn pull(app: &App, client: &Client, test: &Test, deadline: Instant) -> Stored<Vec<Finding>> {
    let mut waiter = app.db.waiter(Topic::Confirmations);
    loop {
        let now = app.clock.now();
        let listeners = app_instances::of_app(&mut *app.db.read().await?, &client.id).await?;
        let mut listeners: Vec<Listener> = listeners
            .into_iter()
            .filter(|one| one.instance != PUSH)
            .filter(|one| one.acknowledged >= test.seq || one.may_accept(test.seq, now))
            .collect();
        let open = listeners.iter().any(|one| one.acknowledged < test.seq);
        if !open || Instant::now() >= deadline || waiter.is_closed() {
            listeners.sort_by(|one, other| one.instance.cmp(&other.instance));
            let finding = |one: Listener| {
                let verdict = if one.acknowledged >= test.seq {
                    obeyed(&one, test)
                } else {
                    Verdict::Silent { last_contact_at: one.last_contact_at }
                };
                let found_after = test.committed.elapsed();
                Finding { listener: one.instance, version: one.version, verdict, found_after }
            };
            return Ok(listeners.into_iter().map(finding).collect());
        }
        let _ = timeout_at(deadline.min(Instant::now() + LOOK_EVERY), waiter.news()).await;
    }
}

fn obeyed(listener: &Listener, test: &Test) -> Verdict {
    Verdict::Obeyed { after: (listener.last_contact_at - test.at).max(0) }
}
