//! What users may do with projects.

use tenfold::http::{Permission, Role};

/// See projects and tasks.
pub(crate) struct ReadProjects;

impl Permission for ReadProjects {
    const NAME: &'static str = "projects.read";
    const ROLES: &'static [Role] = Role::ALL;
}

/// Create and change projects and tasks.
pub(crate) struct WriteProjects;

impl Permission for WriteProjects {
    const NAME: &'static str = "projects.write";
    const ROLES: &'static [Role] = Role::ALL;
}
