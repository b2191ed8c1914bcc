//! The names that the specifications give to things.

/// `openid.ns` of version 2.0 (OpenID Authentication 2.0, section 4.1.2).
pub const NS_2_0: &str = "http://specs.openid.net/auth/2.0";
/// `openid.ns` of version 1.1, which is usually left out.
pub const NS_1_1: &str = "http://openid.net/signon/1.1";
/// `openid.ns` of version 1.0, which is usually left out.
pub const NS_1_0: &str = "http://openid.net/signon/1.0";

/// "The provider lets the person choose" (section 9.1).
pub const IDENTIFIER_SELECT: &str = "http://specs.openid.net/auth/2.0/identifier_select";

/// XRDS type: an OP Identifier; who the person is turns out later.
pub const TYPE_SERVER: &str = "http://specs.openid.net/auth/2.0/server";
/// XRDS type: a claimed identifier, version 2.0.
pub const TYPE_SIGNON_2_0: &str = "http://specs.openid.net/auth/2.0/signon";
/// XRDS type: where a relying party receives answers (section 13).
pub const TYPE_RETURN_TO: &str = "http://specs.openid.net/auth/2.0/return_to";
/// XRDS types of version 1. Section 14.2.1 names the last two, section 7.3.2.4 the others.
pub const TYPES_1: [&str; 4] = [
    "http://openid.net/signon/1.1",
    "http://openid.net/signon/1.0",
    "http://openid.net/server/1.1",
    "http://openid.net/server/1.0",
];

/// The media type of XRDS documents.
pub const XRDS_MEDIA_TYPE: &str = "application/xrds+xml";
/// The header, and the `http-equiv` of the `<meta>`, that names the XRDS document (Yadis 1.0).
pub const XRDS_LOCATION: &str = "x-xrds-location";

/// Simple Registration 1.1.
pub const SREG_1_1: &str = "http://openid.net/extensions/sreg/1.1";
/// Simple Registration 1.0, which some providers still say.
pub const SREG_1_0: &str = "http://openid.net/sreg/1.0";
/// Attribute Exchange 1.0.
pub const AX: &str = "http://openid.net/srv/ax/1.0";
/// Provider Authentication Policy Extension 1.0.
pub const PAPE: &str = "http://specs.openid.net/extensions/pape/1.0";
/// User Interface Extension 1.0.
pub const UI: &str = "http://specs.openid.net/extensions/ui/1.0";

/// Which generation of the protocol is spoken.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
pub enum Version {
    /// OpenID Authentication 1.0 and 1.1: one set of rules.
    #[serde(rename = "1")]
    V1,
    /// OpenID Authentication 2.0.
    #[serde(rename = "2")]
    V2,
}

impl Version {
    /// `1` or `2`, to be stored.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::V1 => "1",
            Self::V2 => "2",
        }
    }

    /// Reads what was stored.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::V1, Self::V2].into_iter().find(|version| version.as_str() == text)
    }
}

/// Seconds since 1970-01-01T00:00:00Z.
pub type UnixSeconds = i64;
