//! How far an app has confirmed a logout (DESIGN 4.6).
//!
//! An app is *confirmed* when each of its listeners has acknowledged the last entry of its log that
//! belongs to the logout, or refuses its sessions by itself because it was not heard of for as long
//! as it promised to. Until then it is *waiting*; and once every app session concerned would have
//! run out anyway, it is *over*.

use super::{Millis, app::AppId};

/// An app instance that has not promised to refuse by itself.
pub const NEVER: Millis = Millis::MAX;

/// The name under which the app's `events_url` is listed among its instances. An instance cannot
/// call itself so.
pub const PUSH: &str = "@push";

/// Whoever reads an app's log: a running copy of the app, or its `events_url`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listener {
    /// The name it gives itself, or [`PUSH`].
    pub instance: String,
    /// The version of the app that it says it is.
    pub version: Option<String>,
    /// The last number it has acknowledged.
    pub acknowledged: i64,
    /// Last heard of.
    pub last_contact_at: Millis,
    /// It refuses by itself from here on; [`NEVER`] if it has not promised to.
    pub trusted_until: Millis,
    /// It said good-bye.
    pub left_at: Option<Millis>,
}

/// What one app has to confirm of one logout.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Confirmation {
    /// The app.
    pub app: AppId,
    /// Its sessions that the logout ended.
    pub app_sessions: i64,
    /// The last entry of its log that belongs to it.
    pub last_seq: i64,
    /// Ended at.
    pub at: Millis,
    /// By then they would have been over by themselves.
    pub over_at: Millis,
    /// When it was written down that everybody had acknowledged.
    pub confirmed_at: Option<Millis>,
}

/// How far it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// No listener of the app accepts these sessions any more.
    Confirmed {
        /// Since then.
        at: Millis,
    },
    /// Somebody has not answered yet.
    Waiting {
        /// Who. Empty when the app has no listener at all: it learns of nothing until it asks.
        listeners: Vec<Listener>,
        /// At the latest by then the app refuses, whatever happens.
        until: Millis,
    },
    /// The sessions have run out.
    Over {
        /// Since then.
        at: Millis,
    },
}

impl Listener {
    /// Whether it may still accept what the log up to `seq` has ended.
    pub fn may_accept(&self, seq: i64, now: Millis) -> bool {
        self.left_at.is_none() && self.acknowledged < seq && self.trusted_until > now
    }
}

impl Confirmation {
    /// How far it is at `now`. The statement in `store::confirmations` that writes `confirmed_at`
    /// is this rule once more; a test holds them to each other.
    pub fn standing(&self, listeners: &[Listener], now: Millis) -> Standing {
        if let Some(at) = self.confirmed_at {
            return Standing::Confirmed { at };
        }
        if now >= self.over_at {
            return Standing::Over { at: self.over_at };
        }
        let waiting: Vec<Listener> = listeners
            .iter()
            .filter(|listener| listener.may_accept(self.last_seq, now))
            .cloned()
            .collect();
        if waiting.is_empty() && !listeners.is_empty() {
            return Standing::Confirmed { at: now };
        }
        let latest = waiting.iter().map(|listener| listener.trusted_until).max();
        let until = latest.unwrap_or(NEVER).min(self.over_at);
        Standing::Waiting { listeners: waiting, until }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listener(acknowledged: i64, trusted_until: Millis) -> Listener {
        Listener {
            instance: format!("i{acknowledged}"),
            version: None,
            acknowledged,
            last_contact_at: 0,
            trusted_until,
            left_at: None,
        }
    }

    fn confirmation() -> Confirmation {
        let app = AppId::parse("aw").unwrap();
        Confirmation {
            app,
            app_sessions: 1,
            last_seq: 5,
            at: 0,
            over_at: 1_000,
            confirmed_at: None,
        }
    }

    #[test]
    fn everybody_has_to_answer_or_to_refuse_by_itself() {
        let one = confirmation();
        let (done, slow) = (listener(5, NEVER), listener(4, 300));
        let both = [done.clone(), slow.clone()];
        let waiting = Standing::Waiting { listeners: vec![slow], until: 300 };
        assert_eq!(one.standing(&both, 299), waiting, "until it refuses by itself");
        assert_eq!(one.standing(&both, 300), Standing::Confirmed { at: 300 });
        assert_eq!(one.standing(&[done], 10), Standing::Confirmed { at: 10 });
    }

    #[test]
    fn who_has_promised_nothing_is_waited_for_until_the_sessions_run_out() {
        let one = confirmation();
        let silent = listener(0, NEVER);
        let waiting = Standing::Waiting { listeners: vec![silent.clone()], until: 1_000 };
        assert_eq!(one.standing(std::slice::from_ref(&silent), 999), waiting);
        assert_eq!(
            one.standing(std::slice::from_ref(&silent), 1_000),
            Standing::Over { at: 1_000 }
        );
        let left = Listener { left_at: Some(1), ..silent };
        assert_eq!(one.standing(&[left], 2), Standing::Confirmed { at: 2 });
    }

    #[test]
    fn an_app_that_never_listens_confirms_nothing() {
        let waiting = Standing::Waiting { listeners: Vec::new(), until: 1_000 };
        assert_eq!(confirmation().standing(&[], 999), waiting);
    }
}
