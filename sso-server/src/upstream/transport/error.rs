//! What goes wrong on the way, and what an operator has to know of it.

use std::{error::Error, io};

use super::{CONNECT_WITHIN, WITHIN, destination::Refused};

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

/// Finds in a chain of errors what an operator has to know.
pub(super) fn understood(error: reqwest::Error) -> TransportError {
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

pub(super) fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        text = format!("{text}: {inner}");
        source = inner.source();
    }
    text
}
