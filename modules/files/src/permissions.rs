//! What users may do with files.

use tenfold::http::Permission;

/// See files and get their content.
pub(crate) struct ReadFiles;

impl Permission for ReadFiles {
    const NAME: &'static str = "files.read";
}

/// Upload and delete files.
pub(crate) struct WriteFiles;

impl Permission for WriteFiles {
    const NAME: &'static str = "files.write";
}
