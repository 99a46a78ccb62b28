//! What users may do with projects.

use tenfold::http::Permission;

/// See projects and tasks.
pub(crate) struct ReadProjects;

impl Permission for ReadProjects {
    const NAME: &'static str = "projects.read";
}

/// Make and change projects and tasks.
pub(crate) struct WriteProjects;

impl Permission for WriteProjects {
    const NAME: &'static str = "projects.write";
}
