//! The audit log's words, and the chain that its lines form.
//!
//! Each sealed line has a number, without gaps from 1, and a [`link`]: the SHA-256 over the link of
//! the line before it and its own content. Whoever edits, removes, inserts or reorders sealed lines
//! breaks the chain at that place. The last link is stamped with a key that is not in the database,
//! so whoever makes a chain anew cannot stamp its end. What that does not cover is said
//! where the log is sealed.

use sha2::{Digest as _, Sha256};

use super::{
    Millis,
    app::AppId,
    id::{SessionId, UserId},
    token::Digest,
};

/// What was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// Somebody proved who they are and a session began.
    LoggedIn,
    /// Somebody proved again who they are, the session got a new cookie.
    LoggedInAgain,
    /// A browser took the session that an app's server had begun for it.
    SessionEstablished,
    /// A login was refused.
    LoginRefused,
    /// A ticket let somebody into an app.
    TicketRedeemed,
    /// A ticket was refused.
    TicketRefused,
    /// A session ended.
    SessionEnded,
    /// One app's session ended, the session went on.
    AppSessionEnded,
    /// A logout of many was ordered.
    LogoutOrdered,
    /// An account was made.
    UserAdded,
    /// An account was disabled.
    UserDisabled,
    /// An account was enabled again.
    UserEnabled,
    /// An account was deleted.
    UserDeleted,
    /// An account was made an administrator, or is none any more.
    UserAdmin,
    /// A link to choose a password was made.
    LinkMade,
    /// A password was set.
    PasswordSet,
    /// An identity of another place was bound to an account.
    IdentityAdded,
    /// An identity was taken from an account.
    IdentityRemoved,
    /// An app was registered.
    AppAdded,
    /// An app was changed: its registration, its secret, disabled, enabled, deleted.
    AppChanged,
    /// Events were never delivered to an app's events URL: their app sessions ran out first.
    PushGivenUp,
    /// An operator tested how fast an app obeys a logout.
    AppExamined,
    /// A signing key was made or retired.
    KeyRotated,
    /// The one-time link of the first start was made or used.
    SetUp,
    /// A token for the admin API was made.
    AdminTokenAdded,
    /// A token for the admin API was revoked.
    AdminTokenRevoked,
    /// The audit log was exported.
    AuditExported,
    /// The database was put back from a backup: what happened between the line before and this one
    /// is not in the log.
    Restored,
}

impl Act {
    /// What lists offer to filter by.
    pub const ALL: &'static [Self] = &[
        Self::LoggedIn,
        Self::LoggedInAgain,
        Self::SessionEstablished,
        Self::LoginRefused,
        Self::TicketRedeemed,
        Self::TicketRefused,
        Self::SessionEnded,
        Self::AppSessionEnded,
        Self::LogoutOrdered,
        Self::UserAdded,
        Self::UserDisabled,
        Self::UserEnabled,
        Self::UserDeleted,
        Self::UserAdmin,
        Self::LinkMade,
        Self::PasswordSet,
        Self::IdentityAdded,
        Self::IdentityRemoved,
        Self::AppAdded,
        Self::AppChanged,
        Self::PushGivenUp,
        Self::AppExamined,
        Self::KeyRotated,
        Self::SetUp,
        Self::AdminTokenAdded,
        Self::AdminTokenRevoked,
        Self::AuditExported,
        Self::Restored,
    ];

    /// The word in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::LoggedIn => "login",
            Self::LoggedInAgain => "login.again",
            Self::SessionEstablished => "session.established",
            Self::LoginRefused => "login.refused",
            Self::TicketRedeemed => "ticket.redeemed",
            Self::TicketRefused => "ticket.refused",
            Self::SessionEnded => "session.ended",
            Self::AppSessionEnded => "app_session.ended",
            Self::LogoutOrdered => "logout.ordered",
            Self::UserAdded => "user.added",
            Self::UserDisabled => "user.disabled",
            Self::UserEnabled => "user.enabled",
            Self::UserDeleted => "user.deleted",
            Self::UserAdmin => "user.admin",
            Self::LinkMade => "link.made",
            Self::PasswordSet => "password.set",
            Self::IdentityAdded => "identity.added",
            Self::IdentityRemoved => "identity.removed",
            Self::AppAdded => "app.added",
            Self::AppChanged => "app.changed",
            Self::PushGivenUp => "push.given_up",
            Self::AppExamined => "app.examined",
            Self::KeyRotated => "key.rotated",
            Self::SetUp => "set_up",
            Self::AdminTokenAdded => "admin_token.added",
            Self::AdminTokenRevoked => "admin_token.revoked",
            Self::AuditExported => "audit.exported",
            Self::Restored => "database.restored",
        }
    }
}

/// One line of the audit log. It names people, sessions and apps; it never holds a secret.
#[derive(Clone, Debug)]
pub struct Entry {
    /// When.
    pub at: Millis,
    /// What.
    pub act: Act,
    /// Whom it concerns.
    pub user: Option<UserId>,
    /// Which session.
    pub session: Option<SessionId>,
    /// Which app.
    pub app: Option<AppId>,
    /// From where.
    pub address: Option<String>,
    /// Further facts, as JSON object.
    pub detail: serde_json::Value,
}

impl Entry {
    /// A line with nothing but time and act.
    pub fn new(at: Millis, act: Act) -> Self {
        let detail = serde_json::Value::Object(serde_json::Map::new());
        Self { at, act, user: None, session: None, app: None, address: None, detail }
    }

    /// Whom it concerns.
    pub fn user(mut self, user: &UserId) -> Self {
        self.user = Some(user.clone());
        self
    }

    /// Which session.
    pub fn session(mut self, session: &SessionId) -> Self {
        self.session = Some(session.clone());
        self
    }

    /// Which app.
    pub fn app(mut self, app: &AppId) -> Self {
        self.app = Some(app.clone());
        self
    }

    /// From where.
    pub fn address(mut self, address: &str) -> Self {
        self.address = Some(address.to_owned());
        self
    }

    /// One more fact.
    pub fn fact(mut self, name: &str, value: impl Into<serde_json::Value>) -> Self {
        if let serde_json::Value::Object(facts) = &mut self.detail {
            facts.insert(name.to_owned(), value.into());
        }
        self
    }
}

/// The link of line `seq`: what `content` holds, column by column, behind the link of the line
/// before. Each part is written with its length, and absence differs from emptiness, so no two lines
/// have the same bytes.
pub fn link(previous: &str, seq: i64, content: &[Option<&str>]) -> Digest {
    let mut hash = Sha256::new();
    let mut part = |text: &[u8]| {
        hash.update((text.len() as u64).to_be_bytes());
        hash.update(text);
    };
    part(previous.as_bytes());
    part(&seq.to_be_bytes());
    for column in content {
        match column {
            None => part(b"-"),
            Some(text) => {
                part(b"+");
                part(text.as_bytes());
            }
        }
    }
    Digest::from_hash(&hash.finalize())
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_part_of_a_line_and_its_place_change_the_link() {
        let link = |previous, seq, content: &[Option<&str>]| {
            super::link(previous, seq, content).as_str().to_owned()
        };
        let links = [
            link("", 1, &[Some("a"), Some("b")]),
            link("x", 1, &[Some("a"), Some("b")]),
            link("", 2, &[Some("a"), Some("b")]),
            link("", 1, &[Some("ab"), Some("")]),
            link("", 1, &[Some("a"), None]),
            link("", 1, &[None, Some("a")]),
            link("", 1, &[Some("a"), Some("-")]),
            link("", 1, &[Some("a")]),
        ];
        let distinct: std::collections::BTreeSet<&String> = links.iter().collect();
        assert_eq!(distinct.len(), links.len());
    }
}
