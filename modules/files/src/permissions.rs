//! What users may do with files.

use tenfold::http::{Permission, Role};

/// See files and get their content.
pub(crate) struct ReadFiles;

impl Permission for ReadFiles {
    const NAME: &'static str = "files.read";
    const ROLES: &'static [Role] = Role::ALL;
}

/// Upload and delete files.
pub(crate) struct WriteFiles;

impl Permission for WriteFiles {
    const NAME: &'static str = "files.write";
    const ROLES: &'static [Role] = Role::ALL;
}
