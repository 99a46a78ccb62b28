//! Makes the database's files private to their owner: they hold every organization's rows, and the keys that sign
//! tokens.

use std::path::{Path, PathBuf};

/// The suffixes of SQLite's files beside a database.
const BESIDE: [&str; 2] = ["-wal", "-shm"];

/// Creates the folder of a database with mode 0700. An existing folder is left alone, because it may be shared: `/tmp`,
/// for example.
pub(super) fn make_folder(folder: &Path) -> std::io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

/// Creates the file with mode 0600 if it does not exist. Otherwise removes other users' rights to it and to the files
/// beside it. SQLite gives the files that it creates the mode of the database. Called before SQLite opens the file.
#[cfg(unix)]
pub(super) fn keep_private(path: &Path) {
    use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};

    // Only a new file is opened here: closing an existing one would release the locks that this process has on it
    // (fcntl(2)). SQLite opens the same path next and reports any error.
    let _ = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    for file in std::iter::once(path.to_owned()).chain(BESIDE.map(|end| beside(path, end))) {
        let Ok(there) = std::fs::metadata(&file) else { continue };
        let mut rights = there.permissions();
        if !there.is_file() || rights.mode() & 0o077 == 0 {
            continue;
        }
        rights.set_mode(rights.mode() & 0o700);
        if let Err(error) = std::fs::set_permissions(&file, rights) {
            tracing::warn!(%error, file = %file.display(), "others may read the database: its file should be 0600");
        }
    }
}

#[cfg(not(unix))]
pub(super) fn keep_private(_: &Path) {}

#[cfg(unix)]
fn beside(path: &Path, end: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(end);
    PathBuf::from(name)
}
