//! The audit log's words.

use super::{
    Millis,
    app::AppId,
    id::{SessionId, UserId},
};

/// What was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// Somebody proved who they are and a session began.
    LoggedIn,
    /// Somebody proved again who they are, the session got a new cookie.
    LoggedInAgain,
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
}

impl Act {
    /// The word in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::LoggedIn => "login",
            Self::LoggedInAgain => "login.again",
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
            Self::AppAdded => "app.added",
            Self::AppChanged => "app.changed",
            Self::PushGivenUp => "push.given_up",
            Self::AppExamined => "app.examined",
            Self::KeyRotated => "key.rotated",
            Self::SetUp => "set_up",
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
