//! Which addresses a request may be sent to: those of the public Internet.
//!
//! A URL that somebody else has registered must not lead into the network that Passport stands in
//! (server-side request forgery; SECURITY-CASES group F). Decided on the address that is connected
//! to, never on the name. For IPv6 the rule is a list of what is allowed: whatever embeds an IPv4
//! address (mapped, compatible, NAT64, 6to4, Teredo) falls outside of it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Why an address is not of the public Internet; `None` when it is.
pub const fn not_public(address: IpAddr) -> Option<&'static str> {
    match address {
        IpAddr::V4(v4) => not_public_v4(v4),
        IpAddr::V6(v6) => not_public_v6(v6),
    }
}

/// The IANA registry of special-purpose IPv4 addresses (RFC 6890).
const fn not_public_v4(address: Ipv4Addr) -> Option<&'static str> {
    match address.octets() {
        [127, ..] => Some("a loopback address"),
        [10, ..] | [172, 16..=31, ..] | [192, 168, ..] => Some("a private address"),
        // The metadata services of the clouds live here.
        [169, 254, ..] => Some("a link-local address"),
        [100, 64..=127, ..] => Some("an address shared by a provider's customers"),
        [0, ..] => Some("an address of this network"),
        [192, 0, 0, _] | [192, 88, 99, _] => Some("an address set aside for protocols"),
        [192, 0, 2, _] | [198, 51, 100, _] | [203, 0, 113, _] => Some("a documentation address"),
        [198, 18..=19, ..] => Some("a benchmarking address"),
        [224..=239, ..] => Some("a multicast address"),
        [240..=255, ..] => Some("a reserved address"),
        _ => None,
    }
}

/// Global unicast is 2000::/3 (RFC 4291 section 2.4); within it the special-purpose blocks.
const fn not_public_v6(address: Ipv6Addr) -> Option<&'static str> {
    match address.segments() {
        [0, 0, 0, 0, 0, 0, 0, 1] => Some("a loopback address"),
        [0, 0, 0, 0, 0, 0xffff, ..] => Some("an IPv4 address in disguise"),
        [0x64, 0xff9b, ..] => Some("an IPv4 address behind NAT64"),
        [0xfc00..=0xfdff, ..] => Some("a private address"),
        [0xfe80..=0xfebf, ..] => Some("a link-local address"),
        [0xff00..=0xffff, ..] => Some("a multicast address"),
        // Teredo, ORCHID, …: 2001::/23.
        [0x2001, 0..=0x01ff, ..] => Some("an address set aside for protocols"),
        [0x2001, 0x0db8, ..] | [0x3fff, 0..=0x0fff, ..] => Some("a documentation address"),
        [0x2002, ..] => Some("an IPv4 address behind 6to4"),
        [0x2000..=0x3fff, ..] => None,
        _ => Some("a reserved address"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // SECURITY-CASES F-01.
    #[test]
    fn what_is_not_of_the_public_internet() {
        for address in [
            "127.0.0.1",
            "127.1.2.3",
            "0.0.0.0",
            "0.1.2.3",
            "10.0.0.1",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "100.127.255.255",
            "192.0.0.170",
            "192.0.2.1",
            "198.51.100.1",
            "203.0.113.1",
            "192.88.99.1",
            "198.18.0.1",
            "198.19.255.255",
            "224.0.0.1",
            "239.255.255.250",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:127.0.0.1",
            "::ffff:8.8.8.8",
            "::7f00:1",
            "64:ff9b::7f00:1",
            "64:ff9b:1::1",
            "2002:7f00:1::",
            "2002:a00:1::1",
            "2001:0:7f00:1::",
            "2001:10::1",
            "2001:db8::1",
            "3fff::1",
            "fc00::1",
            "fd00:ec2::254",
            "fe80::1",
            "fec0::1",
            "ff02::1",
            "100::1",
            "4000::1",
        ] {
            assert!(not_public(address.parse().unwrap()).is_some(), "{address}");
        }
        for address in [
            "8.8.8.8",
            "1.1.1.1",
            "172.15.0.1",
            "172.32.0.1",
            "100.63.0.1",
            "100.128.0.1",
            "192.167.0.1",
            "169.253.0.1",
            "198.17.0.1",
            "223.255.255.255",
            "2606:4700::1111",
            "2a00:1450::1",
            "2001:4860:4860::8888",
            "2001:200::1",
            "3ffe::1",
        ] {
            assert_eq!(not_public(address.parse().unwrap()), None, "{address}");
        }
    }
}
