//! Where a request goes.

use std::fmt;
use std::net::IpAddr;

use hyper::Uri;
use hyper::http::uri::Scheme;

/// An absolute address with `http` or `https`, without a user and a password.
///
/// Its `Debug` and its errors show the host alone: paths and queries of such addresses are often secrets.
#[derive(Clone, PartialEq, Eq)]
pub struct OutboundUrl {
    uri: Uri,
    host: String,
    port: u16,
}

/// What an address must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("use an address such as https://example.com/path, without user and password")]
pub struct OutboundUrlError;

impl OutboundUrl {
    /// Reads an address.
    ///
    /// # Errors
    /// It is none.
    pub fn parse(text: &str) -> Result<Self, OutboundUrlError> {
        let uri: Uri = text.parse().map_err(|_| OutboundUrlError)?;
        let is_known = uri.scheme() == Some(&Scheme::HTTP) || uri.scheme() == Some(&Scheme::HTTPS);
        let authority = uri.authority().filter(|authority| is_known && !authority.as_str().contains('@'));
        let authority = authority.ok_or(OutboundUrlError)?;
        let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_owned();
        let usual = if uri.scheme() == Some(&Scheme::HTTPS) { 443 } else { 80 };
        let port = match authority.as_str().rsplit_once(':') {
            Some((_, port)) if !port.ends_with(']') => port.parse().map_err(|_| OutboundUrlError)?,
            _ => usual,
        };
        if host.is_empty() {
            return Err(OutboundUrlError);
        }
        Ok(OutboundUrl { uri, host, port })
    }

    /// Its host, without brackets around an IPv6 address.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Its port, 443 or 80 unless it names another.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Whether it is `https`.
    pub fn is_encrypted(&self) -> bool {
        self.uri.scheme() == Some(&Scheme::HTTPS)
    }

    /// Whether it is this machine, so that nothing is sent over a network.
    pub fn is_loopback(&self) -> bool {
        self.host == "localhost" || self.host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
    }

    /// The path of it, without its query.
    pub fn path(&self) -> &str {
        self.uri.path()
    }

    /// The host and port as the `Host` header has them.
    pub(crate) fn authority(&self) -> &str {
        self.uri.authority().map_or("", |authority| authority.as_str())
    }

    /// The path with its query.
    pub(crate) fn target(&self) -> &str {
        self.uri.path_and_query().map_or("/", |target| target.as_str())
    }
}

impl fmt::Display for OutboundUrl {
    /// The whole address.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.uri)
    }
}

impl fmt::Debug for OutboundUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("OutboundUrl").field(&self.host).finish()
    }
}
