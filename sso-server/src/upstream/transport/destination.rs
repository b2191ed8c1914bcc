//! Where requests may go (SECURITY-CASES group F): not to Passport itself, not to addresses that are
//! not public, and, where a stranger named the URL, to no unusual port.
//!
//! The address is checked where the name is resolved, so what was checked is what is connected to:
//! a name that answers otherwise a moment later (DNS rebinding, SECURITY-CASES F-02) changes
//! nothing. A host that is written as an address is never resolved, so it is checked before.

use std::{
    error::Error,
    fmt,
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use ipnet::IpNet;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use tokio::time::timeout;
use url::{Host, Url};

use super::{super::address::not_public, TransportError};
use crate::config::Config;

/// A name is resolved after this long, or not at all.
const RESOLVE_WITHIN: Duration = Duration::from_secs(2);

/// Where requests may go.
pub(super) struct Rules {
    own: Option<Url>,
    loopback: bool,
    networks: Vec<IpNet>,
}

impl Rules {
    /// As configured.
    pub(super) fn new(config: &Config) -> Self {
        Self {
            own: Url::parse(&config.server.public_url).ok(),
            loopback: config.outgoing.allow_loopback,
            networks: config.outgoing_networks(),
        }
    }

    /// What can be said before anything is asked. An address in place of a name is not resolved, so
    /// it would pass by the check there.
    pub(super) fn check(&self, url: &Url) -> Result<(), TransportError> {
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
        self.check_address(address).map_err(|refused| TransportError::Address(refused.to_string()))
    }

    /// What can be said of a name when it is resolved.
    pub(super) async fn check_name(&self, url: &Url) -> Result<(), TransportError> {
        if let Some(Host::Domain(name)) = url.host() {
            resolve(name, self).await.map_err(|error| match error.downcast_ref::<Refused>() {
                Some(refused) => TransportError::Address(refused.to_string()),
                None => TransportError::Dns(error.to_string()),
            })?;
        }
        Ok(())
    }

    /// `Err` says why not.
    fn check_address(&self, address: IpAddr) -> Result<(), Refused> {
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
pub(super) struct Refused {
    address: IpAddr,
    why: &'static str,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is {}", self.address, self.why)
    }
}

impl Error for Refused {}

/// The web's ports, and those that anybody may open a server on: no mail, no login, no file share is
/// spoken to (SECURITY-CASES F-04).
pub(super) fn usual_port(url: &Url) -> Result<(), TransportError> {
    match url.port_or_known_default() {
        Some(80 | 443 | 1024..) => Ok(()),
        port => Err(TransportError::Address(format!("port {}", port.unwrap_or(0)))),
    }
}

/// Resolves once and lets nothing pass that may not be connected to.
pub(super) struct CheckedResolver(pub(super) Arc<Rules>);

impl Resolve for CheckedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let rules = self.0.clone();
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
        rules.check_address(address.ip())?;
    }
    Ok(addresses)
}
