//! `PATCH /v1/organization`.

use serde::Deserialize;
use tenfold::prelude::*;
use utoipa::ToSchema;

use super::WriteOrganization;
use crate::entities::Organization;
use crate::sessions::OrganizationView;
use crate::sessions::sign_up::OrganizationName;

/// The changes.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct OrganizationPatch {
    name: OrganizationName,
}

/// Renames the organization.
#[endpoint(patch, "/v1/organization", tag = "users", example(body = {"name": "Analytical Engines"}))]
pub(crate) async fn rename_organization(
    cx: Context,
    system: SystemContext,
    _: Require<WriteOrganization>,
    Json(patch): Json<OrganizationPatch>,
) -> Result<Json<OrganizationView>, Problem> {
    let name = patch.name.into_inner();
    let change = Organization::update(cx.tenant()).set(Organization::name, name.clone());
    system.transaction(async |tx| change.run(tx).await).await?;
    Ok(Json(OrganizationView { id: cx.tenant(), name }))
}
