//! `GET /v1/organization`.

use tenfold::prelude::*;

use super::OrganizationSettings;
use crate::entities::Organization;
use crate::users::permissions::ReadMembers;

/// The organization that the session works in.
#[endpoint(get, "/v1/organization", tag = "users")]
pub(crate) async fn get_organization(
    cx: Context,
    system: SystemContext,
    _: Require<ReadMembers>,
) -> Result<Json<OrganizationSettings>, Problem> {
    let organization = Organization::get(&system, cx.tenant()).await?;
    Ok(Json(OrganizationSettings::of(&organization)))
}
