//! Configuration: everything that can be set ([`Config`], a struct a section), how it is read
//! ([`load()`]: defaults, then the TOML file, then the environment, then flags), and what is wrong with
//! it ([`Problem`]).

mod load;
mod period;
mod problems;

use std::{fmt, net::SocketAddr};

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use self::problems::parse_network;
pub use self::{
    load::{PREFIX, flag, load},
    period::Period,
    problems::Problem,
};
use crate::domain::{
    session::Limits,
    session_caps::{Caps, OnExcess},
};

/// Everything that can be set.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Where and how to serve.
    pub server: Server,
    /// Where the data is.
    pub database: Database,
    /// Where the master key is.
    pub master_key: MasterKeyFile,
    /// How long sessions hold.
    pub session: Session,
    /// What the browser does at a logout.
    pub logout: Logout,
    /// How long apps' sessions hold.
    pub app_session: AppSession,
    /// Tickets.
    pub ticket: Ticket,
    /// What apps hear.
    pub events: Events,
    /// Where requests to apps and other servers may go.
    pub outgoing: Outgoing,
    /// Logging in with an OpenID.
    pub openid: OpenId,
    /// Password hashing and choosing.
    pub password: Password,
    /// How often somebody may try.
    pub throttle: Throttle,
    /// Pages.
    pub pages: Pages,
    /// The console.
    pub admin: Admin,
    /// The log.
    pub log: Log,
}

/// `[server]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Server {
    /// Address and port to listen on; port 0 takes a free one.
    pub listen: String,
    /// The URL under which people and apps know this server. All links come from here, never from
    /// the `Host` header.
    pub public_url: String,
    /// Threads that serve; 0 is one a core.
    pub workers: usize,
    /// Proxies whose `X-Forwarded-For` counts, as addresses or networks.
    pub trusted_proxies: Vec<String>,
    /// Who may read `/metrics`, as addresses or networks.
    pub metrics_from: Vec<String>,
    /// How long requests under way may take when the server is told to stop.
    pub shutdown_within: Period,
}

impl Default for Server {
    fn default() -> Self {
        Self {
            listen: "127.0.0.1:8800".into(),
            public_url: "http://sso.localhost:8800".into(),
            workers: 0,
            trusted_proxies: Vec::new(),
            metrics_from: vec!["127.0.0.0/8".into(), "::1".into()],
            shutdown_within: Period::seconds(30),
        }
    }
}

/// `[logout]`
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Logout {
    /// Whether the browser is led through the front-channel logout URLs one after the other, as whole
    /// pages. It reaches every app's cookies, and an app that does not answer stops the person there.
    pub bounce: bool,
}

/// `[database]`
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Database {
    /// `sqlite://file` (made when missing) or `postgres://user:password@host/database`.
    pub url: String,
    /// Most connections of this process.
    pub max_connections: u32,
    /// Whether `serve` brings the tables up to date by itself.
    pub migrate_on_start: bool,
}

/// The URL without its password: what prints a configuration must not print that.
impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Database")
            .field("url", &crate::store::without_password(&self.url))
            .field("max_connections", &self.max_connections)
            .field("migrate_on_start", &self.migrate_on_start)
            .finish()
    }
}

impl Default for Database {
    fn default() -> Self {
        Self { url: "sqlite://passport.db".into(), max_connections: 8, migrate_on_start: true }
    }
}

/// `[master_key]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MasterKeyFile {
    /// The file that holds the master key; made at the first start, mode 0600.
    pub file: String,
}

impl Default for MasterKeyFile {
    fn default() -> Self {
        Self { file: "passport.key".into() }
    }
}

/// `[session]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Session {
    /// From login to the end, however busy.
    pub lifetime: Period,
    /// From the last sign of life to the end.
    pub idle: Period,
    /// The same when "keep me signed in" is off.
    pub browser_idle: Period,
    /// Most sessions of a person at a time; 0 is no limit.
    pub max_per_user: usize,
    /// Most of them on computers.
    pub max_desktop: usize,
    /// Most of them on phones and tablets.
    pub max_phone: usize,
    /// Most of them in programs that are no browser.
    pub max_native: usize,
    /// What happens to one too many: `kick_oldest`, `deny`, or `ask`.
    pub on_excess: OnExcess,
}

impl Default for Session {
    fn default() -> Self {
        let limits = Limits::default();
        Self {
            lifetime: Period(limits.lifetime),
            idle: Period(limits.idle),
            browser_idle: Period(limits.browser_idle),
            max_per_user: 0,
            max_desktop: 0,
            max_phone: 0,
            max_native: 0,
            on_excess: OnExcess::KickOldest,
        }
    }
}

/// `[app_session]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AppSession {
    /// How long an app's session holds before it must fetch a new ticket.
    pub lifetime: Period,
}

impl Default for AppSession {
    fn default() -> Self {
        Self { lifetime: Period::seconds(12 * 3600) }
    }
}

/// `[ticket]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Ticket {
    /// How long a ticket may be redeemed; at most five minutes.
    pub lifetime: Period,
    /// What a second redemption of one ticket does beside being refused.
    pub on_reuse: OnReuse,
}

impl Default for Ticket {
    fn default() -> Self {
        Self { lifetime: Period::seconds(60), on_reuse: OnReuse::Refuse }
    }
}

/// What a second redemption of one ticket does (OWASP ASVS 10.4.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnReuse {
    /// It is refused and audited.
    Refuse,
    /// It also ends the app session that the first one opened.
    EndAppSession,
}

/// `[events]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Events {
    /// How long an app instance may trust what it knows without having heard from Passport.
    pub lease: Period,
    /// Longest wait of a poll.
    pub longest_wait: Period,
}

impl Default for Events {
    fn default() -> Self {
        Self { lease: Period::seconds(60), longest_wait: Period::seconds(50) }
    }
}

/// `[outgoing]`
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Outgoing {
    /// Whether this machine itself may be reached: for tests and the demo.
    pub allow_loopback: bool,
    /// Private networks that may be reached, as addresses or networks: an app's back channel.
    pub allow_networks: Vec<String>,
}

/// `[openid]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct OpenId {
    /// Whether people may log in with an OpenID at all.
    pub enabled: bool,
    /// Whether an OpenID that no account has may make one.
    pub register: bool,
    /// Whether versions 1.0 and 1.1 are spoken.
    pub version_1: bool,
    /// Whether keys for HMAC-SHA1 are shared: the only kind that version 1 has.
    pub sha1: bool,
    /// Hosts that may be spoken to without TLS, or `*` for all: for tests and demos.
    pub plain_http: Vec<String>,
    /// Who resolves XRIs, as a URL to which they are appended; empty refuses them.
    pub xri_resolver: String,
    /// Whether its word that an XRI is verified counts; if not, the chain of names is checked.
    pub trust_xri_resolver: bool,
    /// By how much a provider's clock may be wrong.
    pub skew: Period,
    /// Endpoints of providers with which keys are shared before anybody has logged in there.
    pub prefetch_association: Vec<String>,
    /// Endpoints of the only providers that people may log in at; empty allows all.
    pub providers: Vec<String>,
}

impl Default for OpenId {
    fn default() -> Self {
        Self {
            enabled: true,
            register: true,
            version_1: false,
            sha1: false,
            plain_http: Vec::new(),
            xri_resolver: String::new(),
            trust_xri_resolver: false,
            skew: Period::seconds(300),
            prefetch_association: Vec::new(),
            providers: Vec::new(),
        }
    }
}

/// `[password]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Password {
    /// Argon2id memory in KiB (OWASP: 19456 with 2 iterations and parallelism 1).
    pub memory_kib: u32,
    /// Argon2id iterations.
    pub iterations: u32,
    /// Argon2id parallelism.
    pub parallelism: u32,
    /// Hashing threads; 0 is one a core.
    pub threads: usize,
    /// Logins that may wait for a thread.
    pub queue: usize,
    /// How long one may wait.
    pub wait: Period,
    /// Niceness of the hashing threads, 0 to 19. At 10 one wake of a web worker in a thousand waits a
    /// millisecond behind a hash, at 19 a tenth of that. Lower it on machines with busy neighbours.
    pub niceness: i32,
    /// Fewest characters of a chosen password.
    pub min_length: usize,
}

impl Default for Password {
    fn default() -> Self {
        Self {
            memory_kib: 19_456,
            iterations: 2,
            parallelism: 1,
            threads: 0,
            queue: 128,
            wait: Period::seconds(2),
            niceness: 19,
            min_length: 8,
        }
    }
}

/// `[throttle]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Throttle {
    /// Wrong passwords for one account, or from one known device, before a wait begins.
    pub account_attempts: i64,
    /// Wrong passwords from one address (IPv6: /64) before a wait begins.
    pub address_attempts: i64,
    /// Wrong passwords passed on by one app an hour before a wait begins.
    pub app_attempts: i64,
    /// Refused tickets of one app a minute before it hears 429.
    pub refused_tickets_per_minute: u32,
    /// Questions of an app's pages from one network (IPv6: /64) a minute before it hears 429.
    pub page_checks_per_minute: u32,
    /// Logins with an OpenID begun from one address (IPv6: /64) before a wait begins; one a minute
    /// is forgotten.
    pub openid_attempts: i64,
}

impl Default for Throttle {
    fn default() -> Self {
        Self {
            account_attempts: 5,
            address_attempts: 300,
            app_attempts: 3_000,
            refused_tickets_per_minute: 600,
            page_checks_per_minute: 6_000,
            openid_attempts: 60,
        }
    }
}

/// `[pages]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Pages {
    /// Language when the browser asks for none that there is: `en`, `zh` or `ru`.
    pub default_locale: String,
}

impl Default for Pages {
    fn default() -> Self {
        Self { default_locale: "en".into() }
    }
}

/// `[admin]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Admin {
    /// How long ago an admin may have given the password to see the console.
    pub login_max_age: Period,
    /// The same for whatever is done to others, and for exports.
    pub act_max_age: Period,
}

impl Default for Admin {
    fn default() -> Self {
        Self { login_max_age: Period::seconds(12 * 3600), act_max_age: Period::seconds(600) }
    }
}

/// `[log]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Log {
    /// `error`, `warn`, `info`, `debug`, or a filter such as `info,sso_server=debug`.
    pub level: String,
    /// `text` or `json`.
    pub format: LogFormat,
}

impl Default for Log {
    fn default() -> Self {
        Self { level: "info".into(), format: LogFormat::Text }
    }
}

/// How log lines are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

impl Config {
    /// The address to listen on.
    pub fn listen(&self) -> Option<SocketAddr> {
        self.server.listen.parse().ok()
    }

    /// The networks of trusted proxies.
    pub fn trusted_proxies(&self) -> Vec<IpNet> {
        self.server.trusted_proxies.iter().filter_map(|text| parse_network(text)).collect()
    }

    /// The networks that may read `/metrics`.
    pub fn metrics_from(&self) -> Vec<IpNet> {
        self.server.metrics_from.iter().filter_map(|text| parse_network(text)).collect()
    }

    /// Private networks that outgoing requests may reach.
    pub fn outgoing_networks(&self) -> Vec<IpNet> {
        self.outgoing.allow_networks.iter().filter_map(|text| parse_network(text)).collect()
    }

    /// How many sessions a person may have.
    pub fn session_caps(&self) -> Caps {
        Caps {
            per_user: self.session.max_per_user,
            desktop: self.session.max_desktop,
            phone: self.session.max_phone,
            native: self.session.max_native,
        }
    }

    /// How long sessions hold.
    pub fn session_limits(&self) -> Limits {
        Limits {
            lifetime: self.session.lifetime.0,
            idle: self.session.idle.0,
            browser_idle: self.session.browser_idle.0,
        }
    }

    /// The configuration as a TOML file would have it.
    pub fn example() -> &'static str {
        include_str!("../../passport.example.toml")
    }
}
