//! What an app knows of ended sessions, and how long it may rely on that. Pure: pages of events go
//! in, verdicts come out, time is an argument.

use std::{collections::HashMap, time::Duration};

use crate::{
    session::AppSession,
    settings::WhenStale,
    wire::{Cause, Event, EventKind, EventPage, Replacement, Seconds},
};

/// The beginning of every log: reading after it tells everything that is still worth knowing.
pub const BEGINNING: &str = "0";
/// An ended session is remembered this long when its event does not say how long it matters.
const REMEMBER: Seconds = 31 * 24 * 3600;

/// A moment by two clocks, because each misses something: the system's is set back now and then,
/// and one that is never set may stand still while the machine sleeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// Unix time, in seconds.
    pub unix: Seconds,
    /// Seconds of a clock that nobody sets, from wherever it began.
    pub steady: Seconds,
}

impl Moment {
    /// How long ago `earlier` was, at most: whoever is to stop trusting may do so too early, never
    /// too late.
    fn since(self, earlier: Self) -> Seconds {
        (self.unix - earlier.unix).abs().max(self.steady - earlier.steady)
    }
}

/// What is known. One per running copy of an app.
#[derive(Debug)]
pub struct Knowledge {
    cursor: String,
    /// Ended app sessions.
    ended: HashMap<Box<str>, Ending>,
    /// Sessions at Passport that the browser has told to be over, and until when that is kept.
    behind: HashMap<Box<str>, Seconds>,
    /// App sessions from up to then are over: Passport was restored from a backup.
    restored_at: Option<Seconds>,
    heard_at: Option<Moment>,
    lease: Seconds,
    /// What was promised to Passport with the last answer's question.
    patience: Seconds,
    caught_up: bool,
    max_staleness: Option<Seconds>,
    when_stale: WhenStale,
    closed: bool,
}

/// What is known of an ended app session.
#[derive(Debug)]
struct Ending {
    /// When it would have been over anyway.
    until: Seconds,
    cause: Option<Cause>,
    replaced_by: Option<Box<Replacement>>,
}

/// What to ask Passport next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// For events after this.
    pub after: String,
    /// Waiting for so long.
    pub wait: Seconds,
    /// The promise: without an answer this app refuses its sessions so long after the last one.
    /// `None` when it goes on whatever happens.
    pub max_staleness: Option<Seconds>,
}

/// Whether an app session holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It holds.
    Valid,
    /// Its time is up.
    Expired,
    /// Passport ended it.
    Ended(Option<Cause>),
    /// Nobody knows: this app has not heard from Passport for too long, or not yet.
    Unknown,
}

impl Knowledge {
    /// Nothing known yet.
    pub fn new(max_staleness: Option<Duration>, when_stale: WhenStale) -> Self {
        Self {
            cursor: BEGINNING.to_owned(),
            ended: HashMap::new(),
            behind: HashMap::new(),
            restored_at: None,
            heard_at: None,
            lease: 60,
            patience: 0,
            caught_up: false,
            max_staleness: max_staleness
                .map(|time| Seconds::try_from(time.as_secs()).unwrap_or(Seconds::MAX)),
            when_stale,
            closed: false,
        }
    }

    /// This copy of the app stops: from here on it accepts nobody, whatever the policy.
    pub fn close(&mut self) {
        self.closed = true;
    }

    /// Whether it has stopped.
    pub fn is_closed(&self) -> bool {
        self.closed
    }

    /// What to ask next. While catching up there is nothing to wait for.
    pub fn question(&self) -> Question {
        let patience = self.max_staleness.unwrap_or(self.lease);
        let refuses = self.when_stale == WhenStale::Refuse;
        Question {
            after: self.cursor.clone(),
            // So that it is heard well within the lease.
            wait: if self.caught_up { (patience.min(self.lease) / 3).clamp(1, 25) } else { 0 },
            max_staleness: refuses.then_some(patience),
        }
    }

    /// Whether the log has been read to its end since the start.
    pub fn is_caught_up(&self) -> bool {
        self.caught_up
    }

    /// Takes in the answer to `asked`, which arrived at `now`. Applying an event twice changes
    /// nothing.
    pub fn apply(&mut self, asked: &Question, page: &EventPage, now: Moment) {
        for event in &page.events {
            self.apply_event(event, now.unix);
        }
        self.cursor.clone_from(&page.cursor);
        self.lease = page.lease_seconds;
        // Only what Passport was told counts: it reckons by that until when this app may accept.
        self.patience = asked.max_staleness.unwrap_or(Seconds::MAX);
        self.heard_at = Some(now);
        // Pages come full until the end of the log is reached.
        self.caught_up |= page.events.is_empty();
    }

    /// Takes in one event that came by itself: pushed. It moves no cursor, and it prolongs no trust:
    /// what came before it may not have come. It is about one app session, so however late it
    /// comes it does not end a newer one of the same person (SECURITY-CASES B-08).
    pub fn apply_event(&mut self, event: &Event, now: Seconds) {
        if event.kind == EventKind::LogRestored {
            self.restored_at = self.restored_at.max(Some(event.at));
        }
        if event.kind != EventKind::SessionEnded {
            return;
        }
        if let Some(id) = &event.app_session {
            let until = event.expires_at.unwrap_or(event.at + REMEMBER);
            if until > now {
                let replaced_by = event.replaced_by.clone().map(Box::new);
                let ending = Ending { until, cause: event.cause, replaced_by };
                self.ended.insert(id.as_str().into(), ending);
            }
        }
    }

    /// Starts over, because Passport does not know our cursor (a restored database).
    pub fn begin_again(&mut self) {
        self.cursor = BEGINNING.to_owned();
        self.caught_up = false;
    }

    /// Forgets ended sessions that would be over by now anyway.
    pub fn forget_expired(&mut self, now: Seconds) {
        self.ended.retain(|_, ending| ending.until > now);
        self.behind.retain(|_, until| *until > now);
    }

    /// Ends a session at once, before the event comes back to us.
    pub fn end(&mut self, session: &AppSession, cause: Cause) {
        let ending = Ending { until: session.expires_at, cause: Some(cause), replaced_by: None };
        self.ended.insert(session.id.as_str().into(), ending);
    }

    /// Ends all that rests on a session at Passport, because Passport has said in the browser that it is
    /// over. It moves no cursor, and it prolongs no trust.
    pub fn end_behind(&mut self, session: &str, now: Seconds) {
        self.behind.insert(session.into(), now + REMEMBER);
    }

    /// The login that took a session's place, if that is how it ended.
    pub fn replacement(&self, session: &AppSession) -> Option<&Replacement> {
        self.ended.get(session.id.as_str()).and_then(|ending| ending.replaced_by.as_deref())
    }

    /// Whether a session holds at `now`.
    pub fn judge(&self, session: &AppSession, now: Moment) -> Verdict {
        if now.unix >= session.expires_at {
            return Verdict::Expired;
        }
        if let Some(ending) = self.ended.get(session.id.as_str()) {
            return Verdict::Ended(ending.cause);
        }
        if self.behind.contains_key(session.session.as_str()) {
            return Verdict::Ended(Some(Cause::User));
        }
        if self.restored_at.is_some_and(|restored_at| session.since <= restored_at) {
            return Verdict::Ended(Some(Cause::Restored));
        }
        if self.is_stale(now) { Verdict::Unknown } else { Verdict::Valid }
    }

    /// Whether so much time has passed unheard that a logout may have been missed. Before the first
    /// catch-up nothing is known at all, whatever the policy.
    pub fn is_stale(&self, now: Moment) -> bool {
        if !self.caught_up || self.closed {
            return true;
        }
        let refuses = self.when_stale == WhenStale::Refuse;
        refuses && self.heard_at.is_none_or(|heard| now.since(heard) >= self.patience)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::User;

    fn session(id: &str) -> AppSession {
        AppSession {
            id: id.into(),
            session: "s".into(),
            user: User::default(),
            auth_time: 0,
            amr: vec![],
            since: 0,
            expires_at: 1_000,
        }
    }

    fn page(events: &[(&str, Seconds)], cursor: &str) -> EventPage {
        let events = events
            .iter()
            .map(|(id, until)| Event {
                id: format!("e-{id}"),
                cursor: cursor.into(),
                kind: EventKind::SessionEnded,
                app_session: Some((*id).into()),
                session: None,
                user: "u".into(),
                cause: Some(Cause::Admin),
                at: 0,
                expires_at: Some(*until),
                replaced_by: None,
            })
            .collect();
        EventPage { events, cursor: cursor.into(), lease_seconds: 60 }
    }

    fn at(seconds: Seconds) -> Moment {
        Moment { unix: seconds, steady: seconds }
    }

    fn knowledge(when_stale: WhenStale) -> Knowledge {
        let mut knowledge = Knowledge::new(None, when_stale);
        knowledge.apply(&knowledge.question(), &page(&[], "0"), at(0));
        knowledge
    }

    #[test]
    fn nothing_is_accepted_before_the_log_was_read() {
        let mut knowledge = Knowledge::new(None, WhenStale::Continue);
        assert_eq!(knowledge.judge(&session("a"), at(1)), Verdict::Unknown);
        knowledge.apply(&knowledge.question(), &page(&[("b", 900)], "1"), at(1));
        assert_eq!(knowledge.judge(&session("a"), at(1)), Verdict::Unknown, "there may be more");
        knowledge.apply(&knowledge.question(), &page(&[], "1"), at(1));
        assert_eq!(knowledge.judge(&session("a"), at(1)), Verdict::Valid);
        assert_eq!(knowledge.judge(&session("b"), at(1)), Verdict::Ended(Some(Cause::Admin)));
    }

    #[test]
    fn an_end_is_for_one_session_and_for_ever() {
        let mut knowledge = knowledge(WhenStale::Refuse);
        knowledge.apply(&knowledge.question(), &page(&[("a", 1_000)], "1"), at(10));
        knowledge.apply(&knowledge.question(), &page(&[("a", 1_000)], "1"), at(20));
        assert_eq!(knowledge.judge(&session("a"), at(20)), Verdict::Ended(Some(Cause::Admin)));
        assert_eq!(knowledge.judge(&session("b"), at(20)), Verdict::Valid);
        knowledge.forget_expired(999);
        assert_eq!(knowledge.judge(&session("a"), at(999)), Verdict::Ended(Some(Cause::Admin)));
        knowledge.forget_expired(1_000);
        assert_eq!(
            knowledge.judge(&session("a"), at(1_000)),
            Verdict::Expired,
            "forgotten, yet over"
        );
    }

    // What Passport was not told is not relied on: a longer lease counts from the next question on.
    #[test]
    fn trust_lasts_as_long_as_was_promised() {
        let mut knowledge = Knowledge::new(None, WhenStale::Refuse);
        let first = knowledge.question();
        assert_eq!(first.max_staleness, Some(60));
        let generous = EventPage { lease_seconds: 600, ..page(&[], "0") };
        knowledge.apply(&first, &generous, at(0));
        assert_eq!(knowledge.judge(&session("a"), at(60)), Verdict::Unknown);
        let second = knowledge.question();
        assert_eq!(second.max_staleness, Some(600));
        knowledge.apply(&second, &generous, at(60));
        assert_eq!(knowledge.judge(&session("a"), at(659)), Verdict::Valid);
        let going_on = Knowledge::new(None, WhenStale::Continue);
        assert_eq!(going_on.question().max_staleness, None, "no promise");
    }

    #[test]
    fn what_is_pushed_ends_and_nothing_more() {
        let mut knowledge = knowledge(WhenStale::Refuse);
        let before = knowledge.question();
        let pushed = &page(&[("a", 1_000)], "7").events[0];
        knowledge.apply_event(pushed, 50);
        knowledge.apply_event(pushed, 50);
        assert_eq!(knowledge.judge(&session("a"), at(50)), Verdict::Ended(Some(Cause::Admin)));
        assert_eq!(knowledge.judge(&session("b"), at(50)), Verdict::Valid);
        assert_eq!(knowledge.question(), before, "the cursor is where it was");
        assert_eq!(
            knowledge.judge(&session("b"), at(60)),
            Verdict::Unknown,
            "no longer trusted for it"
        );
        let other = Event { kind: EventKind::UserUpdated, ..pushed.clone() };
        knowledge.apply_event(&Event { app_session: Some("b".into()), ..other }, 51);
        assert_eq!(knowledge.judge(&session("b"), at(51)), Verdict::Valid);
    }

    // Also sessions that Passport has forgotten with what came after the backup (SECURITY-CASES Q-15).
    #[test]
    fn a_restore_ends_whatever_began_before_it() {
        let mut knowledge = knowledge(WhenStale::Refuse);
        let began = |since| AppSession { since, ..session("a") };
        assert_eq!(knowledge.judge(&began(0), at(51)), Verdict::Valid);
        let ended = page(&[("b", 1_000)], "7").events.remove(0);
        let restored = Event { kind: EventKind::LogRestored, app_session: None, at: 50, ..ended };
        knowledge.apply_event(&restored, 51);
        knowledge.apply_event(&Event { at: 40, ..restored }, 51);
        let over = Verdict::Ended(Some(Cause::Restored));
        assert_eq!(
            (knowledge.judge(&began(0), at(51)), knowledge.judge(&began(50), at(51))),
            (over, over)
        );
        assert_eq!(knowledge.judge(&began(51), at(51)), Verdict::Valid);
        knowledge.begin_again();
        knowledge.forget_expired(10_000);
        assert_eq!(knowledge.judge(&began(50), at(51)), over, "for ever");
    }

    #[test]
    fn silence_ends_trust_to_the_second() {
        let refusing = knowledge(WhenStale::Refuse);
        assert_eq!(refusing.judge(&session("a"), at(59)), Verdict::Valid);
        assert_eq!(refusing.judge(&session("a"), at(60)), Verdict::Unknown);
        let going_on = knowledge(WhenStale::Continue);
        // SECURITY-CASES W-11: a clock that was set back a little does not make trust last longer,
        // nor does one that stood still.
        let set_back = Moment { unix: 30, steady: 60 };
        assert_eq!(refusing.judge(&session("a"), set_back), Verdict::Unknown);
        let slept = Moment { unix: 60, steady: 1 };
        assert_eq!(refusing.judge(&session("a"), slept), Verdict::Unknown);
        let both = Moment { unix: 30, steady: 59 };
        assert_eq!(refusing.judge(&session("a"), both), Verdict::Valid);
        assert_eq!(going_on.judge(&session("a"), at(600)), Verdict::Valid);
        let mut strict = Knowledge::new(Some(Duration::from_secs(5)), WhenStale::Refuse);
        strict.apply(&strict.question(), &page(&[], "0"), at(0));
        assert_eq!(strict.judge(&session("a"), at(5)), Verdict::Unknown);
        assert!(strict.question().wait < 5, "asks often enough to keep its trust");
    }
}
