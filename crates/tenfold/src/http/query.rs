//! The query string of a request.

use axum::extract::FromRequestParts;
use http::request::Parts;
use percent_encoding::percent_decode_str;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tenfold_data::Page;
use utoipa::IntoParams;

use super::problem::Problem;
use super::state::ServerState;

/// The parameters of the query string, as a struct that derives `Deserialize` and `IntoParams`.
///
/// An unknown parameter, or a value that does not fit, is a 400 that names it and what is allowed. A handler may take
/// [`Page`] beside it.
pub struct Query<T>(pub T);

async fn read<T: DeserializeOwned>(parts: &mut Parts, state: &ServerState) -> Result<T, Problem> {
    // The parser would replace bytes that are not UTF-8 by a replacement character.
    let mut pairs = parts.uri.query().unwrap_or_default().split('&');
    if let Some(pair) = pairs.find(|pair| percent_decode_str(pair).decode_utf8().is_err()) {
        let name = percent_decode_str(pair.split('=').next().unwrap_or_default()).decode_utf8_lossy();
        let allowed = "it must be UTF-8, each byte percent-encoded (RFC 3986)";
        return Err(Problem::bad_request(format!("{name}: {allowed}")));
    }
    state.query_names().check(parts)?;
    let query = axum::extract::Query::<T>::from_request_parts(parts, state).await;
    query.map(|query| query.0).map_err(|rejection| Problem::bad_request(rejection.body_text()))
}

/// The parameters as pairs of name and value, for one that may be given more than once.
pub(super) async fn pairs(parts: &mut Parts, state: &ServerState) -> Result<Vec<(String, String)>, Problem> {
    read(parts, state).await
}

impl<T: DeserializeOwned + Send> FromRequestParts<ServerState> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &ServerState) -> Result<Self, Problem> {
        read(parts, state).await.map(Query)
    }
}

/// How a list is asked for.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct PageQuery {
    /// The number of items.
    #[serde(default = "default_limit")]
    #[param(minimum = 1, maximum = 1000, default = 50)]
    limit: u16,
    /// The `next_cursor` of the previous page.
    #[param(min_length = 1)]
    cursor: Option<String>,
}

fn default_limit() -> u16 {
    50
}

/// The most items of one page.
const MAX_PAGE: u16 = 1000;

impl FromRequestParts<ServerState> for Page {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &ServerState) -> Result<Self, Problem> {
        let query: PageQuery = read(parts, state).await?;
        if !(1..=MAX_PAGE).contains(&query.limit) {
            return Err(Problem::bad_request(format!("limit={} is not from 1 to {MAX_PAGE}", query.limit)));
        }
        Ok(Page { limit: usize::from(query.limit), cursor: query.cursor })
    }
}
