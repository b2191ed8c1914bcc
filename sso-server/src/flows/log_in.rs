//! Logging in with a password.
//!
//! Unknown, wrong, disabled, blocked: from outside they are one answer that took one hash
//! (SECURITY-CASES L-01, L-02). The audit log has the reason.

use tokio::{
    sync::{Semaphore, SemaphorePermit},
    time::timeout,
};

use super::{
    choose_session::{self, Choice},
    issue_session::{Authenticated, IssueSessionError, IssuedSession, Origin, issue_session},
    past_deadlocks,
};
use crate::{
    app::App,
    domain::{
        Millis,
        audit::{Act, Entry},
        id::{UserId, fresh_text},
        identity::Proof,
        password::{Password, PasswordError},
        throttle::{Attempt, Policy, is_blocked},
        token::Digest,
        user::LoginName,
    },
    hashing::Busy,
    store::{
        StoreError, Stored, Tx, audit,
        throttles::{self, Answer},
        users::{self, Credentials},
    },
};

/// What somebody sent with the form. It holds a password and is not printed.
pub struct Login<'a> {
    /// The name field.
    pub name: &'a str,
    /// The password field.
    pub password: &'a str,
    /// The cookie that a browser got when somebody logged in with it before.
    pub device_cookie: Option<&'a str>,
    /// Where.
    pub origin: Origin,
}

/// Somebody is in.
#[derive(Debug)]
pub struct LoggedIn {
    /// The session.
    pub session: IssuedSession,
    /// For the cookie by which this browser is known from now on.
    pub device_cookie: String,
}

/// Why nobody is in.
#[derive(Debug, thiserror::Error)]
pub enum LoginError {
    /// Name or password are wrong, or the account is disabled or blocked.
    #[error("refused")]
    Refused,
    /// What was typed cannot be a password: nothing was looked up.
    #[error(transparent)]
    Malformed(#[from] PasswordError),
    /// Too many attempts from this network.
    #[error("too many attempts from this network")]
    TooMany {
        /// Not before so many seconds.
        retry_after: i64,
    },
    /// Name and password are right, but there are as many sessions as are allowed.
    #[error("too many sessions")]
    TooManySessions,
    /// The same, and the person chooses which one ends.
    #[error("too many sessions, the person chooses")]
    Choose(Choice),
    /// More people log in than can be hashed.
    #[error(transparent)]
    Busy(#[from] Busy),
    /// The database is out of reach.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Most logins that are under way at a time on this node for the accounts that share a slot. One
/// fewer than the attempts that an account has free by default, so that several devices that log in
/// at once do not block each other.
const AT_ONCE: usize = 4;
const SLOTS: usize = 256;

/// Logins under way, by account. A fixed number of slots, so a flood of names costs no memory.
#[derive(Debug)]
pub struct LoginSlots(Vec<Semaphore>);

impl Default for LoginSlots {
    fn default() -> Self {
        Self((0..SLOTS).map(|_| Semaphore::new(AT_ONCE)).collect())
    }
}

impl LoginSlots {
    async fn enter(&self, counter: &str, app: &App) -> Result<SemaphorePermit<'_>, Busy> {
        let sum = counter
            .bytes()
            .fold(0_usize, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte.into()));
        let slot = self.0.get(sum % SLOTS).ok_or(Busy)?;
        let wait = app.config.password.wait.duration();
        timeout(wait, slot.acquire()).await.map_err(|_| Busy)?.map_err(|_| Busy)
    }
}

/// Logs somebody in.
pub async fn log_in(app: &App, login: Login<'_>) -> Result<LoggedIn, LoginError> {
    let proven = prove(app, &login).await?;
    match past_deadlocks(IssueSessionError::is_victim, || issue(app, &login, &proven)).await {
        Ok(Issued::Session(session)) => {
            let now = app.clock.now();
            let user = &proven.who.user;
            let device_cookie = device_cookie(app, user, proven.device.clone(), now);
            Ok(LoggedIn { session, device_cookie })
        }
        Ok(Issued::TooManySessions) => Err(LoginError::TooManySessions),
        Ok(Issued::Choice(choice)) => Err(LoginError::Choose(choice)),
        Err(error) => turned_away(app, &login, &proven, error).await,
    }
}

/// Somebody who knows the password of an account. While it is held, others who say that they are
/// the same person wait for their turn.
pub(super) struct Proven<'a> {
    /// Who.
    pub(super) who: Authenticated,
    account: Credentials,
    /// The device, if it is known.
    pub(super) device: Option<String>,
    /// The stored hash and one of today's parameters, if the stored one is outdated.
    newer_hash: Option<(String, String)>,
    _slot: SemaphorePermit<'a>,
}

/// Counts the attempt and compares the password; everything that lets somebody in by a password
/// comes through here.
pub(super) async fn prove<'a>(app: &'a App, login: &Login<'_>) -> Result<Proven<'a>, LoginError> {
    let password = Password::typed(login.password)?;
    let name = LoginName::parse(if login.name.len() > LoginName::MAX { "" } else { login.name });
    let mut connection = app.db.read().await?;
    let account = users::credentials(&mut connection, &name).await?;
    let device =
        account.as_ref().and_then(|account| known_device(app, &account.user, login.device_cookie));
    if device.is_none() {
        // A look before the turn at the writer: whoever is told to wait and does not costs a read,
        // not a durable commit. What counts is decided again, with the attempt, in one statement.
        let now = app.clock.now();
        for (counter, _) in shared_counters(app, login) {
            let until = throttles::blocked_until(&mut connection, &counter).await?;
            if let Some(until) = until.filter(|until| is_blocked(*until, now)) {
                return Err(too_many(until, now));
            }
        }
    }
    drop(connection);
    let counter = counter(account.as_ref(), &name, device.as_deref());

    let slot = app.login_slots.enter(&counter, app).await?;
    let attempts = count(app, login, &counter, device.is_some()).await?;

    let enabled = account.as_ref().is_some_and(|account| account.disabled_at.is_none());
    let stored = account.as_ref().and_then(|account| account.password_hash.as_deref());
    // Also for nobody and for the blocked: the answer takes one hash, whoever it was.
    let verdict = match app.passwords.verify(password.clone(), stored).await {
        Ok(verdict) => verdict,
        Err(busy) => {
            give_back(app, &attempts).await?;
            return Err(busy.into());
        }
    };
    let (Some(account), Some(attempt)) = (&account, attempts.account.clone()) else {
        let why = if attempts.account.is_none() { "blocked" } else { "unknown" };
        return refuse(app, login, account.as_ref(), why).await;
    };
    if !verdict.matches {
        let why = if stored.is_none() { "no_password" } else { "wrong_password" };
        return refuse(app, login, Some(account), why).await;
    }
    if !enabled {
        return refuse(app, login, Some(account), "disabled").await;
    }
    let newer_hash = match stored.filter(|_| verdict.outdated) {
        Some(old) => app.passwords.hash(password).await.ok().map(|new| (old.to_owned(), new)),
        None => None,
    };
    let who = Authenticated {
        user: account.user.clone(),
        proven_at: app.clock.now(),
        proof: Proof::Password { set_at: account.password_set_at },
        attempt: Some(attempt),
        shared: attempts.shared,
    };
    Ok(Proven { who, account: account.clone(), device, newer_hash, _slot: slot })
}

/// What comes of a right password.
enum Issued {
    Session(IssuedSession),
    TooManySessions,
    Choice(Choice),
}

async fn issue(
    app: &App,
    login: &Login<'_>,
    proven: &Proven<'_>,
) -> Result<Issued, IssueSessionError> {
    let now = app.clock.now();
    let mut tx = app.db.write().await?;
    // Where there are too many sessions already, the attempt is settled all the same: the password
    // was right.
    let issued = match issue_session(app, &mut tx, &proven.who, &login.origin, now).await {
        Ok(session) => Issued::Session(session),
        Err(IssueSessionError::TooManySessions) => {
            let entry = proven.one_too_many(app, login);
            audit::append(&mut tx, &[entry], &app.random).await?;
            Issued::TooManySessions
        }
        Err(IssueSessionError::ChooseWhichEnds) => {
            let keep = login.origin.keep;
            Issued::Choice(choose_session::offer(app, &mut tx, &proven.who, keep, now).await?)
        }
        Err(error) => return Err(error),
    };
    proven.upgrade_hash(&mut tx).await?;
    tx.commit().await?;
    Ok(issued)
}

impl Proven<'_> {
    /// Writes down the password's hash with today's parameters, if the stored one is outdated.
    pub(super) async fn upgrade_hash(&self, tx: &mut Tx) -> Stored<()> {
        let Some((old, new)) = &self.newer_hash else { return Ok(()) };
        users::upgrade_hash(tx, &self.who.user, old, new).await
    }

    /// That the password was right and there are too many sessions, for the audit log.
    pub(super) fn one_too_many(&self, app: &App, login: &Login<'_>) -> Entry {
        refusal(app, login, Some(&self.account), "too_many_sessions")
    }
}

/// Between proof and session something happened to the account.
pub(super) async fn turned_away<T>(
    app: &App,
    login: &Login<'_>,
    proven: &Proven<'_>,
    error: IssueSessionError,
) -> Result<T, LoginError> {
    let why = match error {
        IssueSessionError::Disabled => "disabled",
        IssueSessionError::PasswordChanged => "wrong_password",
        // Not after a password; a refusal all the same.
        IssueSessionError::IdentityRemoved => "identity_removed",
        IssueSessionError::Blocked => "blocked",
        IssueSessionError::TooManySessions | IssueSessionError::ChooseWhichEnds => {
            "too_many_sessions"
        }
        IssueSessionError::Store(error) => return Err(error.into()),
    };
    refuse(app, login, Some(&proven.account), why).await
}

fn counter(account: Option<&Credentials>, name: &LoginName, device: Option<&str>) -> String {
    match account {
        Some(account) => counter_of(&account.user, device),
        None => format!("name:{}", Digest::of(name.canonical().as_bytes()).as_str()),
    }
}

/// Under which key attempts are counted. A known device has a counter of its own: strangers who
/// guess at an account do not keep its owner out (SECURITY-CASES L-11).
pub(super) fn counter_of(user: &UserId, device: Option<&str>) -> String {
    match device {
        Some(device) => format!("device:{device}"),
        None => format!("account:{user}"),
    }
}

/// The counters that many share, in the order in which their rows are taken: the network, and the
/// app that passed the form on. That app says what the network is; one that says something else each
/// time, or lets anybody guess, has its own.
fn shared_counters(app: &App, login: &Login<'_>) -> Vec<(String, Policy)> {
    let limits = &app.config.throttle;
    let network = format!("address:{}", login.origin.network);
    let network = (network, Policy::address(limits.address_attempts));
    let by_app = |id| (format!("app:{id}"), Policy::app(limits.app_attempts));
    [Some(network), login.origin.app.as_ref().map(by_app)].into_iter().flatten().collect()
}

fn too_many(until: Millis, now: Millis) -> LoginError {
    LoginError::TooMany { retry_after: (until - now).max(0) / 1_000 + 1 }
}

/// The device named by a cookie, if the cookie is ours and was made for this account.
pub(super) fn known_device(app: &App, user: &UserId, cookie: Option<&str>) -> Option<String> {
    let (device, mac) = cookie?.split_once('.')?;
    let ours = app.secrets.verify_mac(mac, "device", &[user.as_str(), device]);
    ours.then(|| device.to_owned())
}

pub(super) fn device_cookie(
    app: &App,
    user: &UserId,
    known: Option<String>,
    now: Millis,
) -> String {
    let device = known.unwrap_or_else(|| fresh_text(now, &app.random));
    let mac = app.secrets.mac("device", &[user.as_str(), &device]);
    format!("{device}.{mac}")
}

/// The counted attempts of one login.
struct Attempts {
    /// `None` when the account is blocked.
    account: Option<Attempt>,
    /// Empty for a known device.
    shared: Vec<Attempt>,
}

async fn count(
    app: &App,
    login: &Login<'_>,
    counter: &str,
    known_device: bool,
) -> Result<Attempts, LoginError> {
    let limits = &app.config.throttle;
    let now = app.clock.now();
    let mut tx = app.db.write().await?;
    let mut shared = Vec::new();
    let counters = if known_device { Vec::new() } else { shared_counters(app, login) };
    for (counter, policy) in counters {
        match throttles::attempt(&mut tx, &counter, policy, now).await? {
            Answer::Granted(attempt) => shared.push(attempt),
            // Dropped with the transaction: those before it were not spent.
            Answer::Blocked { until } => return Err(too_many(until, now)),
        }
    }
    let policy = Policy::account(limits.account_attempts);
    let account = match throttles::attempt(&mut tx, counter, policy, now).await? {
        Answer::Granted(attempt) => Some(attempt),
        Answer::Blocked { .. } => None,
    };
    tx.commit().await?;
    Ok(Attempts { account, shared })
}

/// The attempts were not made after all.
async fn give_back(app: &App, attempts: &Attempts) -> Result<(), StoreError> {
    let mut tx = app.db.write().await?;
    for attempt in attempts.shared.iter().chain(&attempts.account) {
        throttles::give_back(&mut tx, attempt).await?;
    }
    tx.commit().await
}

async fn refuse<T>(
    app: &App,
    login: &Login<'_>,
    account: Option<&Credentials>,
    why: &str,
) -> Result<T, LoginError> {
    let entry = refusal(app, login, account, why);
    let mut tx = app.db.write().await?;
    audit::append(&mut tx, &[entry], &app.random).await?;
    tx.commit().await?;
    Err(LoginError::Refused)
}

fn refusal(app: &App, login: &Login<'_>, account: Option<&Credentials>, why: &str) -> Entry {
    let mut entry = Entry::new(app.clock.now(), Act::LoginRefused)
        .address(&login.origin.address)
        .fact("why", why);
    entry.user = account.map(|account| account.user.clone());
    entry.app = login.origin.app.clone();
    entry
}
