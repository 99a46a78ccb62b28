//! What users may do with users.

use tenfold::http::{Permission, Role};

/// See the users of the organization.
pub(crate) struct ReadMembers;

impl Permission for ReadMembers {
    const NAME: &'static str = "members.read";
    const ROLES: &'static [Role] = Role::ALL;
}

/// Invite people, change their roles, profiles and settings, and remove them.
pub(crate) struct WriteMembers;

impl Permission for WriteMembers {
    const NAME: &'static str = "members.write";
    const ROLES: &'static [Role] = Role::ADMINS;
}
