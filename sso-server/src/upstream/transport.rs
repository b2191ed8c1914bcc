//! The only way out (DESIGN 6.7): resolved once, every address checked, connected to that address;
//! no redirects, no proxies, no cookies, small bodies, short times.
//!
//! Two ways to ask: [`Transport::post`] for what only has to arrive (events), [`Transport::fetch`] for
//! what is to be read, within the limits that the asker sets.
//!
//! The address is checked where the name is resolved, so what was checked is what is connected to:
//! a name that answers otherwise a moment later (DNS rebinding, SECURITY-CASES F-02) changes
//! nothing. A host that is written as an address is never resolved, so it is checked before.

use std::{
    error::Error,
    fmt, io,
    net::{IpAddr, SocketAddr},
    sync::{Arc, OnceLock},
    time::Duration,
};

use ipnet::IpNet;
use reqwest::{
    Client, Method, Response,
    dns::{Addrs, Name, Resolve, Resolving},
    header::{HeaderMap, HeaderName, HeaderValue, LOCATION, RETRY_AFTER},
    redirect::Policy,
};
use tokio::time::timeout;
use url::{Host, Url};

use super::address::not_public;
use crate::{
    config::Config,
    domain::{Millis, SECOND},
};

/// A request is over after this long, its answer included.
pub const WITHIN: Duration = Duration::from_secs(5);
/// The same for the first step, finding the host and reaching it.
const CONNECT_WITHIN: Duration = Duration::from_secs(3);
/// The same for the name alone.
const RESOLVE_WITHIN: Duration = Duration::from_secs(2);
/// A connection that nobody needs is kept so long: shorter than the usual server keeps its end, so
/// that no request goes into a connection that is being closed; and no address is trusted longer.
const IDLE: Duration = Duration::from_secs(4);
/// So much of an answer is read, and thrown away.
const ANSWER_MAX: usize = 4 * 1024;
/// A redirect's target is shown so far.
const SHOWN: usize = 200;

/// Where requests may go.
#[derive(Clone, Debug, Default)]
struct Rules {
    loopback: bool,
    networks: Vec<IpNet>,
}

impl Rules {
    /// `Err` says why not.
    fn check(&self, address: IpAddr) -> Result<(), Refused> {
        let allowed = (self.loopback && address.is_loopback())
            || self.networks.iter().any(|network| network.contains(&address));
        match not_public(address) {
            Some(why) if !allowed => Err(Refused { address, why }),
            _ => Ok(()),
        }
    }
}

/// An address that requests must not be sent to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Refused {
    address: IpAddr,
    why: &'static str,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is {}", self.address, self.why)
    }
}

impl Error for Refused {}

/// The way out.
pub struct Transport {
    rules: Arc<Rules>,
    own: Option<Url>,
    /// Made when first needed: commands that send nothing do not read root certificates.
    http: OnceLock<Result<Client, String>>,
}

impl fmt::Debug for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Transport")
    }
}

/// What came back. Its body is nobody's business (SECURITY-CASES F-05).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The status; never 3xx.
    pub status: u16,
    /// When to come again, if it says so: milliseconds from now.
    pub retry_after: Option<Millis>,
}

/// A request whose answer is to be read.
#[derive(Clone, Debug)]
pub struct Ask {
    /// GET or POST.
    pub method: Method,
    /// Where to.
    pub url: Url,
    /// Beside the usual ones.
    pub headers: HeaderMap,
    /// Empty for GET.
    pub body: String,
    /// Most bytes of the answer's body.
    pub body_max: usize,
    /// Most bytes of the answer's headers.
    pub headers_max: usize,
    /// It is over after this long, its answer included.
    pub within: Duration,
}

/// An answer that was read. A redirect is one, too: it is the asker's to judge, and to ask anew.
#[derive(Clone)]
pub struct Fetched {
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body as it was sent: nothing is decompressed.
    pub body: Vec<u8>,
}

impl fmt::Debug for Fetched {
    /// Without the rest: it may hold secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({} bytes)", self.status, self.body.len())
    }
}

/// Why nothing came back. The sentences are for operators.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TransportError {
    /// The host leads to where requests must not go.
    #[error(
        "the host leads to {0}; requests go to public addresses only (outgoing.allow_networks lists exceptions)"
    )]
    Address(String),
    /// The name is not known.
    #[error("the name of the host cannot be resolved: {0}")]
    Dns(String),
    /// Nobody answers there.
    #[error("no connection: {0}")]
    Connect(String),
    /// It is not who it should be.
    #[error("the certificate is not valid: {0}")]
    Certificate(String),
    /// It does not speak TLS with us.
    #[error("no TLS connection: {0}")]
    Tls(String),
    /// Too slow.
    #[error("no answer within {} seconds", WITHIN.as_secs())]
    TimedOut,
    /// More than may be read.
    #[error("the answer is too large")]
    TooLarge,
    /// It sends us elsewhere.
    #[error("answered {status}, a redirect to {to}; redirects are not followed")]
    Redirect {
        /// The status.
        status: u16,
        /// Where to, without its query.
        to: String,
    },
    /// The connection broke in the middle.
    #[error("the connection broke: {0}")]
    Broken(String),
    /// This machine cannot send requests.
    #[error(
        "HTTPS cannot be set up here: {0}. Without root certificates, install them (on Debian: apt install ca-certificates)"
    )]
    Setup(String),
}

impl TransportError {
    /// A stable word to decide by.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Address(_) => "address",
            Self::Dns(_) => "dns",
            Self::Connect(_) => "connect",
            Self::Certificate(_) => "certificate",
            Self::Tls(_) => "tls",
            Self::TimedOut => "timeout",
            Self::TooLarge => "too_large",
            Self::Redirect { .. } => "redirect",
            Self::Broken(_) => "broken",
            Self::Setup(_) => "setup",
        }
    }
}

impl Transport {
    /// As configured.
    pub fn new(config: &Config) -> Self {
        let rules = Rules {
            loopback: config.outgoing.allow_loopback,
            networks: config.outgoing_networks(),
        };
        let own = Url::parse(&config.server.public_url).ok();
        Self { rules: Arc::new(rules), own, http: OnceLock::new() }
    }

    /// Sends one request and waits for its answer.
    pub async fn post(
        &self,
        url: &Url,
        headers: HeaderMap,
        body: String,
    ) -> Result<Answer, TransportError> {
        self.check(url)?;
        let client = self.client()?;
        let sent = client.post(url.clone()).headers(headers).body(body).send().await;
        let response = sent.map_err(understood)?;
        let status = response.status();
        if status.is_redirection() {
            let to = target(url, response.headers());
            return Err(TransportError::Redirect { status: status.as_u16(), to });
        }
        let retry_after = retry_after(response.headers());
        read_to_end(response).await?;
        Ok(Answer { status: status.as_u16(), retry_after })
    }

    /// Sends one request and reads its answer.
    pub async fn fetch(&self, ask: Ask) -> Result<Fetched, TransportError> {
        self.check(&ask.url)?;
        usual_port(&ask.url)?;
        let request = self
            .client()?
            .request(ask.method, ask.url)
            .headers(ask.headers)
            .body(ask.body)
            .timeout(ask.within);
        let mut response = request.send().await.map_err(understood)?;
        let headers = std::mem::take(response.headers_mut());
        let size =
            |(name, value): (&HeaderName, &HeaderValue)| name.as_str().len() + value.len() + 4;
        if headers.iter().map(size).sum::<usize>() > ask.headers_max {
            return Err(TransportError::TooLarge);
        }
        let status = response.status().as_u16();
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(understood)? {
            if body.len() + chunk.len() > ask.body_max {
                return Err(TransportError::TooLarge);
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Fetched { status, headers, body })
    }

    /// Whether a browser may be sent there: the same checks, without a request. A document that
    /// somebody wrote could lead people to what stands in our own network.
    pub async fn vet(&self, url: &Url) -> Result<(), TransportError> {
        self.check(url)?;
        usual_port(url)?;
        if let Some(Host::Domain(name)) = url.host() {
            resolve(name, &self.rules).await.map_err(|error| {
                match error.downcast_ref::<Refused>() {
                    Some(refused) => TransportError::Address(refused.to_string()),
                    None => TransportError::Dns(error.to_string()),
                }
            })?;
        }
        Ok(())
    }

    /// What can be said before anything is asked. An address in place of a name is not resolved, so
    /// it would pass by the check there.
    fn check(&self, url: &Url) -> Result<(), TransportError> {
        let ours = |own: &Url| {
            own.host() == url.host() && own.port_or_known_default() == url.port_or_known_default()
        };
        if self.own.as_ref().is_some_and(ours) {
            return Err(TransportError::Address("Passport itself".to_owned()));
        }
        let address = match url.host() {
            Some(Host::Ipv4(address)) => IpAddr::V4(address),
            Some(Host::Ipv6(address)) => IpAddr::V6(address),
            _ => return Ok(()),
        };
        self.rules.check(address).map_err(|refused| TransportError::Address(refused.to_string()))
    }

    fn client(&self) -> Result<&Client, TransportError> {
        let made = self.http.get_or_init(|| {
            #[expect(
                clippy::disallowed_methods,
                reason = "built here once, with deadlines and a resolver"
            )]
            let builder = Client::builder();
            builder
                .connect_timeout(CONNECT_WITHIN)
                .timeout(WITHIN)
                .redirect(Policy::none())
                .no_proxy()
                .referer(false)
                .dns_resolver(Arc::new(CheckedResolver { rules: self.rules.clone() }))
                .pool_max_idle_per_host(1)
                .pool_idle_timeout(IDLE)
                .user_agent(concat!("passport/", env!("CARGO_PKG_VERSION")))
                .build()
                .map_err(|error| chain(&error))
        });
        made.as_ref().map_err(|why| TransportError::Setup(why.clone()))
    }
}

/// The web's ports, and those that anybody may open a server on: no mail, no login, no file share is
/// spoken to (SECURITY-CASES F-04).
fn usual_port(url: &Url) -> Result<(), TransportError> {
    match url.port_or_known_default() {
        Some(80 | 443 | 1024..) => Ok(()),
        port => Err(TransportError::Address(format!("port {}", port.unwrap_or(0)))),
    }
}

/// Reads what is small, so that the connection can be used again; what is larger is left.
async fn read_to_end(mut response: Response) -> Result<(), TransportError> {
    let mut read = 0;
    while read < ANSWER_MAX {
        match response.chunk().await.map_err(understood)? {
            Some(chunk) => read += chunk.len(),
            None => break,
        }
    }
    Ok(())
}

/// Where a redirect leads, fit to be shown: the query may hold secrets of the app.
fn target(url: &Url, headers: &HeaderMap) -> String {
    let location = headers.get(LOCATION).and_then(|location| location.to_str().ok());
    let Some(Ok(mut to)) = location.map(|location| url.join(location)) else {
        return "nowhere".to_owned();
    };
    to.set_query(None);
    to.set_fragment(None);
    let _ = (to.set_username(""), to.set_password(None));
    to.as_str().chars().take(SHOWN).collect()
}

/// `Retry-After` (RFC 9110 section 10.2.3) in seconds. The form with a date needs two clocks that
/// agree; without it the app is asked again in our own time.
fn retry_after(headers: &HeaderMap) -> Option<Millis> {
    let seconds: i64 = headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(seconds.clamp(0, i64::from(u32::MAX)) * SECOND)
}

/// Finds in a chain of errors what an operator has to know.
fn understood(error: reqwest::Error) -> TransportError {
    let error = error.without_url();
    let mut link: Option<&(dyn Error + 'static)> = Some(&error);
    while let Some(one) = link {
        if let Some(refused) = one.downcast_ref::<Refused>() {
            return TransportError::Address(refused.to_string());
        }
        if let Some(tls) = one.downcast_ref::<rustls::Error>() {
            return match tls {
                rustls::Error::InvalidCertificate(_) => {
                    TransportError::Certificate(tls.to_string())
                }
                _ => TransportError::Tls(tls.to_string()),
            };
        }
        // There is nothing to end before the handshake.
        let ended = |io: &io::Error| io.kind() == io::ErrorKind::UnexpectedEof;
        if error.is_connect() && one.downcast_ref::<io::Error>().is_some_and(ended) {
            return TransportError::Tls("the other side ended the handshake".to_owned());
        }
        link = next(one);
    }
    if error.is_dns() {
        TransportError::Dns(innermost(&error))
    } else if error.is_connect() && error.is_timeout() {
        let within = CONNECT_WITHIN.as_secs();
        TransportError::Connect(format!("nobody takes it within {within} seconds"))
    } else if error.is_timeout() {
        TransportError::TimedOut
    } else if error.is_connect() {
        TransportError::Connect(innermost(&error))
    } else {
        TransportError::Broken(innermost(&error))
    }
}

fn innermost(error: &(dyn Error + 'static)) -> String {
    let mut last = error;
    while let Some(inner) = next(last) {
        last = inner;
    }
    last.to_string()
}

/// The next link of a chain. What an I/O error wraps is not its source, but is what went wrong.
fn next<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a (dyn Error + 'static)> {
    match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
        Some(wrapped) => Some(wrapped),
        None => error.source(),
    }
}

fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        text = format!("{text}: {inner}");
        source = inner.source();
    }
    text
}

/// Resolves once and lets nothing pass that may not be connected to.
struct CheckedResolver {
    rules: Arc<Rules>,
}

impl Resolve for CheckedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let rules = self.rules.clone();
        Box::pin(async move {
            let addresses = resolve(name.as_str(), &rules).await?;
            Ok(Box::new(addresses.into_iter()) as Addrs)
        })
    }
}

/// The addresses of a name, if all of them may be connected to.
async fn resolve(
    host: &str,
    rules: &Rules,
) -> Result<Vec<SocketAddr>, Box<dyn Error + Send + Sync>> {
    // RFC 6761 section 6.3: never asked of a DNS server. libc does not always know.
    let addresses: Vec<SocketAddr> = if host == "localhost" || host.ends_with(".localhost") {
        vec![([127, 0, 0, 1], 0).into(), ([0u16, 0, 0, 0, 0, 0, 0, 1], 0).into()]
    } else {
        let found = timeout(RESOLVE_WITHIN, tokio::net::lookup_host((host, 0))).await;
        found.map_err(|_| "no answer from the name server")??.collect()
    };
    // One bad address spoils the name: an honest host does not mix them.
    for address in &addresses {
        rules.check(address.ip())?;
    }
    Ok(addresses)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn transport(change: impl FnOnce(&mut Config)) -> Transport {
        crate::tokens::crypto::install();
        let mut config = Config::default();
        change(&mut config);
        Transport::new(&config)
    }

    async fn refused(transport: &Transport, url: &str) -> bool {
        let url = Url::parse(url).unwrap();
        let outcome = transport.post(&url, HeaderMap::new(), String::new()).await;
        let refused = matches!(outcome, Err(TransportError::Address(_)));
        // Every way out and every check of an address says the same.
        let ask = Ask {
            method: Method::GET,
            url: url.clone(),
            headers: HeaderMap::new(),
            body: String::new(),
            body_max: 1024,
            headers_max: 1024,
            within: WITHIN,
        };
        let fetched = matches!(transport.fetch(ask).await, Err(TransportError::Address(_)));
        let vetted = matches!(transport.vet(&url).await, Err(TransportError::Address(_)));
        if url.port_or_known_default().is_some_and(|port| port >= 80) {
            assert_eq!((fetched, vetted), (refused, refused), "{url}");
        } else {
            assert!(fetched && vetted, "{url}");
        }
        refused
    }

    // SECURITY-CASES F-01: what is written as an address is checked before, what is a name when it
    // is resolved; however it is spelt.
    #[tokio::test]
    async fn nothing_leads_inside() {
        let transport = transport(|_| {});
        for url in [
            "http://127.0.0.1:1/",
            "http://127.1:1/",
            "http://0x7f.1:1/",
            "http://2130706433:1/",
            "http://0.0.0.0:1/",
            "http://[::1]:1/",
            "http://[::ffff:127.0.0.1]:1/",
            "http://[64:ff9b::7f00:1]:1/",
            "http://[2002:7f00:1::]:1/",
            "http://10.0.0.1:1/",
            "https://169.254.169.254/latest/meta-data",
            "https://[fd00:ec2::254]/",
            "https://100.64.0.1/",
            "https://224.0.0.1/",
            "http://①②⑦.0.0.1:1/",
            "http://localhost:1/",
            "http://aw.localhost:1/",
            "http://sso.localhost:8800/events",
        ] {
            assert!(refused(&transport, url).await, "{url}");
        }
    }

    #[tokio::test]
    async fn what_is_allowed_is_tried() {
        let loopback = transport(|config| config.outgoing.allow_loopback = true);
        for url in ["http://127.0.0.1:1/", "http://aw.localhost:1/"] {
            assert!(!refused(&loopback, url).await, "{url}");
        }
        for url in ["http://10.0.0.1:1/", "http://[::ffff:127.0.0.1]:1/", "http://0.0.0.0:1/"] {
            assert!(refused(&loopback, url).await, "{url}: loopback and nothing else");
        }
        assert!(refused(&loopback, "http://sso.localhost:8800/").await, "Passport itself");
        let network =
            transport(|config| config.outgoing.allow_networks = vec!["127.0.0.2".to_owned()]);
        assert!(!refused(&network, "http://127.0.0.2:1/").await);
        assert!(refused(&network, "http://127.0.0.1:1/").await);
    }

    #[test]
    fn what_is_shown_of_a_redirect() {
        let url = Url::parse("https://aw.example/events").unwrap();
        let shown = |location: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(LOCATION, location.parse().unwrap());
            target(&url, &headers)
        };
        assert_eq!(shown("/login?token=secret#x"), "https://aw.example/login");
        assert_eq!(shown("http://a:b@10.0.0.1/"), "http://10.0.0.1/");
        assert_eq!(target(&url, &HeaderMap::new()), "nowhere");
    }
}
