//! Whose file it is: one process at a time keeps its history in it.

use std::fs::{File, TryLockError};
use std::io;

/// An advisory lock on the file beside the history's, which is held as long as this is there. The system frees it when the process ends,
/// however it ends. What only reads the history needs no lock.
pub(super) struct HistoryLock {
    #[expect(dead_code, reason = "it is locked as long as it is open")]
    lock: File,
}

impl HistoryLock {
    /// The lock of the history in `file`; `None` if another process has it.
    ///
    /// # Errors
    /// The file beside it cannot be opened.
    pub(super) fn try_take(file: &str) -> io::Result<Option<Self>> {
        let beside = format!("{file}.lock");
        let lock = File::options().create(true).truncate(false).write(true).open(&beside)?;
        match lock.try_lock() {
            Ok(()) => Ok(Some(HistoryLock { lock })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => {
                // Some file systems have no locks. The history is worth more than the certainty.
                tracing::warn!(%error, "{beside} cannot be locked, so give each process a file of its own for the history for `why`");
                Ok(Some(HistoryLock { lock }))
            }
        }
    }
}
