//! The database's files are its owner's alone: they hold every organization's rows, and the keys that sign tokens.

use std::path::{Path, PathBuf};

/// What SQLite calls the files beside a database.
const BESIDE: [&str; 2] = ["-wal", "-shm"];

/// Makes the folder of a database, as 0700; one that is there stays as it is, since it may be shared: `/tmp` for one.
pub(super) fn make_folder(folder: &Path) -> std::io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

/// Makes the file as 0600 if it is not there, and takes others' rights on it away if it is, and on those beside it. SQLite
/// gives those that it makes the rights of the first. Called before SQLite opens it.
#[cfg(unix)]
pub(super) fn keep_private(path: &Path) {
    use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};

    // Only a new file is opened here: closing one that is there would end the locks that this process has on it (fcntl(2)).
    // An error is SQLite's to report, which opens the same path next.
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
