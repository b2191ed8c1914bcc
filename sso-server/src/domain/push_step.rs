//! What a push goes through, step by step, where it stopped, and what to do about it.

/// The steps of a push, in their order: each needs the ones before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum PushStep {
    /// The event is signed, and this machine can send.
    Prepare,
    /// The name of the host is known.
    Resolve,
    /// Requests may go to its address.
    Permit,
    /// Somebody takes the connection.
    Connect,
    /// TLS stands, with a certificate that is valid. Not over plain HTTP.
    Secure,
    /// There is an answer in time.
    Answer,
    /// The answer is that the event is taken: 2xx.
    Accept,
}

impl PushStep {
    /// All of them, in order.
    pub const ALL: [Self; 7] = [
        Self::Prepare,
        Self::Resolve,
        Self::Permit,
        Self::Connect,
        Self::Secure,
        Self::Answer,
        Self::Accept,
    ];

    /// A stable word.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Prepare => "prepare",
            Self::Resolve => "resolve",
            Self::Permit => "permit",
            Self::Connect => "connect",
            Self::Secure => "secure",
            Self::Answer => "answer",
            Self::Accept => "accept",
        }
    }

    /// Where a push stopped: by the word of its problem (`domain::push::Trouble`).
    pub fn that_failed(problem: &str) -> Self {
        match problem {
            "secret" | "setup" => Self::Prepare,
            "dns" => Self::Resolve,
            "address" => Self::Permit,
            "connect" => Self::Connect,
            "certificate" | "tls" => Self::Secure,
            "timeout" | "broken" => Self::Answer,
            _ => Self::Accept,
        }
    }
}

/// What to do about a problem, as a stable word: the problem's own, and for the statuses that say
/// more than "no" one of `signature`, `path`, `busy`.
pub fn remedy(problem: &str, status: Option<i64>) -> &'static str {
    match (problem, status) {
        ("dns", _) => "dns",
        ("address", _) => "address",
        ("connect", _) => "connect",
        ("certificate", _) => "certificate",
        ("tls", _) => "tls",
        ("timeout", _) => "timeout",
        ("redirect", _) => "redirect",
        ("status", Some(400 | 401 | 403)) => "signature",
        ("status", Some(404 | 405 | 410 | 415)) => "path",
        ("status", Some(429 | 503)) => "busy",
        ("secret", _) => "secret",
        ("setup", _) => "setup",
        _ => "status",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_problem_stops_at_one_step_and_has_a_remedy() {
        for (problem, status, step, wanted) in [
            ("setup", None, PushStep::Prepare, "setup"),
            ("secret", None, PushStep::Prepare, "secret"),
            ("dns", None, PushStep::Resolve, "dns"),
            ("address", None, PushStep::Permit, "address"),
            ("connect", None, PushStep::Connect, "connect"),
            ("tls", None, PushStep::Secure, "tls"),
            ("certificate", None, PushStep::Secure, "certificate"),
            ("timeout", None, PushStep::Answer, "timeout"),
            ("broken", None, PushStep::Answer, "status"),
            ("redirect", Some(301), PushStep::Accept, "redirect"),
            ("status", Some(401), PushStep::Accept, "signature"),
            ("status", Some(404), PushStep::Accept, "path"),
            ("status", Some(503), PushStep::Accept, "busy"),
            ("status", Some(500), PushStep::Accept, "status"),
        ] {
            assert_eq!(PushStep::that_failed(problem), step, "{problem}");
            assert_eq!(remedy(problem, status), wanted, "{problem} {status:?}");
        }
    }
}
