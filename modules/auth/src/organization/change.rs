//! `PATCH /v1/organization`.

use serde::Deserialize;
use tenfold::http::person;
use tenfold::prelude::*;
use tenfold_auth_api::AccountId;
use utoipa::ToSchema;

use super::{OrganizationSettings, WriteOrganization};
use crate::entities::{Organization, SecondFactor};
use crate::sessions::sign_up::OrganizationName;
use crate::sessions::{MaybeSudo, forgotten_everywhere};

/// The changes; omitted fields stay as they are.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct OrganizationPatch {
    name: Option<OrganizationName>,
    /// Whether people need a second factor to work here.
    second_factor_required: Option<bool>,
}

/// Renames the organization, or requires a second factor of everybody who works there.
///
/// From then on, sessions of people without one get a 403 `second-factor-setup-required`, until the person has set one up; API keys
/// go on. Only one who has a second factor requires it of others: else a 409. To require one or to require it no more, the password
/// must have been typed within the last ten minutes: at sign-in, or with `POST /v1/auth/sudo`.
#[endpoint(patch, "/v1/organization", tag = "users", problems(403, 409), example(body = {"name": "Analytical Engines"}))]
pub(crate) async fn change_organization(
    cx: Context,
    system: SystemContext,
    _: Require<WriteOrganization>,
    sudo: MaybeSudo,
    Json(patch): Json<OrganizationPatch>,
) -> Result<Json<OrganizationSettings>, Problem> {
    if patch.second_factor_required.is_some() {
        sudo.require()?;
    }
    if patch.second_factor_required == Some(true) {
        let own = SecondFactor::find(&system, AccountId(person(&cx)?.account)).await?;
        if own.is_none_or(|own| own.confirmed_at.is_none()) {
            return Err(Problem::conflict("set up your own second factor first: POST /v1/auth/totp"));
        }
    }
    let ends_sessions = patch.second_factor_required.is_some();
    let change = Organization::update(cx.tenant())
        .set_if(Organization::name, patch.name.map(OrganizationName::into_inner))
        .set_if(Organization::second_factor_required, patch.second_factor_required);
    system.transaction(async |tx| change.run(tx).await).await?;
    if ends_sessions {
        forgotten_everywhere(&system).await;
    }
    let organization = Organization::get(&system, cx.tenant()).await?;
    Ok(Json(OrganizationSettings::of(&organization)))
}
