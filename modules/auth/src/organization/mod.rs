//! The organization that one works in.

pub(crate) mod change;
pub(crate) mod get;
pub(crate) mod leave;
pub(crate) mod transfer;

use serde::Serialize;
use tenfold::http::{Permission, Role};
use tenfold::prelude::*;
use utoipa::ToSchema;

use crate::entities::Organization;

/// Change the organization itself.
pub(crate) struct WriteOrganization;

impl Permission for WriteOrganization {
    const NAME: &'static str = "organization.write";
    const ROLES: &'static [Role] = Role::OWNERS;
}

/// An organization, as its people see it.
#[derive(Serialize, ToSchema)]
pub(crate) struct OrganizationSettings {
    id: OrgId,
    name: String,
    /// Whether people need a second factor to work here.
    second_factor_required: bool,
    created_at: Timestamp,
}

impl OrganizationSettings {
    fn of(organization: &Organization) -> Self {
        OrganizationSettings {
            id: organization.id,
            name: organization.name.clone(),
            second_factor_required: organization.second_factor_required,
            created_at: organization.created_at,
        }
    }
}
