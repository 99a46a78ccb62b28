//! The device that a session is opened on, as its person may know it again.

use tenfold::axum::extract::FromRequestParts;
use tenfold::axum::http::request::Parts;
use tenfold::http::{ClientAddress, Input, ServerState, header};
use tenfold::prelude::*;

/// The longest name of a client that is kept, in characters.
const LONGEST: usize = 300;

/// In a handler's signature: what the client calls itself, and where it is.
pub(crate) struct Device {
    pub user_agent: String,
    pub address: String,
}

impl FromRequestParts<ServerState> for Device {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &ServerState) -> Result<Self, Problem> {
        let address = ClientAddress::from_request_parts(parts, state).await?.ip().to_string();
        let name = parts.headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok());
        let user_agent = name.unwrap_or_default().chars().take(LONGEST).collect();
        Ok(Device { user_agent, address })
    }
}

impl Input for Device {}
