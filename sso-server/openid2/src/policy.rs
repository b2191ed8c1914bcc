//! What the operator allows.

use crate::{names::UnixSeconds, url::WebUrl};

/// What the operator allows. The default is the strict choice for the public Internet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Who may be spoken to without TLS.
    pub plain_http: PlainHttp,
    /// Whether versions 1.0 and 1.1 are spoken.
    pub openid1: bool,
    /// Whether associations with HMAC-SHA1 are made, the only kind that version 1 has. Without
    /// them such providers are asked about every assertion.
    pub sha1: bool,
    /// Who resolves XRIs. `None` refuses them: the public resolvers are gone.
    pub xri_proxy: Option<XriProxy>,
    /// By how many seconds a provider's clock may be wrong.
    pub skew: UnixSeconds,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            plain_http: PlainHttp::Never,
            openid1: false,
            sha1: false,
            xri_proxy: None,
            skew: 300,
        }
    }
}

/// Who may be spoken to without TLS. Whoever sits on the way to such a host can be anybody there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum PlainHttp {
    /// Nobody.
    #[default]
    Never,
    /// These hosts, in ASCII and lower case.
    Hosts(Vec<String>),
    /// Everybody: for laboratories.
    Everywhere,
}

/// A resolver of XRIs (XRI Resolution 2.0, section 11).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct XriProxy {
    /// Its URL, to which the XRI is appended: `https://xri.example/`.
    pub url: WebUrl,
    /// Whether its word `cid="verified"` counts. If not, the chain of CanonicalIDs is checked.
    pub trusted: bool,
}

impl Policy {
    /// Everything that the protocol has, over TLS.
    pub fn everything() -> Self {
        Self { openid1: true, sha1: true, ..Self::default() }
    }

    /// Whether `url` may be fetched, or be an endpoint. Once a step was secured (`after_https`),
    /// the next ones must be: a downgrade hands the rest to whoever is on the way.
    pub fn allows(&self, url: &WebUrl, after_https: bool) -> bool {
        url.is_https()
            || (!after_https
                && match &self.plain_http {
                    PlainHttp::Never => false,
                    PlainHttp::Hosts(hosts) => hosts.iter().any(|host| host == url.host()),
                    PlainHttp::Everywhere => true,
                })
    }
}
