//! Files of a database that are read or written here beside SQLite. They stay open.
//!
//! Closing a file releases all locks that this process has on it, those of SQLite's own connections included
//! (fcntl(2)). So each file is opened once, and closed only when it has no name any more and so can have no new users.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

/// Opens a file for reading, or returns it if it is already open.
#[cfg(unix)]
pub(super) fn open(path: &Path) -> Option<Arc<File>> {
    use std::os::unix::fs::MetadataExt as _;
    use std::sync::{Mutex, PoisonError};

    static OPEN: Mutex<Vec<Arc<File>>> = Mutex::new(Vec::new());

    let mut open = OPEN.lock().unwrap_or_else(PoisonError::into_inner);
    open.retain(|file| file.metadata().is_ok_and(|file| file.nlink() > 0));
    let wanted = std::fs::metadata(path).ok()?;
    let same = |file: &&Arc<File>| {
        file.metadata().is_ok_and(|known| (known.dev(), known.ino()) == (wanted.dev(), wanted.ino()))
    };
    if let Some(known) = open.iter().find(same) {
        return Some(Arc::clone(known));
    }
    let file = Arc::new(File::open(path).ok()?);
    open.push(Arc::clone(&file));
    Some(file)
}

#[cfg(not(unix))]
pub(super) fn open(_path: &Path) -> Option<Arc<File>> {
    None
}
