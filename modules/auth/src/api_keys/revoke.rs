//! `DELETE /v1/api-keys/{id}`.

use tenfold::prelude::*;

use super::WriteApiKeys;
use crate::entities::{ApiKey, ApiKeyId};
use crate::sessions::forgotten_everywhere;

/// Revokes an API key: it stops working at once.
#[endpoint(delete, "/v1/api-keys/{id}", tag = "api keys", example(id = list_api_keys))]
pub(crate) async fn revoke_api_key(
    cx: Context,
    system: SystemContext,
    _: Require<WriteApiKeys>,
    Path(id): Path<ApiKeyId>,
) -> Result<NoContent, Problem> {
    cx.transaction(async |tx| ApiKey::delete(tx, id).await).await?;
    forgotten_everywhere(&system).await;
    Ok(NoContent)
}
