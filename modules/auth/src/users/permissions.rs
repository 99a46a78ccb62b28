//! What users may do with users.

use tenfold::http::Permission;

/// See the users of the organization.
pub(crate) struct ReadMembers;

impl Permission for ReadMembers {
    const NAME: &'static str = "members.read";
}

/// Change profiles and settings of others.
pub(crate) struct WriteMembers;

impl Permission for WriteMembers {
    const NAME: &'static str = "members.write";
}

/// What the founder of an organization may do: everything that the built-in modules and the demo know.
pub(crate) const OWNER: [&str; 7] = [
    ReadMembers::NAME,
    WriteMembers::NAME,
    "files.read",
    "files.write",
    "projects.read",
    "projects.write",
    "billing.write",
];
