//! A person whose address is confirmed.

use tenfold::axum::extract::FromRequestParts;
use tenfold::axum::http::request::Parts;
use tenfold::http::{Endpoint, Input, ServerState, StatusCode};
use tenfold::prelude::*;

use super::own_account;
use crate::entities::Account;

/// In a handler's signature: the person's address is confirmed. Otherwise 403 `address-unconfirmed`.
///
/// It is for what would outlast the person who takes an unconfirmed account over, such as an API key, and for what sends mails to
/// others.
pub(crate) struct Confirmed;

impl FromRequestParts<ServerState> for Confirmed {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &ServerState) -> Result<Self, Problem> {
        let cx = Context::from_request_parts(parts, state).await?;
        let system = SystemContext::from_request_parts(parts, state).await?;
        let account = Account::get(&system, own_account(&cx)?).await?;
        account.confirmed_at.map(|_| Confirmed).ok_or_else(not_confirmed)
    }
}

impl Input for Confirmed {
    fn describe(endpoint: &mut Endpoint) {
        endpoint.needs_session();
        endpoint.add_problem(403);
    }
}

/// The refusal of a person whose address is not confirmed.
pub(crate) fn not_confirmed() -> Problem {
    unconfirmed().detail(
        "follow the link in the mail to your address where you are signed in; POST /v1/auth/verify/send mails it again",
    )
}

/// What needs a confirmed address is refused.
pub(crate) fn unconfirmed() -> Problem {
    Problem::new(StatusCode::FORBIDDEN, "address-unconfirmed", "The address is not confirmed")
}
