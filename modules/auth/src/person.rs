//! The person behind a request, where an API key is not enough.

use tenfold::data::Principal;
use tenfold::http::StatusCode;
use tenfold::prelude::*;

/// The signed-in person.
///
/// # Errors
/// 401 without a session, 403 `person-required` for an API key.
pub(crate) fn person(cx: &Context) -> Result<&Principal, Problem> {
    let principal = cx.principal().ok_or_else(Problem::unauthenticated)?;
    if principal.account.is_nil() {
        return Err(Problem::new(StatusCode::FORBIDDEN, "person-required", "A person is required")
            .detail("an API key cannot do this: sign in"));
    }
    Ok(principal)
}
