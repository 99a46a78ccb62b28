//! The organization that one works in.

pub(crate) mod leave;
pub(crate) mod rename;
pub(crate) mod transfer;

use tenfold::http::{Permission, Role};

/// Change the organization itself.
pub(crate) struct WriteOrganization;

impl Permission for WriteOrganization {
    const NAME: &'static str = "organization.write";
    const ROLES: &'static [Role] = Role::OWNERS;
}
