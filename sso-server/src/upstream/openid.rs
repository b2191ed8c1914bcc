//! OpenID 2.0 and 1.1: what drives the crate [`openid2`], which decides everything and does nothing
//! itself. Here its requests go out and come back; what is remembered of a login is in the store, and
//! the order of things in `flows::openid`.

use std::time::Duration;

use openid2::{
    exchange::{Answer, DEADLINE, Exchange, Fetch, Method, Step, Unreachable},
    extensions::{Extensions, ax, pape, sreg, ui},
    policy::{PlainHttp, Policy, XriProxy},
    realm::{Realm, relying_party_document},
    url::WebUrl,
    verify::Authenticated,
};
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use tokio::time::timeout;
use url::Url;

use super::{
    profile::Profile,
    transport::{Ask, Transport, TransportError},
};
use crate::config::Config;

/// Names identities of this kind, and the routes.
pub const BACKEND: &str = "openid";
/// Where providers send people back to.
pub const RETURN_PATH: &str = "/complete/openid";

/// We as a relying party: what the operator allows, and under which names providers know us.
#[derive(Debug)]
pub struct RelyingParty {
    /// What the operator allows.
    pub policy: Policy,
    /// Whom people are asked to trust: our own origin.
    pub realm: Realm,
    /// The only endpoints that anybody is sent to; empty allows all.
    providers: Vec<WebUrl>,
    return_to: String,
}

impl RelyingParty {
    /// As configured; `None` when it is switched off. (That the URLs parse, `Config::problems` has
    /// seen to.)
    pub fn new(config: &Config) -> Option<Self> {
        let openid = &config.openid;
        if !openid.enabled {
            return None;
        }
        let hosts = &openid.plain_http;
        let policy = Policy {
            plain_http: match &hosts[..] {
                [] => PlainHttp::Never,
                [all] if all == "*" => PlainHttp::Everywhere,
                _ => PlainHttp::Hosts(hosts.clone()),
            },
            openid1: openid.version_1,
            sha1: openid.sha1,
            xri_proxy: WebUrl::parse(&openid.xri_resolver)
                .ok()
                .map(|url| XriProxy { url, trusted: openid.trust_xri_resolver }),
            skew: openid.skew.as_seconds(),
        };
        let own = &config.server.public_url;
        let realm = Realm::parse(&format!("{own}/")).ok()?;
        let providers = openid.providers.iter().filter_map(|url| WebUrl::parse(url).ok()).collect();
        Some(Self { policy, realm, providers, return_to: format!("{own}{RETURN_PATH}") })
    }

    /// Whether the operator lets people log in there (OPENID A15). It is enough to ask before they
    /// leave: answers of other providers than the one that was asked are never believed.
    pub fn trusts(&self, op_endpoint: &WebUrl) -> bool {
        self.providers.is_empty() || self.providers.contains(op_endpoint)
    }

    /// The page that one login comes back to; `t` names the login.
    pub fn return_to(&self, t: &str) -> Option<WebUrl> {
        WebUrl::parse(&format!("{}?t={t}", self.return_to)).ok()
    }

    /// The document by which providers check that the page is ours (section 13).
    pub fn document(&self) -> Option<String> {
        WebUrl::parse(&self.return_to).ok().map(|url| relying_party_document(&url))
    }
}

/// What is asked for beside the identity: what the registration form is filled in with. `afresh`
/// asks that the person proves again who they are.
pub fn extensions(language: &'static str, afresh: bool) -> Extensions {
    use sreg::Field;
    Extensions {
        sreg: Some(sreg::Request {
            optional: vec![Field::Nickname, Field::Email, Field::Fullname, Field::Language],
            ..sreg::Request::default()
        }),
        ax: Some(ax::Request::profile()),
        pape: afresh.then(|| pape::Request { max_auth_age: Some(0), ..pape::Request::default() }),
        ui: Some(ui::Request { languages: vec![language.to_owned()] }),
    }
}

/// What the provider says of the person, in words that all backends have.
pub fn profile(person: &Authenticated) -> Profile {
    let sreg = sreg::Response::read(person.signed()).unwrap_or_default();
    let ax = ax::Response::read(person.signed()).unwrap_or_default();
    let of_ax = |kind| ax.first(kind).map(str::to_owned);
    let fullname = sreg.fullname.or_else(|| of_ax(ax::FULLNAME));
    let nickname = sreg.nickname.or_else(|| of_ax(ax::NICKNAME));
    Profile {
        username: nickname.clone(),
        nickname: fullname.or(nickname),
        email: sreg.email.or_else(|| ax.email().map(str::to_owned)),
    }
}

/// Why an exchange came to nothing.
#[derive(Debug, thiserror::Error)]
pub enum ExchangeError<E> {
    /// What the crate says.
    #[error(transparent)]
    Failed(E),
    /// It took longer than any exchange may.
    #[error("not finished within {} seconds", DEADLINE.as_secs())]
    TooSlow,
}

/// Drives an exchange to its end, within [`DEADLINE`] however many steps it takes.
pub async fn run<E: Exchange>(
    step: Step<E>,
    transport: &Transport,
) -> Result<E::Output, ExchangeError<E::Error>> {
    timeout(DEADLINE, steps(step, transport)).await.unwrap_or(Err(ExchangeError::TooSlow))
}

async fn steps<E: Exchange>(
    mut step: Step<E>,
    transport: &Transport,
) -> Result<E::Output, ExchangeError<E::Error>> {
    loop {
        match step {
            Step::Done(output) => return Ok(output),
            Step::Failed(error) => return Err(ExchangeError::Failed(error)),
            Step::Fetch(fetch, exchange) => step = exchange.receive(send(fetch, transport).await),
        }
    }
}

async fn send(fetch: Fetch, transport: &Transport) -> Result<Answer, Unreachable> {
    // The crate has checked the syntax by stricter rules.
    let url = Url::parse(&fetch.url).map_err(|_| Unreachable::Forbidden)?;
    let mut headers = HeaderMap::new();
    for (name, value) in fetch.headers {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    let method = match fetch.method {
        Method::Get => reqwest::Method::GET,
        Method::Post => {
            let form = HeaderValue::from_static("application/x-www-form-urlencoded");
            headers.entry(CONTENT_TYPE).or_insert(form);
            reqwest::Method::POST
        }
    };
    let ask = Ask {
        method,
        url,
        headers,
        body: fetch.body,
        body_max: fetch.limits.body,
        headers_max: fetch.limits.headers,
        within: fetch.limits.total,
    };
    let fetched = transport.fetch(ask).await.map_err(unreachable)?;
    let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let headers = fetched.headers.iter().map(|(name, value)| (name.to_string(), text(value)));
    Ok(Answer { status: fetched.status, headers: headers.collect(), body: fetched.body })
}

fn unreachable(error: TransportError) -> Unreachable {
    match error {
        TransportError::Address(_) => Unreachable::Forbidden,
        TransportError::Dns(_) | TransportError::Connect(_) | TransportError::Setup(_) => {
            Unreachable::Nobody
        }
        TransportError::Certificate(_) | TransportError::Tls(_) => Unreachable::Certificate,
        TransportError::TimedOut => Unreachable::TimedOut,
        TransportError::TooLarge => Unreachable::TooLarge,
        TransportError::Redirect { .. } | TransportError::Broken(_) => Unreachable::Broken,
    }
}

/// Longest wait of a request that starts a login: one exchange, and the look at the endpoint's
/// address.
pub const START_WITHIN: Duration = Duration::from_secs(DEADLINE.as_secs() + 3);
/// Longest wait of a request that finishes one: the provider is asked, and then the identifier.
pub const COMPLETE_WITHIN: Duration = Duration::from_secs(2 * DEADLINE.as_secs());
