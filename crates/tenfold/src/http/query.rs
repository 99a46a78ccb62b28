//! The query string of a request.

use axum::extract::FromRequestParts;
use http::request::Parts;
use percent_encoding::percent_decode_str;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tenfold_data::Page;
use utoipa::IntoParams;

use super::problem::Problem;
use super::query_text;
use super::state::ServerState;
use super::validated::Int;

/// The parameters of the query string, as a struct that derives `Deserialize` and `IntoParams`.
///
/// An unknown parameter, or a value that does not fit, is a 400 that names it and what is allowed. A handler may take
/// [`Page`] beside it.
pub struct Query<T>(pub T);

/// Refuses what no parameter may be, whatever their types.
fn check(parts: &Parts, state: &ServerState) -> Result<(), Problem> {
    // The parser would replace bytes that are not UTF-8 by a replacement character.
    let mut pairs = parts.uri.query().unwrap_or_default().split('&');
    if let Some(pair) = pairs.find(|pair| percent_decode_str(pair).decode_utf8().is_err()) {
        let name = percent_decode_str(pair.split('=').next().unwrap_or_default()).decode_utf8_lossy();
        let allowed = "it must be UTF-8, each byte percent-encoded (RFC 3986)";
        return Err(Problem::bad_request(format!("{name}: {allowed}")));
    }
    state.query_names().check(parts)
}

fn read<T: DeserializeOwned>(parts: &Parts, state: &ServerState) -> Result<T, Problem> {
    check(parts, state)?;
    let query = parts.uri.query().unwrap_or_default();
    query_text::read(query).map_err(|fault| Problem::bad_request(fault.to_string()))
}

/// The parameters as pairs of name and value, for one that may be given more than once.
pub(super) fn pairs(parts: &Parts, state: &ServerState) -> Result<Vec<(String, String)>, Problem> {
    check(parts, state)?;
    let pairs = query_text::parameters(parts.uri.query().unwrap_or_default());
    Ok(pairs.map(|(name, value)| (name.into_owned(), value.into_owned())).collect())
}

impl<T: DeserializeOwned + Send> FromRequestParts<ServerState> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &ServerState) -> Result<Self, Problem> {
        read(parts, state).map(Query)
    }
}

/// How a list is asked for.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct PageQuery {
    /// The number of items.
    #[param(value_type = u16, required = false, minimum = 1, maximum = 1000, default = 50)]
    limit: Option<Int<1, MAX_PAGE>>,
    /// The `next_cursor` of the previous page.
    #[param(min_length = 1)]
    cursor: Option<String>,
}

/// The number of items of a page whose request names none.
const DEFAULT_LIMIT: usize = 50;

/// The most items of one page.
const MAX_PAGE: i64 = 1000;

impl FromRequestParts<ServerState> for Page {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &ServerState) -> Result<Self, Problem> {
        let query: PageQuery = read(parts, state)?;
        let limit = query.limit.and_then(|limit| usize::try_from(limit.get()).ok());
        Ok(Page { limit: limit.unwrap_or(DEFAULT_LIMIT), cursor: query.cursor })
    }
}
