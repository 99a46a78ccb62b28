//! The device that a session is opened on, as its person may know it again.

use tenfold::axum::extract::FromRequestParts;
use tenfold::axum::http::request::Parts;
use tenfold::http::{ClientAddress, HeaderMap, Input, ServerState, header};
use tenfold::prelude::*;

/// The longest name of a client that is kept, in characters.
const LONGEST: usize = 300;

/// In a handler's signature: what the client calls itself, where it is, and which language it wants.
pub(crate) struct Device {
    pub user_agent: String,
    pub client: ClientAddress,
    /// A BCP 47 tag.
    pub locale: String,
}

impl FromRequestParts<ServerState> for Device {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &ServerState) -> Result<Self, Problem> {
        let client = ClientAddress::from_request_parts(parts, state).await?;
        let name = parts.headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok());
        let user_agent = name.unwrap_or_default().chars().take(LONGEST).collect();
        Ok(Device { user_agent, client, locale: locale_of(&parts.headers) })
    }
}

impl Input for Device {}

/// The language that the browser asks for first, for mails and pages; `en` if it asks for none.
fn locale_of(headers: &HeaderMap) -> String {
    let wanted =
        headers.get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let first = wanted.split([',', ';']).next().unwrap_or_default().trim();
    let is_tag = |letter: char| letter.is_ascii_alphanumeric() || letter == '-';
    let is_locale = (2..=35).contains(&first.len()) && first.chars().all(is_tag);
    if is_locale { first.to_owned() } else { "en".to_owned() }
}
