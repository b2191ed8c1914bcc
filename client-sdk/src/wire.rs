//! What travels between Passport and an app: every JSON body and claim set of the public contract.
//!
//! The server serialises these same types, so a renamed field breaks the build and not production.
//! Times are Unix seconds (`NumericDate`, RFC 7519 section 2), as in `exp` and `auth_time`.
//! Fields and words are only ever added: readers ignore what they do not know, so that an app goes on
//! while Passport is upgraded before it. Only what decides whether somebody is in has a closed set of
//! words ([`AppSessionState`]): another one is not known, and not a yes.

use serde::{Deserialize, Serialize};

/// Unix time in seconds.
pub type Seconds = i64;

/// An answer to a poll counts only if it arrives within the asked wait and this much more: what an
/// instance promised to Passport ("without an answer I refuse by myself after …") stays true when
/// an answer is held up on the way.
pub const ANSWER_WITHIN: std::time::Duration = std::time::Duration::from_secs(5);

/// Body of `POST /api/v1/tickets/redeem`.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RedeemRequest {
    /// The ticket as it came in the redirect.
    pub ticket: String,
    /// The return URL of the `/login` request, byte for byte. Absent for in-page tickets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub return_to: Option<String>,
    /// The secret behind the `challenge` of the `/login` request (RFC 7636, S256).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verifier: Option<String>,
    /// Refuse the ticket when the person had last proved who they are longer ago than this, in
    /// seconds, at the moment it was issued.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_age: Option<i64>,
}

impl std::fmt::Debug for RedeemRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Neither the ticket nor the verifier.
        f.debug_struct("RedeemRequest").field("return_to", &self.return_to).finish_non_exhaustive()
    }
}

/// Answer of a redemption: who signed in, and how long the app may rely on it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Redeemed {
    /// This app's session of this person, the name by which events end it.
    pub app_session: String,
    /// The session at Passport behind it. An identifier, not a secret.
    pub session: String,
    /// Who it is.
    pub user: User,
    /// Where this person stands at this app.
    pub activation: Activation,
    /// Bit mask of the apps this account has entered; an app's bit is its `bit` in `app list`.
    pub app_flag: i64,
    /// Bit mask of the apps at which this account is active.
    pub ac_flag: i64,
    /// When the person last proved who they are (OpenID Connect Core 1.0 section 2, `auth_time`).
    pub auth_time: Seconds,
    /// How they proved it (RFC 8176): `pwd`, …
    pub amr: Vec<String>,
    /// End of this app session, whatever happens.
    pub expires_at: Seconds,
    /// From here on an app that follows no events asks `GET /api/v1/app-sessions/{id}` before trusting on.
    pub check_after: Seconds,
    /// How long an instance may trust its knowledge without having heard from Passport.
    pub lease_seconds: i64,
}

impl Redeemed {
    /// Whether there is a person and a session in it: an empty id is a fault, not an account.
    pub fn names_somebody(&self) -> bool {
        [&self.user.id, &self.app_session, &self.session].iter().all(|id| !id.is_empty())
    }
}

/// Answer of `GET /check`: what a page may know of its visitor.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "status", rename_all = "snake_case")]
pub enum Check {
    /// Signed in at Passport.
    SignedIn {
        /// For the app's server, which redeems it with the verifier and without a return URL.
        ticket: String,
        /// As the page sent it.
        state: String,
    },
    /// Surely not signed in: the page need not ask again.
    SignedOut,
    /// The browser may have held the cookie back; only Passport's own page can tell.
    Unknown,
}

impl std::fmt::Debug for Check {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Without the ticket.
        f.write_str(match self {
            Self::SignedIn { .. } => "SignedIn(…)",
            Self::SignedOut => "SignedOut",
            Self::Unknown => "Unknown",
        })
    }
}

/// Body of `POST /api/v1/logins`: what a person typed into the app's own form, and what the app's
/// server sees of their browser.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LoginByApp {
    /// The name field: a username or a mail address.
    pub username: String,
    /// The password field.
    pub password: String,
    /// S256 of a verifier that stays with the app's server (RFC 7636 section 4.2).
    pub challenge: String,
    /// The person's address (IPv4 or IPv6), not the app's own: attempts are counted by it.
    pub address: String,
    /// The browser's `User-Agent`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_agent: Option<String>,
    /// "Keep me signed in".
    #[serde(default)]
    pub keep: bool,
    /// `device` of an earlier [`LoggedInByApp`] in the same browser, where the app keeps it in an
    /// `HttpOnly` cookie of its own: strangers who guess at the account do not keep this browser out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Option<String>,
}

impl std::fmt::Debug for LoginByApp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Neither name nor password: people type one in the place of the other.
        f.debug_struct("LoginByApp").field("address", &self.address).finish_non_exhaustive()
    }
}

/// Answer of `POST /api/v1/logins`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoggedInByApp {
    /// To be redeemed with the verifier and without a return URL.
    pub ticket: String,
    /// Sets Passport's own login state in the person's browser, once, within two minutes: by a POST
    /// from a page of the app (`fetch`, or a form), or by a visit.
    pub establish_url: String,
    /// Names this browser at the person's next login; see [`LoginByApp::device`].
    pub device: String,
}

impl std::fmt::Debug for LoggedInByApp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("LoggedInByApp(…)")
    }
}

/// What a page of the app hears that posts to the `establish_url` by `fetch`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "status", rename_all = "snake_case")]
pub enum Establishment {
    /// Done.
    Established,
    /// Nothing was used up: this browser takes no cookies of ours in other sites' pages, or somebody
    /// else is signed in there. Send the person to the `establish_url`.
    Visit,
    /// Of a later version: like `Visit`.
    #[serde(other)]
    Unknown,
}

/// A person as an app sees them. Every registered app is granted all of these fields.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    /// Stable, never reused; the key to store.
    pub id: String,
    /// The name they sign in with; may change.
    pub username: String,
    /// The name to show.
    #[serde(default)]
    pub nickname: Option<String>,
    /// Their mail address.
    #[serde(default)]
    pub email: Option<String>,
    /// Whether Passport has proof that the mailbox is theirs.
    #[serde(default)]
    pub email_verified: bool,
    /// Preferred language (BCP 47).
    #[serde(default)]
    pub locale: Option<String>,
    /// Their picture.
    #[serde(default)]
    pub avatar_url: Option<String>,
    /// Further profile fields.
    #[serde(default)]
    pub profile: serde_json::Map<String, serde_json::Value>,
}

/// Where a person stands at one app.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Activation {
    /// The state itself.
    pub state: ActivationState,
    /// Since when.
    pub since: Seconds,
}

/// States of an activation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ActivationState {
    /// Has entered, not yet taken part.
    New,
    /// Takes part.
    Active,
    /// The app has shut them out.
    Suspended,
    /// A state of a later version.
    #[serde(other)]
    Unknown,
}

/// Answer of `GET /api/v1/app-sessions/{id}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AppSessionStatus {
    /// The app session asked about.
    pub app_session: String,
    /// The session at Passport behind it.
    pub session: String,
    /// Whose it is.
    pub user: String,
    /// Whether it still holds.
    pub state: AppSessionState,
    /// Why it ended.
    pub cause: Option<Cause>,
    /// When it ended.
    pub ended_at: Option<Seconds>,
    /// When it ends at the latest.
    pub expires_at: Seconds,
}

/// Whether an app session holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AppSessionState {
    /// It holds.
    Active,
    /// It is over.
    Ended,
}

/// Body of `POST /api/v1/app-sessions/{id}/end`.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EndRequest {
    /// How far the end reaches.
    pub scope: EndScope,
}

/// How far an end reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EndScope {
    /// This app only.
    App,
    /// The whole session with all its apps: single logout.
    Session,
    /// Every device of the person. Needs the app's `may_end_user` permission.
    User,
}

/// Answer of `POST /api/v1/app-sessions/{id}/end`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ended {
    /// How many app sessions this call ended, over all apps; 0 when all were over already.
    pub ended: u64,
}

/// Why something ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// The person logged out.
    User,
    /// An app asked for it.
    App,
    /// An admin forced it.
    Admin,
    /// A newer login took its place.
    Kicked,
    /// The password was changed.
    PasswordChanged,
    /// A way to prove who one is, other than the password, was changed or removed.
    FactorChanged,
    /// The account was disabled.
    Disabled,
    /// The account was deleted.
    Deleted,
    /// Its time was up.
    Expired,
    /// It lay unused too long.
    Idle,
    /// The app was disabled or removed.
    AppDisabled,
    /// The database was restored from a backup.
    Restored,
    /// A cause of a later version. That something ended counts, whatever the reason.
    #[serde(other)]
    Unknown,
}

impl Cause {
    /// The word on the wire and in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::App => "app",
            Self::Admin => "admin",
            Self::Kicked => "kicked",
            Self::PasswordChanged => "password_changed",
            Self::FactorChanged => "factor_changed",
            Self::Disabled => "disabled",
            Self::Deleted => "deleted",
            Self::Expired => "expired",
            Self::Idle => "idle",
            Self::AppDisabled => "app_disabled",
            Self::Restored => "restored",
            Self::Unknown => "unknown",
        }
    }

    /// Reads the word back; `None` for a word of a later version.
    pub fn parse(word: &str) -> Option<Self> {
        let cause = serde_json::from_value(serde_json::Value::String(word.to_owned())).ok();
        cause.filter(|cause| *cause != Self::Unknown)
    }
}

/// Answer of `GET /api/v1/events`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventPage {
    /// The events after the cursor that was asked for, oldest first.
    pub events: Vec<Event>,
    /// Ask with this next; asking acknowledges everything up to it.
    pub cursor: String,
    /// How long this answer may be relied on.
    pub lease_seconds: i64,
}

/// One entry of an app's log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// Stable over every repetition: apply an id once.
    pub id: String,
    /// Its place in the log.
    pub cursor: String,
    /// What happened.
    #[serde(rename = "type")]
    pub kind: EventKind,
    /// The app session concerned.
    #[serde(default)]
    pub app_session: Option<String>,
    /// The session at Passport concerned.
    #[serde(default)]
    pub session: Option<String>,
    /// The person concerned; empty when it is about everybody.
    pub user: String,
    /// Why.
    #[serde(default)]
    pub cause: Option<Cause>,
    /// When.
    pub at: Seconds,
    /// When the app session would have been over anyway: from then on this event says nothing new
    /// and may be forgotten.
    #[serde(default)]
    pub expires_at: Option<Seconds>,
    /// With cause `kicked`: the login that took its place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replaced_by: Option<Replacement>,
}

/// Body of what is pushed to an app's events URL, one entry of its log at a time
/// (<https://www.standardwebhooks.com>); see [`webhook`](crate::webhook) for how it is signed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PushedEvent {
    /// What happened; the same as in `data`.
    #[serde(rename = "type")]
    pub kind: EventKind,
    /// When it happened (RFC 3339); the same as `at` in `data`.
    pub timestamp: String,
    /// The entry.
    pub data: Event,
}

/// The login that displaced a session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Replacement {
    /// The new session at Passport.
    pub session: String,
    /// On what: "Firefox on Windows".
    pub device: String,
    /// From what address, shortened to its network.
    pub address: String,
    /// When.
    pub at: Seconds,
}

/// Body of `POST /api/v1/events/leave`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LeaveRequest {
    /// The running copy of the app that stops, and accepts no session any more.
    pub instance: String,
}

/// Answer of `POST /api/v1/events/leave`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Left {
    /// Whether the instance was known.
    pub known: bool,
}

/// Kinds of events.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum EventKind {
    /// An app session is over.
    #[serde(rename = "session.ended")]
    SessionEnded,
    /// A person's data changed.
    #[serde(rename = "user.updated")]
    UserUpdated,
    /// Two accounts became one.
    #[serde(rename = "user.merged")]
    UserMerged,
    /// A person is gone.
    #[serde(rename = "user.deleted")]
    UserDeleted,
    /// A person's standing at this app changed.
    #[serde(rename = "activation.changed")]
    ActivationChanged,
    /// Passport's database was restored from a backup. Every app session that began until `at`, by
    /// Passport's clock and to the second, is over: also those that Passport does not know any
    /// more, because they began after the backup. It names no session and no person.
    #[serde(rename = "log.restored")]
    LogRestored,
    /// A kind of a later version: skip it.
    #[serde(other)]
    Unknown,
}

impl EventKind {
    /// The word on the wire and in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SessionEnded => "session.ended",
            Self::UserUpdated => "user.updated",
            Self::UserMerged => "user.merged",
            Self::UserDeleted => "user.deleted",
            Self::ActivationChanged => "activation.changed",
            Self::LogRestored => "log.restored",
            Self::Unknown => "unknown",
        }
    }
}

/// A refused API call (RFC 9457, `application/problem+json`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// A URI that names the kind of problem.
    #[serde(rename = "type")]
    pub kind: String,
    /// What went wrong, for people.
    pub title: String,
    /// The HTTP status again.
    pub status: u16,
    /// What to do about it.
    pub detail: String,
    /// Stable word to decide by.
    pub code: ErrorCode,
}

/// The stable words of [`Problem::code`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorCode {
    /// 401: the app's id and secret do not go together.
    InvalidClient,
    /// 401: the admin token is unknown, revoked or expired.
    InvalidToken,
    /// 400: unknown, used, expired, another app's, another URL's, another verifier's.
    InvalidTicket,
    /// 400: name or password are wrong, or the account is disabled or blocked: one answer.
    InvalidCredentials,
    /// 400: the request itself is malformed.
    InvalidRequest,
    /// 403: the person's account is disabled.
    AccountDisabled,
    /// 403: the app may not do this.
    NotAllowed,
    /// 404.
    NotFound,
    /// 409.
    Conflict,
    /// 429, with `Retry-After`.
    TooManyRequests,
    /// 503, with `Retry-After`: Passport does not know. Never read it as "signed out" or as "allowed".
    Unavailable,
    /// A code of a later version.
    #[serde(other)]
    Unknown,
}

impl ErrorCode {
    /// The HTTP status that goes with the code.
    pub const fn status(self) -> u16 {
        match self {
            Self::InvalidClient | Self::InvalidToken => 401,
            Self::InvalidTicket | Self::InvalidCredentials | Self::InvalidRequest => 400,
            Self::AccountDisabled | Self::NotAllowed => 403,
            Self::NotFound => 404,
            Self::Conflict => 409,
            Self::TooManyRequests => 429,
            Self::Unavailable => 503,
            Self::Unknown => 500,
        }
    }

    /// The word on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::InvalidClient => "invalid_client",
            Self::InvalidToken => "invalid_token",
            Self::InvalidTicket => "invalid_ticket",
            Self::InvalidCredentials => "invalid_credentials",
            Self::InvalidRequest => "invalid_request",
            Self::AccountDisabled => "account_disabled",
            Self::NotAllowed => "not_allowed",
            Self::NotFound => "not_found",
            Self::Conflict => "conflict",
            Self::TooManyRequests => "too_many_requests",
            Self::Unavailable => "unavailable",
            Self::Unknown => "unknown",
        }
    }
}

/// Claims of a ticket: "session `sid` may enter app `aud`". It holds no personal data.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TicketClaims {
    /// Passport's public URL.
    pub iss: String,
    /// The app it admits to.
    pub aud: String,
    /// The person.
    pub sub: String,
    /// The session at Passport.
    pub sid: String,
    /// Spent once.
    pub jti: String,
    /// Issued at.
    pub iat: Seconds,
    /// Refused from here on.
    pub exp: Seconds,
    /// SHA-256 of the return URL, base64url; absent for in-page tickets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub return_to_hash: Option<String>,
    /// SHA-256 of the challenge, base64url; absent when none was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub challenge_hash: Option<String>,
}

/// `typ` header of a ticket (RFC 8725 section 3.11).
pub const TICKET_TYPE: &str = "passport-ticket+jwt";

/// Answer of `GET /.well-known/passport-configuration`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Configuration {
    /// Passport's public URL, the `iss` of its tickets.
    pub issuer: String,
    /// Where to send people to sign in.
    pub login_endpoint: String,
    /// Where to send people to sign out.
    pub logout_endpoint: String,
    /// Where tickets are redeemed.
    pub redeem_endpoint: String,
    /// Where events are read.
    pub events_endpoint: String,
    /// Public keys (RFC 7517).
    pub jwks_uri: String,
    /// Signature algorithms of tickets.
    pub ticket_signing_alg_values_supported: Vec<String>,
    /// Ways to turn a verifier into a challenge (RFC 7636 section 4.3).
    pub challenge_methods_supported: Vec<String>,
    /// Values of `prompt`.
    pub prompt_values_supported: Vec<String>,
    /// Languages of the pages (BCP 47).
    pub ui_locales_supported: Vec<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An app that was built before Passport learned a word still reads the page that it stands in.
    #[test]
    fn words_of_later_versions_are_read() {
        let page = r#"{"events":[{"id":"e","cursor":"1","type":"session.ended","app_session":"x",
            "user":"u","cause":"abducted","at":1},{"id":"f","cursor":"2","type":"moon.landed",
            "user":"u","at":1}],"cursor":"2","lease_seconds":60}"#;
        let page: EventPage = serde_json::from_str(page).unwrap();
        assert_eq!(page.events[0].cause, Some(Cause::Unknown));
        assert_eq!(page.events[1].kind, EventKind::Unknown);
        let activation = r#"{"state":"dormant","since":1}"#;
        let activation: Activation = serde_json::from_str(activation).unwrap();
        assert_eq!(activation.state, ActivationState::Unknown);
        assert!(serde_json::from_str::<AppSessionState>(r#""perhaps""#).is_err());
    }

    #[test]
    fn causes_are_written_and_read_alike() {
        for cause in [Cause::User, Cause::PasswordChanged, Cause::AppDisabled, Cause::Restored] {
            assert_eq!(Cause::parse(cause.as_str()), Some(cause));
            assert_eq!(serde_json::to_value(cause).unwrap(), cause.as_str());
        }
        assert_eq!(Cause::parse("abducted"), None);
    }
}
