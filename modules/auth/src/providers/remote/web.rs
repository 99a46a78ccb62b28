//! Requests to a provider: JSON back, no redirects.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::de::DeserializeOwned;
use serde_json::Value;
use tenfold_outbound::{Method, OutboundClient, OutboundRequest, OutboundUrl};

use super::failure::ProviderFailure;

/// The longest answer that is read, in bytes. A set of keys has some ten kilobytes.
const LONGEST_ANSWER: usize = 512 * 1024;
/// How long one request may take; all of them together have a deadline in the settings.
const DEADLINE: Duration = Duration::from_secs(60);

/// What stays as it is in a query and a form (RFC 3986, section 2.3).
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// An address at a provider: https, or http on this machine, for tests and development.
#[derive(Clone, Debug)]
pub(in super::super) struct WebAddressOfProvider(OutboundUrl);

impl WebAddressOfProvider {
    /// Reads an address.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(in super::super) fn parse(text: &str) -> Result<Self, &'static str> {
        let url = OutboundUrl::parse(text).ok().filter(|url| url.is_encrypted() || url.is_loopback());
        url.map(WebAddressOfProvider).ok_or(
            "use an address such as https://login.example.com, without user and query; http only on this machine",
        )
    }

    /// Whether both are encrypted, or neither.
    pub(super) fn is_as_safe_as(&self, other: &Self) -> bool {
        self.0.is_encrypted() || !other.0.is_encrypted()
    }

    /// The address with these parameters.
    pub(super) fn with_query(&self, parameters: &[(&str, &str)]) -> String {
        let text = self.0.to_string();
        let mark = if text.contains('?') { '&' } else { '?' };
        format!("{text}{mark}{}", form(parameters))
    }
}

/// Parameters as a query or a form.
fn form(parameters: &[(&str, &str)]) -> String {
    let pairs = parameters.iter().map(|(name, value)| format!("{name}={}", encoded(value)));
    pairs.collect::<Vec<_>>().join("&")
}

fn encoded(text: &str) -> String {
    utf8_percent_encode(text, ENCODED).to_string()
}

/// What a request shows.
#[derive(Clone, Copy)]
pub(super) enum Credential<'c> {
    /// Nothing.
    None,
    /// The token of the person.
    Bearer(&'c str),
    /// The client's id and secret (RFC 6749, section 2.3.1).
    Client(&'c str, &'c str),
}

/// Asks providers.
#[derive(Clone, Default)]
pub(super) struct Web(OutboundClient);

impl Web {
    /// Reads JSON.
    ///
    /// # Errors
    /// The provider cannot be reached, or answers something else.
    pub(super) async fn get<T: DeserializeOwned>(
        &self,
        address: &WebAddressOfProvider,
        credential: Credential<'_>,
    ) -> Result<T, ProviderFailure> {
        self.send(address, Method::GET, credential, String::new()).await
    }

    /// Sends a form and reads JSON.
    ///
    /// # Errors
    /// As [`Web::get`].
    pub(super) async fn post<T: DeserializeOwned>(
        &self,
        address: &WebAddressOfProvider,
        credential: Credential<'_>,
        parameters: &[(&str, &str)],
    ) -> Result<T, ProviderFailure> {
        self.send(address, Method::POST, credential, form(parameters)).await
    }

    async fn send<T: DeserializeOwned>(
        &self,
        address: &WebAddressOfProvider,
        method: Method,
        credential: Credential<'_>,
        body: String,
    ) -> Result<T, ProviderFailure> {
        let is_form = method == Method::POST;
        let mut request = OutboundRequest::new(method, DEADLINE)
            .header("accept", "application/json")
            .longest_answer(LONGEST_ANSWER);
        if is_form {
            request = request.body("application/x-www-form-urlencoded", body.into());
        }
        request = match credential {
            Credential::None => request,
            Credential::Bearer(token) => request.header("authorization", &format!("Bearer {token}")),
            Credential::Client(id, secret) => {
                let both = STANDARD.encode(format!("{}:{}", encoded(id), encoded(secret)));
                request.header("authorization", &format!("Basic {both}"))
            }
        };
        let sent = self.0.send(&address.0, request).await;
        let answer = sent.map_err(|error| ProviderFailure::unreachable(error.to_string()))?;
        let (status, body) = (answer.status, answer.body);
        let place = format!("{}{}", address.0.host(), address.0.path());
        if !status.is_success() {
            return Err(ProviderFailure::answer(format!("{place} answers {status}{}", reason(&body))));
        }
        // The error of the parser would quote what may be a secret.
        serde_json::from_slice(&body).map_err(|_| {
            ProviderFailure::answer(format!("{place} answers something else than expected{}", reason(&body)))
        })
    }
}

/// The code of an OAuth error (RFC 6749, section 5.2), for the log. Nothing else of the answer is said.
fn reason(body: &[u8]) -> String {
    let parsed: Option<Value> = serde_json::from_slice(body).ok();
    let code = parsed.as_ref().and_then(|parsed| parsed["error"].as_str());
    let is_code = |text: &&str| {
        text.len() <= 64 && text.chars().all(|letter| letter.is_ascii_lowercase() || letter == '_')
    };
    code.filter(is_code).map_or_else(String::new, |code| format!(" ({code})"))
}
