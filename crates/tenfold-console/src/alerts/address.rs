//! The address of a webhook, in its parts.

use axum::http::Uri;
use tenfold::axum;

/// Where a webhook is.
pub(super) struct WebhookAddress {
    pub is_https: bool,
    /// Without brackets.
    pub host: String,
    pub port: u16,
    /// As the header `Host` has it.
    pub authority: String,
    /// Path and query, which may hold a secret.
    pub path: String,
}

impl WebhookAddress {
    /// # Errors
    /// Says what an address is, without repeating the text.
    pub(super) fn parse(text: &str) -> Result<Self, &'static str> {
        const EXPECTED: &str = "it must be https://HOST/PATH, or http://… for a receiver on your own network, without user and password";
        let uri: Uri = text.parse().map_err(|_| EXPECTED)?;
        let is_https = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            _ => return Err(EXPECTED),
        };
        let authority =
            uri.authority().filter(|authority| !authority.as_str().contains('@')).ok_or(EXPECTED)?;
        let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_owned();
        if host.is_empty() {
            return Err(EXPECTED);
        }
        let port = authority.port_u16().unwrap_or(if is_https { 443 } else { 80 });
        let path = uri.path_and_query().map_or("/", |path| path.as_str()).to_owned();
        Ok(WebhookAddress { is_https, host, port, authority: authority.to_string(), path })
    }
}
