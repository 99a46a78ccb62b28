//! The person behind a request, where an API key is not enough.

use http::StatusCode;
use tenfold_data::{Context, Principal};

use super::problem::Problem;

/// The signed-in person, for what an API key must not do, such as to read what its maker is told.
///
/// # Errors
/// 401 without a session, 403 `person-required` for an API key.
pub fn person(cx: &Context) -> Result<&Principal, Problem> {
    let principal = cx.principal().ok_or_else(Problem::unauthenticated)?;
    if principal.account.is_nil() {
        return Err(Problem::new(StatusCode::FORBIDDEN, "person-required", "A person is required")
            .detail("an API key cannot do this: sign in"));
    }
    Ok(principal)
}
