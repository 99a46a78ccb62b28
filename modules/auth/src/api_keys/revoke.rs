//! `DELETE /v1/api-keys/{id}`.

use tenfold::prelude::*;

use super::WriteApiKeys;
use crate::entities::{ApiKey, ApiKeyId, User};
use crate::members::within_reach;
use crate::sessions::forgotten_everywhere;
use crate::users::acting_role;

/// Revokes an API key: it stops working at once.
///
/// A key of somebody with a role above your own is out of your reach.
#[endpoint(delete, "/v1/api-keys/{id}", tag = "api keys", example(id = list_api_keys))]
pub(crate) async fn revoke_api_key(
    cx: Context,
    system: SystemContext,
    _: Require<WriteApiKeys>,
    Path(id): Path<ApiKeyId>,
) -> Result<NoContent, Problem> {
    cx.transaction(async |tx| -> Result<(), Problem> {
        let maker = ApiKey::get(tx, id).await?.created_by;
        within_reach(acting_role(tx, &cx).await?, &[User::get(tx, maker).await?.role])?;
        Ok(ApiKey::delete(tx, id).await?)
    })
    .await?;
    forgotten_everywhere(&system).await;
    Ok(NoContent)
}
