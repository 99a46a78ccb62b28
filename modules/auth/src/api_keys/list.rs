//! `GET /v1/api-keys`.

use tenfold::prelude::*;

use super::{ApiKeyView, WriteApiKeys};
use crate::entities::ApiKey;

/// The API keys of the organization, the newest first.
#[endpoint(get, "/v1/api-keys", tag = "api keys")]
pub(crate) async fn list_api_keys(
    cx: Context,
    _: Require<WriteApiKeys>,
    page: Page,
) -> Result<Json<Listing<ApiKeyView>>, Problem> {
    let keys = ApiKey::query().newest_first().page(&page).all(&cx).await?;
    Ok(Json(keys.listing(keys.iter().map(ApiKeyView::of).collect())))
}
