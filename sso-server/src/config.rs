//! Configuration: defaults, then the TOML file, then the environment, then flags.
//!
//! Nobody should have to start a server six times to find six mistakes: [`load`] names all of them
//! at once, the unknown keys, the values of a wrong type and the values that make no sense.

use std::{collections::BTreeMap, fmt, net::SocketAddr, path::Path, time::Duration};

use client_sdk::wire::Seconds;
use ipnet::IpNet;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::domain::{
    MINUTE, Millis, SECOND,
    session::Limits,
    session_caps::{Caps, OnExcess},
    ticket::LIFETIME_MAX_SECONDS,
};

/// Prefix of environment variables: `SSO_SERVER__LISTEN`.
pub(crate) const PREFIX: &str = "SSO_";
/// Settings that are lists: in the environment and in flags, with commas.
const LISTS: [&str; 2] = ["server.trusted_proxies", "server.metrics_from"];

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
    /// How long apps' sessions hold.
    pub app_session: AppSession,
    /// Tickets.
    pub ticket: Ticket,
    /// What apps hear.
    pub events: Events,
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

/// `[database]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Database {
    /// `sqlite://file` (made when missing) or `postgres://user:password@host/database`.
    pub url: String,
    /// Most connections of this process.
    pub max_connections: u32,
    /// Whether `serve` brings the tables up to date by itself.
    pub migrate_on_start: bool,
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
    /// From log-in to the end, however busy.
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
    /// Log-ins that may wait for a thread.
    pub queue: usize,
    /// How long one may wait.
    pub wait: Period,
    /// Niceness of the hashing threads, 0 to 19. Lower it on machines with busy neighbours.
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
            niceness: 10,
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
    /// Refused tickets of one app a minute before it hears 429.
    pub refused_tickets_per_minute: u32,
}

impl Default for Throttle {
    fn default() -> Self {
        Self { account_attempts: 5, address_attempts: 300, refused_tickets_per_minute: 600 }
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

/// A length of time: `"30d"`, `"12h"`, `"90s"`, or a number of seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Period(Millis);

impl Period {
    /// Of so many seconds.
    pub const fn seconds(seconds: i64) -> Self {
        Self(seconds * SECOND)
    }

    /// In milliseconds.
    pub const fn millis(self) -> Millis {
        self.0
    }

    /// In whole seconds.
    pub const fn as_seconds(self) -> Seconds {
        self.0 / SECOND
    }

    /// As the standard library has it.
    pub fn duration(self) -> Duration {
        Duration::from_millis(u64::try_from(self.0).unwrap_or(0))
    }
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", humantime::format_duration(self.duration()))
    }
}

impl Serialize for Period {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Period {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl de::Visitor<'_> for Visitor {
            type Value = Period;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(
                    "a length of time such as \"30d\", \"12h\", \"90s\" or a number of seconds",
                )
            }

            fn visit_i64<E: de::Error>(self, seconds: i64) -> Result<Period, E> {
                match seconds.checked_mul(SECOND) {
                    Some(millis) if seconds >= 0 => Ok(Period(millis)),
                    _ => Err(E::invalid_value(de::Unexpected::Signed(seconds), &self)),
                }
            }

            fn visit_u64<E: de::Error>(self, seconds: u64) -> Result<Period, E> {
                self.visit_i64(i64::try_from(seconds).unwrap_or(i64::MAX))
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Period, E> {
                if let Ok(seconds) = text.parse() {
                    return self.visit_i64(seconds);
                }
                humantime::parse_duration(text)
                    .ok()
                    .and_then(|length| i64::try_from(length.as_millis()).ok())
                    .map(Period)
                    .ok_or_else(|| E::invalid_value(de::Unexpected::Str(text), &self))
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

/// One mistake, in a sentence that says where it is and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem(pub String);

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Reads the configuration. `file` is the TOML file, if any; `environment` all variables; `flags`
/// settings by dotted key. All problems come at once.
pub fn load(
    file: Option<&Path>,
    environment: impl IntoIterator<Item = (String, String)>,
    flags: &[(&str, String)],
) -> Result<Config, Vec<Problem>> {
    let mut problems = Vec::new();
    let mut builder = config::Config::builder();
    if let Some(path) = file {
        match std::fs::read_to_string(path) {
            Ok(text) => {
                builder =
                    builder.add_source(config::File::from_str(&text, config::FileFormat::Toml))
            }
            Err(error) => {
                problems.push(Problem(format!("cannot read {}: {error}", path.display())))
            }
        }
    }
    // Only names with a section: SSO_HOME or SSO_TOKEN belong to somebody else.
    let ours: Vec<(String, String)> = environment
        .into_iter()
        .filter(|(name, _)| name.strip_prefix(PREFIX).is_some_and(|rest| rest.contains("__")))
        .collect();
    builder = builder.add_source(
        config::Environment::with_prefix("SSO")
            .prefix_separator("_")
            .separator("__")
            .list_separator(",")
            .with_list_parse_key(LISTS[0])
            .with_list_parse_key(LISTS[1])
            .try_parsing(true)
            .source(Some(ours.iter().cloned().collect())),
    );
    for (key, value) in flags {
        let value = if LISTS.contains(key) {
            config::Value::from(value.split(',').map(str::trim).collect::<Vec<_>>())
        } else {
            config::Value::from(value.as_str())
        };
        match builder.clone().set_override(key, value) {
            Ok(with) => builder = with,
            Err(error) => problems.push(Problem(format!("{key}: {error}"))),
        }
    }
    let settings = match builder.build() {
        Ok(settings) => settings,
        Err(error) => {
            let place = file.map_or_else(String::new, |path| format!("{}: ", path.display()));
            problems.push(Problem(format!("{place}{}", without_the_line(&error.to_string()))));
            return Err(problems);
        }
    };
    match settings.clone().try_deserialize::<Config>() {
        Ok(config) => {
            problems.extend(config.problems());
            if problems.is_empty() { Ok(config) } else { Err(problems) }
        }
        Err(_) => {
            problems.extend(mistakes(&settings, &ours));
            Err(problems)
        }
    }
}

/// Looks at each setting by itself, so that one mistake does not hide another.
fn mistakes(settings: &config::Config, environment: &[(String, String)]) -> Vec<Problem> {
    let known = known_keys();
    let mut leaves = BTreeMap::new();
    flatten("", &settings.cache, &mut leaves);
    let mut problems = Vec::new();
    let mut right = config::Config::builder();
    for (key, value) in leaves {
        let variable = format!("{PREFIX}{}", key.replace('.', "__").to_uppercase());
        let from_environment = environment.iter().any(|(name, _)| *name == variable);
        let place = if from_environment { format!("{variable} ({key})") } else { key.clone() };
        if !known.contains(&key) {
            problems.push(Problem(unknown(&place, &key, &known)));
            continue;
        }
        let alone = config::Config::builder().set_override(&key, value.clone());
        match alone.and_then(|alone| alone.build()).and_then(|one| one.try_deserialize::<Config>())
        {
            Err(error) => problems.push(Problem(format!("{place}: {}", plain(&error)))),
            Ok(_) => {
                if let Ok(with) = right.clone().set_override(&key, value) {
                    right = with;
                }
            }
        }
    }
    // What was readable may still make no sense.
    if let Ok(config) = right.build().and_then(|rest| rest.try_deserialize::<Config>()) {
        problems.extend(config.problems());
    }
    problems
}

/// TOML's parser says where and what, and quotes the line between the two, in which the database's
/// password may stand.
fn without_the_line(error: &str) -> String {
    let quotes = |line: &&str| {
        let margin = line.trim_start_matches(|c: char| c.is_ascii_digit() || c == ' ');
        margin.starts_with('|')
    };
    let lines: Vec<&str> = error.lines().filter(|line| !quotes(line)).collect();
    lines.join(": ").trim_end_matches([':', ' ']).to_owned()
}

fn plain(error: &config::ConfigError) -> String {
    match error {
        config::ConfigError::At { error, .. } => plain(error),
        other => other.to_string().split(" for key").next().unwrap_or_default().to_owned(),
    }
}

fn unknown(place: &str, key: &str, known: &[String]) -> String {
    let section = key.split('.').next().unwrap_or_default();
    let near: Vec<&str> = known
        .iter()
        .filter(|other| other.split('.').next() == Some(section))
        .map(String::as_str)
        .collect();
    if near.is_empty() {
        let mut sections: Vec<&str> = known.iter().filter_map(|k| k.split('.').next()).collect();
        sections.dedup();
        format!("{place}: unknown key; the sections are {}", sections.join(", "))
    } else {
        format!("{place}: unknown key; [{section}] has {}", near.join(", "))
    }
}

fn known_keys() -> Vec<String> {
    fn walk(prefix: &str, value: &serde_json::Value, keys: &mut Vec<String>) {
        match value {
            serde_json::Value::Object(fields) => {
                for (name, field) in fields {
                    let key =
                        if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
                    walk(&key, field, keys);
                }
            }
            _ => keys.push(prefix.to_owned()),
        }
    }
    let mut keys = Vec::new();
    if let Ok(defaults) = serde_json::to_value(Config::default()) {
        walk("", &defaults, &mut keys);
    }
    keys.sort();
    keys
}

fn flatten(prefix: &str, value: &config::Value, leaves: &mut BTreeMap<String, config::Value>) {
    match &value.kind {
        config::ValueKind::Table(fields) => {
            for (name, field) in fields {
                let key = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
                flatten(&key, field, leaves);
            }
        }
        _ => {
            leaves.insert(prefix.to_owned(), value.clone());
        }
    }
}

impl Config {
    /// Everything about these values that makes no sense.
    pub fn problems(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        let mut check = |good: bool, problem: &dyn Fn() -> String| {
            if !good {
                problems.push(Problem(problem()));
            }
        };
        check(self.listen().is_some(), &|| {
            format!(
                "server.listen: `{}` is not an address with a port, such as 127.0.0.1:8800",
                self.server.listen
            )
        });
        if let Err(why) = public_url(&self.server.public_url) {
            check(false, &|| format!("server.public_url: {why}"));
        }
        let networks = [
            ("trusted_proxies", &self.server.trusted_proxies),
            ("metrics_from", &self.server.metrics_from),
        ];
        for (key, network) in
            networks.into_iter().flat_map(|(key, all)| all.iter().map(move |one| (key, one)))
        {
            check(parse_network(network).is_some(), &|| {
                format!(
                    "server.{key}: `{network}` is neither an address nor a network such as 10.0.0.0/8"
                )
            });
        }
        let scheme = self.database.url.split_once(':').map(|(scheme, _)| scheme);
        check(matches!(scheme, Some("sqlite" | "postgres" | "postgresql")), &|| {
            format!(
                "database.url: `{}` begins with neither sqlite:// nor postgres://",
                crate::store::without_password(&self.database.url)
            )
        });
        check(
            scheme != Some("sqlite") || crate::store::sqlite_path(&self.database.url).is_some(),
            &|| {
                "database.url: a file is needed, as in sqlite://passport.db; databases in memory are not supported".to_owned()
            },
        );
        check((1..=512).contains(&self.database.max_connections), &|| {
            "database.max_connections: between 1 and 512".to_owned()
        });
        check(!self.master_key.file.is_empty(), &|| "master_key.file: a path is needed".to_owned());
        check(self.session.lifetime.0 >= MINUTE, &|| {
            "session.lifetime: at least one minute".to_owned()
        });
        for (key, idle) in [
            ("session.idle", self.session.idle),
            ("session.browser_idle", self.session.browser_idle),
        ] {
            check(idle.0 >= MINUTE && idle <= self.session.lifetime, &|| {
                format!(
                    "{key}: between one minute and session.lifetime ({})",
                    self.session.lifetime
                )
            });
        }
        check(self.app_session.lifetime.0 >= MINUTE, &|| {
            "app_session.lifetime: at least one minute".to_owned()
        });
        check((1..=LIFETIME_MAX_SECONDS).contains(&self.ticket.lifetime.as_seconds()), &|| {
            format!("ticket.lifetime: between 1 and {LIFETIME_MAX_SECONDS} seconds")
        });
        check(self.events.lease.0 >= SECOND, &|| "events.lease: at least one second".to_owned());
        check((1..=300).contains(&self.events.longest_wait.as_seconds()), &|| {
            "events.longest_wait: between 1 and 300 seconds".to_owned()
        });
        check((8..=1 << 20).contains(&self.password.memory_kib), &|| {
            "password.memory_kib: between 8 and 1048576".to_owned()
        });
        check((1..=16).contains(&self.password.iterations), &|| {
            "password.iterations: between 1 and 16".to_owned()
        });
        check((1..=8).contains(&self.password.parallelism), &|| {
            "password.parallelism: between 1 and 8".to_owned()
        });
        check(self.password.memory_kib >= 8 * self.password.parallelism, &|| {
            "password.memory_kib: at least 8 for each lane of password.parallelism".to_owned()
        });
        check((1..=10_000).contains(&self.password.queue), &|| {
            "password.queue: between 1 and 10000".to_owned()
        });
        check((0..=19).contains(&self.password.niceness), &|| {
            "password.niceness: between 0 and 19".to_owned()
        });
        check((1..=128).contains(&self.password.min_length), &|| {
            "password.min_length: between 1 and 128".to_owned()
        });
        check((1..=100).contains(&self.throttle.account_attempts), &|| {
            "throttle.account_attempts: between 1 and 100 (NIST SP 800-63B allows no more)"
                .to_owned()
        });
        check(self.throttle.address_attempts >= 1, &|| {
            "throttle.address_attempts: at least 1".to_owned()
        });
        check(["en", "zh", "ru"].contains(&self.pages.default_locale.as_str()), &|| {
            format!(
                "pages.default_locale: `{}` is not one of en, zh, ru",
                self.pages.default_locale
            )
        });
        check(self.admin.act_max_age.0 >= SECOND, &|| {
            "admin.act_max_age: at least one second".to_owned()
        });
        check(self.admin.login_max_age >= self.admin.act_max_age, &|| {
            "admin.login_max_age: at least admin.act_max_age".to_owned()
        });
        check(self.log.level.parse::<tracing_subscriber::filter::Targets>().is_ok(), &|| {
            format!("log.level: `{}` is neither a level nor a filter", self.log.level)
        });
        problems
    }

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

    /// How long sessions hold.
    pub fn session_limits(&self) -> Limits {
        Limits {
            lifetime: self.session.lifetime.0,
            idle: self.session.idle.0,
            browser_idle: self.session.browser_idle.0,
        }
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

    /// The configuration as a TOML file would have it.
    pub fn example() -> &'static str {
        include_str!("../passport.example.toml")
    }
}

fn parse_network(text: &str) -> Option<IpNet> {
    text.parse().ok().or_else(|| text.parse::<std::net::IpAddr>().ok().map(IpNet::from))
}

fn public_url(text: &str) -> Result<(), String> {
    let url = url::Url::parse(text).map_err(|error| format!("`{text}` is not a URL: {error}"))?;
    let origin = url.origin().ascii_serialization();
    if origin != text {
        return Err(format!(
            "`{text}` must be scheme and host alone, without a path or a slash at the end: {origin}"
        ));
    }
    let local = match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    match url.scheme() {
        "https" => Ok(()),
        "http" if local => Ok(()),
        _ => Err(format!(
            "`{text}` must begin with https://; browsers keep the session cookie from http:// outside localhost"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(toml: &str, environment: &[(&str, &str)]) -> Result<Config, Vec<Problem>> {
        let file = std::env::temp_dir().join(format!(
            "passport-config-{}-{:p}.toml",
            std::process::id(),
            toml
        ));
        std::fs::write(&file, toml).unwrap();
        let environment = environment.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned()));
        let loaded = load(Some(&file), environment, &[]);
        std::fs::remove_file(&file).unwrap();
        loaded
    }

    #[test]
    fn defaults_make_sense() {
        assert_eq!(Config::default().problems(), []);
        assert_eq!(load(None, [], &[]).unwrap(), Config::default());
    }

    #[test]
    fn the_example_file_says_the_defaults() {
        assert_eq!(from(Config::example(), &[]).unwrap(), Config::default());
    }

    #[test]
    fn the_readme_names_every_key() {
        let readme = include_str!("../../README.md");
        for key in known_keys() {
            assert!(readme.contains(&format!("`{key}`")), "README.md does not name {key}");
        }
    }

    #[test]
    fn later_sources_win() {
        let toml =
            "[server]\nlisten = \"127.0.0.1:1\"\n[session]\nidle = \"2d\"\nlifetime = 864000";
        let environment = [
            ("SSO_SERVER__LISTEN", "127.0.0.1:2"),
            ("SSO_SERVER__TRUSTED_PROXIES", "10.0.0.0/8,::1"),
            ("SSO_PASSWORD__QUEUE", "9"),
        ];
        let config = from(toml, &environment).unwrap();
        assert_eq!(config.server.listen, "127.0.0.1:2");
        assert_eq!(config.trusted_proxies().len(), 2);
        assert_eq!(config.session.idle, Period::seconds(2 * 86_400));
        assert_eq!(config.session.lifetime, Period::seconds(10 * 86_400));
        assert_eq!(config.password.queue, 9);
        let flags = [
            ("server.listen", "127.0.0.1:3".to_owned()),
            ("server.trusted_proxies", "10.0.0.0/8, ::1".to_owned()),
        ];
        let config =
            load(None, [("SSO_SERVER__LISTEN".into(), "127.0.0.1:2".into())], &flags).unwrap();
        assert_eq!(config.server.listen, "127.0.0.1:3");
        assert_eq!(config.trusted_proxies().len(), 2);
    }

    #[test]
    fn all_problems_at_once() {
        let toml = "colour = 1\n[server]\nlissten = \"x\"\nlisten = \"nowhere\"\nworkers = \"many\"\n[session]\nidle = \"soon\"\n[password]\niterations = 0";
        let problems = from(
            toml,
            &[("SSO_TICKET__LIFETIME", "1h"), ("SSO_LOG__LEVVEL", "x"), ("SSO_HOME", "theirs")],
        )
        .unwrap_err();
        let text = problems.iter().map(Problem::to_string).collect::<Vec<_>>().join("\n");
        for part in [
            "colour",
            "server.lissten",
            "server.listen:",
            "server.workers",
            "session.idle",
            "password.iterations",
            "ticket.lifetime",
            "SSO_LOG__LEVVEL",
        ] {
            assert!(text.contains(part), "{part} is not named in:\n{text}");
        }
        assert_eq!(problems.len(), 8, "{text}");
    }

    #[test]
    fn public_urls() {
        for good in [
            "https://sso.example",
            "http://sso.localhost:8800",
            "http://127.0.0.1:1",
            "https://sso.example:8443",
        ] {
            assert_eq!(public_url(good), Ok(()), "{good}");
        }
        for bad in [
            "http://sso.example",
            "https://sso.example/",
            "https://sso.example/x",
            "sso.example",
            "ftp://x",
            "https://SSO.example",
        ] {
            assert!(public_url(bad).is_err(), "{bad}");
        }
    }
}
