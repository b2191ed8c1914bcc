//! Where a request comes from. Forwarding headers count only from configured proxies: anybody can
//! send them (SECURITY-CASES L-10, H-01, H-02).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use actix_web::{HttpRequest, http::header::HeaderMap};
use ipnet::IpNet;

/// A client's address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Address(IpAddr);

impl Address {
    /// Of this request.
    pub fn of(request: &HttpRequest, proxies: &[IpNet]) -> Self {
        let peer = request.peer_addr().map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |peer| peer.ip());
        Self(behind_proxies(peer.to_canonical(), request.headers(), proxies))
    }

    /// As an app's server reports that of a person who sits before it. It is believed for what it is:
    /// that app's word.
    pub fn reported(text: &str) -> Option<Self> {
        text.parse::<IpAddr>().ok().map(|address| Self(address.to_canonical()))
    }

    /// The address itself.
    pub fn ip(self) -> IpAddr {
        self.0
    }

    /// To show and to log.
    pub fn shown(self) -> String {
        self.0.to_string()
    }

    /// What attempts are counted by: one customer of one provider, so an IPv6 /64.
    pub fn network(self) -> String {
        match self.0 {
            IpAddr::V4(address) => address.to_string(),
            IpAddr::V6(address) => {
                let prefix = u128::from(address) & !u128::from(u64::MAX);
                format!("{}/64", Ipv6Addr::from(prefix))
            }
        }
    }
}

/// Walks `X-Forwarded-For` from the right as long as the hops are ours; the first that is not is
/// the client. What cannot be read as an address ends the walk: nothing is looked up for it.
fn behind_proxies(peer: IpAddr, headers: &HeaderMap, proxies: &[IpNet]) -> IpAddr {
    let ours = |address: &IpAddr| proxies.iter().any(|network| network.contains(address));
    let mut client = peer;
    // By bytes: what a client wrote must not hide what our own proxy has added to it.
    let named: Vec<&[u8]> = headers
        .get_all("x-forwarded-for")
        .flat_map(|header| header.as_bytes().split(|b| *b == b','))
        .collect();
    for hop in named.into_iter().rev() {
        if !ours(&client) {
            break;
        }
        let address =
            std::str::from_utf8(hop).ok().and_then(|hop| hop.trim().parse::<IpAddr>().ok());
        match address {
            Some(address) => client = address.to_canonical(),
            None => break,
        }
    }
    client
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    fn client(peer: &str, forwarded: &[&str], proxies: &[&str]) -> String {
        let mut request = TestRequest::default();
        for header in forwarded {
            request = request.append_header(("X-Forwarded-For", *header));
        }
        let proxies: Vec<IpNet> = proxies.iter().map(|p| p.parse().unwrap()).collect();
        let request = request.to_http_request();
        behind_proxies(peer.parse().unwrap(), request.headers(), &proxies).to_string()
    }

    #[test]
    fn strangers_forward_nothing() {
        assert_eq!(client("203.0.113.9", &["1.2.3.4"], &[]), "203.0.113.9");
        assert_eq!(client("203.0.113.9", &["1.2.3.4"], &["10.0.0.0/8"]), "203.0.113.9");
    }

    #[test]
    fn the_last_hop_that_is_not_ours() {
        let ours = ["10.0.0.0/8"];
        assert_eq!(client("10.0.0.1", &["6.6.6.6, 1.2.3.4"], &ours), "1.2.3.4");
        assert_eq!(client("10.0.0.1", &["1.2.3.4, 10.0.0.2"], &ours), "1.2.3.4");
        assert_eq!(client("10.0.0.1", &["6.6.6.6", "1.2.3.4"], &ours), "1.2.3.4");
        assert_eq!(client("10.0.0.1", &[], &ours), "10.0.0.1");
        assert_eq!(client("10.0.0.1", &["\u{e9}, 1.2.3.4"], &ours), "1.2.3.4");
        assert_eq!(client("10.0.0.1", &["\u{e9}", "1.2.3.4, 10.0.0.2"], &ours), "1.2.3.4");
        for odd in ["\u{e9}", "a", "unknown", "_x", "1.2.3.4:80", "fe80::1%eth0", ""] {
            assert_eq!(client("10.0.0.1", &[odd], &ours), "10.0.0.1", "{odd:?}");
        }
    }

    #[test]
    fn one_ipv6_customer_is_one_network() {
        let address = |text: &str| Address(text.parse().unwrap());
        assert_eq!(address("2001:db8:1:2::1").network(), address("2001:db8:1:2:ffff::9").network());
        assert_ne!(address("2001:db8:1:2::1").network(), address("2001:db8:1:3::1").network());
        assert_eq!(address("203.0.113.9").network(), "203.0.113.9");
    }
}
