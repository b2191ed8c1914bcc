//! The only way out (DESIGN 6.7): resolved once, every address checked, connected to that address;
//! no redirects, no proxies, no cookies, small bodies, short times.
//!
//! Two ways to ask: [`Transport::post`] for what only has to arrive (events), [`Transport::fetch`] for
//! what is to be read, within the limits that the asker sets.
//!
//! Where requests may go, [`destination`] says.

mod answer;
mod destination;
mod error;

use std::{
    fmt,
    sync::{Arc, OnceLock},
    time::Duration,
};

use reqwest::{Client, Method, header::HeaderMap, redirect::Policy};
use url::Url;

pub use self::{
    answer::{Answer, Fetched},
    error::TransportError,
};
use self::{
    destination::{CheckedResolver, Rules, usual_port},
    error::{chain, understood},
};
use crate::config::Config;

/// A request is over after this long, its answer included.
pub const WITHIN: Duration = Duration::from_secs(5);
/// The same for the first step, finding the host and reaching it.
const CONNECT_WITHIN: Duration = Duration::from_secs(3);
/// A connection that nobody needs is kept so long: shorter than the usual server keeps its end, so
/// that no request goes into a connection that is being closed; and no address is trusted longer.
const IDLE: Duration = Duration::from_secs(4);

/// The way out.
pub struct Transport {
    rules: Arc<Rules>,
    /// Made when first needed: commands that send nothing do not read root certificates.
    http: OnceLock<Result<Client, String>>,
}

impl fmt::Debug for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Transport")
    }
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

impl Transport {
    /// As configured.
    pub fn new(config: &Config) -> Self {
        Self { rules: Arc::new(Rules::new(config)), http: OnceLock::new() }
    }

    /// Sends one request and waits for its answer.
    pub async fn post(
        &self,
        url: &Url,
        headers: HeaderMap,
        body: String,
    ) -> Result<Answer, TransportError> {
        self.rules.check(url)?;
        let client = self.client()?;
        let sent = client.post(url.clone()).headers(headers).body(body).send().await;
        Answer::take(url, sent.map_err(understood)?).await
    }

    /// Sends one request and reads its answer.
    pub async fn fetch(&self, ask: Ask) -> Result<Fetched, TransportError> {
        self.rules.check(&ask.url)?;
        usual_port(&ask.url)?;
        let request = self
            .client()?
            .request(ask.method, ask.url)
            .headers(ask.headers)
            .body(ask.body)
            .timeout(ask.within);
        let response = request.send().await.map_err(understood)?;
        Fetched::read(response, ask.headers_max, ask.body_max).await
    }

    /// Whether a browser may be sent there: the same checks, without a request. A document that
    /// somebody wrote could lead people to what stands in our own network.
    pub async fn vet(&self, url: &Url) -> Result<(), TransportError> {
        self.rules.check(url)?;
        usual_port(url)?;
        self.rules.check_name(url).await
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
                .dns_resolver(Arc::new(CheckedResolver(self.rules.clone())))
                .pool_max_idle_per_host(1)
                .pool_idle_timeout(IDLE)
                .user_agent(concat!("passport/", env!("CARGO_PKG_VERSION")))
                .build()
                .map_err(|error| chain(&error))
        });
        made.as_ref().map_err(|why| TransportError::Setup(why.clone()))
    }
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
}
