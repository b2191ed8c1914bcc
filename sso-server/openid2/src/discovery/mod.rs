//! Discovery: from what somebody typed to the provider that may speak of it (section 7.3).
//!
//! ```text
//! URL ── GET, Accept: XRDS ──┬─ an XRDS document ────────────┬─ endpoints
//!                            ├─ a header or a <meta> names one ┘    │ none
//!                            └─ <link>s in the page ────────────────┴─ endpoints
//! ```
//!
//! The URL at the end of the redirects is the claimed identifier. Every hop is judged by
//! [`Policy`], and once a hop was https, all later ones must be.

mod endpoint;
pub mod html;
mod resolve;
pub mod xrds;

use serde::{Deserialize, Serialize};

pub use self::endpoint::{Endpoint, Person};
use self::{endpoint::Contradiction, html::Head, xrds::Xrds};
use crate::{
    exchange::{Answer, Exchange, Fetch, Limits, Method, Step, Unreachable},
    identifier::{Identifier, UserInput, Xri},
    names::{XRDS_LOCATION, XRDS_MEDIA_TYPE},
    policy::Policy,
    url::WebUrl,
};

/// Redirects of one page.
pub const MAX_REDIRECTS: usize = 3;

const ACCEPT: (&str, &str) =
    ("accept", "application/xrds+xml, application/xhtml+xml;q=0.5, text/html;q=0.3");
const ACCEPT_HTML: (&str, &str) = ("accept", "text/html, application/xhtml+xml;q=0.9");

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Discovered {
    /// The identifier whose owner may log in: the URL after all redirects, or the CanonicalID.
    pub claimed_id: Identifier,
    /// Best first, never empty.
    pub endpoints: Vec<Endpoint>,
}

/// Why nothing was found. People are told one thing whatever it was: how a fetch failed says what
/// is reachable from here (blind request forgery).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DiscoveryError {
    /// No answer.
    #[error("no answer: {0}")]
    Unreachable(#[from] Unreachable),
    /// Not 200.
    #[error("answered with status {0}")]
    Status(u16),
    /// A redirect to nowhere, in circles, or too many.
    #[error("redirected in vain")]
    Redirect,
    /// A step without TLS that the policy does not allow.
    #[error("a step without TLS")]
    Insecure,
    /// Too large, or compressed.
    #[error("an answer that is too large or compressed")]
    Body,
    /// A page, but nobody says that one can log in with it.
    #[error("no OpenID there")]
    Nothing,
    /// One service with two different local identifiers.
    #[error("the document contradicts itself")]
    Contradiction,
    /// XRIs are not resolved here.
    #[error("XRIs are not resolved here")]
    XriDisabled,
    /// The resolver does not know it, or does not prove it.
    #[error("the XRI could not be resolved")]
    XriUnresolved,
}

impl From<Contradiction> for DiscoveryError {
    fn from(_: Contradiction) -> Self {
        Self::Contradiction
    }
}

/// The exchange.
#[derive(Clone, Debug)]
pub struct Discovery {
    policy: Policy,
    trail: Trail,
    state: State,
    /// Where to begin anew if this comes to nothing: the same without TLS.
    otherwise: Option<WebUrl>,
}

#[derive(Clone, Debug)]
enum State {
    /// The identifier itself was asked for, with a preference for XRDS.
    Page,
    /// The document that a page named. What the page says itself is kept for later.
    Document { claimed_id: WebUrl, links: Vec<Endpoint> },
    /// The page once more, without the preference: the XRDS had nothing.
    PageAgain,
    /// What a proxy resolver says.
    Resolution(Xri),
}

/// The way that one fetch has taken.
#[derive(Clone, Debug)]
struct Trail {
    visited: Vec<WebUrl>,
    /// Whether TLS was spoken at any time.
    secure: bool,
}

impl Trail {
    fn first(&self) -> &WebUrl {
        &self.visited[0]
    }

    fn here(&self) -> &WebUrl {
        &self.visited[self.visited.len() - 1]
    }

    fn step(&mut self, to: WebUrl, policy: &Policy) -> Result<(), DiscoveryError> {
        if !policy.allows(&to, self.secure) {
            return Err(DiscoveryError::Insecure);
        }
        if self.visited.contains(&to) || self.visited.len() > MAX_REDIRECTS {
            return Err(DiscoveryError::Redirect);
        }
        self.secure |= to.is_https();
        self.visited.push(to);
        Ok(())
    }
}

impl Discovery {
    /// Starts with what somebody typed. Without a scheme https is tried first, and http only where
    /// the policy has it and the failure was not one of TLS.
    pub fn start(typed: &UserInput, policy: &Policy) -> Step<Self> {
        match &typed.identifier {
            Identifier::Url(http) if typed.scheme_assumed => {
                let https = WebUrl::normalise(&http.as_str().replacen("http://", "https://", 1));
                let otherwise = policy.allows(http, false).then(|| http.clone());
                Self::begin(https.unwrap_or_else(|_| http.clone()), policy, otherwise)
            }
            identifier => Self::of(identifier, policy),
        }
    }

    /// Starts with an identifier as it is: what a provider asserts.
    pub fn of(identifier: &Identifier, policy: &Policy) -> Step<Self> {
        match identifier {
            Identifier::Url(url) => Self::begin(url.clone(), policy, None),
            Identifier::Xri(xri) => {
                let Some(proxy) = &policy.xri_proxy else {
                    return Step::Failed(DiscoveryError::XriDisabled);
                };
                let Some(url) = resolve::question(proxy, xri) else {
                    return Step::Failed(DiscoveryError::XriUnresolved);
                };
                Self::ask_first(url, policy, State::Resolution(xri.clone()), None)
            }
        }
    }

    fn begin(url: WebUrl, policy: &Policy, otherwise: Option<WebUrl>) -> Step<Self> {
        Self::ask_first(url, policy, State::Page, otherwise)
    }

    fn ask_first(
        url: WebUrl,
        policy: &Policy,
        state: State,
        otherwise: Option<WebUrl>,
    ) -> Step<Self> {
        let trail = Trail { visited: Vec::new(), secure: false };
        Self { policy: policy.clone(), trail, state, otherwise }.ask_anew(url)
    }

    /// Another page: redirects are counted from here, TLS is remembered.
    fn ask_anew(mut self, url: WebUrl) -> Step<Self> {
        self.trail.visited.clear();
        self.ask(url)
    }

    fn ask(mut self, url: WebUrl) -> Step<Self> {
        if let Err(error) = self.trail.step(url, &self.policy) {
            return self.give_up(error);
        }
        let accept = match self.state {
            State::PageAgain => ACCEPT_HTML,
            _ => ACCEPT,
        };
        let fetch = Fetch {
            method: Method::Get,
            url: self.trail.here().as_str().to_owned(),
            headers: vec![accept],
            body: String::new(),
            limits: Limits::DOCUMENT,
        };
        Step::Fetch(fetch, self)
    }

    /// This state has come to nothing; what is left?
    fn give_up(mut self, error: DiscoveryError) -> Step<Self> {
        match std::mem::replace(&mut self.state, State::Page) {
            // The page itself may still say it (section 7.3.3).
            State::Document { claimed_id, links, .. } if !links.is_empty() => {
                let claimed_id = Identifier::Url(claimed_id);
                return Step::Done(Discovered { claimed_id, endpoints: links });
            }
            _ => {}
        }
        // Somebody on the way who breaks TLS must not win http by that.
        let broken_tls = error == DiscoveryError::Unreachable(Unreachable::Certificate);
        match self.otherwise.take() {
            Some(http) if !broken_tls => Self::begin(http, &self.policy, None),
            _ => Step::Failed(error),
        }
    }

    fn page(mut self, answer: &Answer) -> Step<Self> {
        let here = self.trail.here().clone();
        let claimed_id = Identifier::Url(here.clone());
        if answer.media_type().as_deref() == Some(XRDS_MEDIA_TYPE) {
            return match self.endpoints(&answer.body, &claimed_id) {
                Err(Contradiction) => Step::Failed(DiscoveryError::Contradiction),
                Ok(endpoints) if !endpoints.is_empty() => {
                    Step::Done(Discovered { claimed_id, endpoints })
                }
                Ok(_) => {
                    let original = self.trail.first().clone();
                    self.state = State::PageAgain;
                    self.trail.secure = false;
                    self.ask_anew(original)
                }
            };
        }
        let head = page_head(answer);
        let links = Endpoint::of_page(&head, &claimed_id, self.trail.secure, &self.policy);
        if let Some(location) = xrds_location(answer, &head) {
            self.state = State::Document { claimed_id: here, links };
            return self.ask_anew(location);
        }
        self.settle(claimed_id, links)
    }

    fn document(self, answer: &Answer, claimed_id: WebUrl) -> Step<Self> {
        let id = Identifier::Url(claimed_id);
        match self.endpoints(&answer.body, &id) {
            Err(Contradiction) => Step::Failed(DiscoveryError::Contradiction),
            Ok(endpoints) if endpoints.is_empty() => self.give_up(DiscoveryError::Nothing),
            Ok(endpoints) => Step::Done(Discovered { claimed_id: id, endpoints }),
        }
    }

    fn settle(self, claimed_id: Identifier, endpoints: Vec<Endpoint>) -> Step<Self> {
        if endpoints.is_empty() {
            return self.give_up(DiscoveryError::Nothing);
        }
        Step::Done(Discovered { claimed_id, endpoints })
    }

    /// What an XRDS document has for an identifier: its last descriptor counts. A document that is
    /// none has nothing.
    fn endpoints(&self, body: &[u8], id: &Identifier) -> Result<Vec<Endpoint>, Contradiction> {
        match Xrds::parse(body).ok().and_then(|document| document.descriptors.into_iter().last()) {
            Some(xrd) => Endpoint::of_descriptor(&xrd, id, self.trail.secure, &self.policy),
            None => Ok(Vec::new()),
        }
    }
}

impl Exchange for Discovery {
    type Output = Discovered;
    type Error = DiscoveryError;

    fn receive(self, answer: Result<Answer, Unreachable>) -> Step<Self> {
        let answer = match answer {
            Ok(answer) => answer,
            Err(unreachable) => return self.give_up(unreachable.into()),
        };
        match answer.status {
            200 => {}
            301 | 302 | 303 | 307 | 308 => {
                let location = answer.header("location").next().unwrap_or_default();
                return match self.trail.here().join(location) {
                    Ok(to) if !location.is_empty() => self.ask(to),
                    _ => self.give_up(DiscoveryError::Redirect),
                };
            }
            status => return self.give_up(DiscoveryError::Status(status)),
        }
        if !answer.plain(&Limits::DOCUMENT) {
            return self.give_up(DiscoveryError::Body);
        }
        match &self.state {
            State::Page => self.page(&answer),
            State::Document { claimed_id, .. } => {
                let claimed_id = claimed_id.clone();
                self.document(&answer, claimed_id)
            }
            State::PageAgain => {
                let claimed_id = Identifier::Url(self.trail.here().clone());
                let head = page_head(&answer);
                let links = Endpoint::of_page(&head, &claimed_id, self.trail.secure, &self.policy);
                self.settle(claimed_id, links)
            }
            State::Resolution(xri) => {
                let trusted = self.policy.xri_proxy.as_ref().is_some_and(|proxy| proxy.trusted);
                match resolve::answered(&answer.body, xri, trusted) {
                    None => self.give_up(DiscoveryError::XriUnresolved),
                    Some((id, xrd)) => {
                        let id = Identifier::Xri(id);
                        let secure = self.trail.secure;
                        match Endpoint::of_descriptor(&xrd, &id, secure, &self.policy) {
                            Err(Contradiction) => Step::Failed(DiscoveryError::Contradiction),
                            Ok(endpoints) => self.settle(id, endpoints),
                        }
                    }
                }
            }
        }
    }
}

/// What the head of a page says. What calls itself plain text is no page: on some hosts anybody can
/// store some.
fn page_head(answer: &Answer) -> Head {
    let is_page = answer.media_type().is_none_or(|media_type| {
        matches!(
            &*media_type,
            "text/html" | "application/xhtml+xml" | "text/xml" | "application/xml"
        )
    });
    if !is_page {
        return Head::default();
    }
    let content_type = answer.header("content-type").next();
    Head::parse(&html::decode(&answer.body, content_type))
}

/// Where the XRDS document is. The header wins over the page. Two that differ, or one that is no
/// absolute URL, say nothing (OPENID A16-26).
fn xrds_location(answer: &Answer, head: &Head) -> Option<WebUrl> {
    let mut named = answer.header(XRDS_LOCATION);
    let Some(first) = named.next() else {
        return WebUrl::normalise(head.xrds_location.as_deref()?).ok();
    };
    if named.any(|other| other != first) {
        return None;
    }
    WebUrl::normalise(first).ok()
}
