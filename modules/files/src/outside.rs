//! External causes that stop work on a file: the store, its disk, the network, the system's limits.

use std::io::{self, ErrorKind};

use tenfold::prelude::*;

use crate::blobs::Blobs;

/// Classifies an error of work on a file of the organization. If the store is the cause, it becomes an error that is
/// retried until the store is back; any other error is unchanged.
pub(crate) fn judge(error: anyhow::Error, blobs: &Blobs, org_id: OrgId) -> anyhow::Error {
    let reason = error.chain().find_map(|cause| reason(cause.downcast_ref()?, || blobs.has(org_id)));
    match reason {
        Some(reason) => TryLater::because(reason).caused_by(error).into(),
        None => error,
    }
}

/// The message shown while a file waits; none if the file itself is the cause.
fn reason(error: &io::Error, is_store_there: impl FnOnce() -> bool) -> Option<&'static str> {
    match error.kind() {
        // Errors of a reader that the file's bytes cause.
        ErrorKind::UnexpectedEof | ErrorKind::InvalidData | ErrorKind::InvalidInput => None,
        // Either the bytes of one file are lost, or the whole store is unavailable: unmounted, or moved.
        ErrorKind::NotFound if is_store_there() => None,
        kind if is_full(kind) => {
            Some("waiting: the file store is full; processing continues when there is room")
        }
        _ => Some("waiting: the file store is unavailable; processing continues when it is back"),
    }
}

/// Whether there is no room: the disk is full, the account's share of it is (EDQUOT), or a file would be larger than the process may
/// write (EFBIG: `ulimit -f`, `LimitFSIZE=`).
pub(crate) fn is_full(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_is_to_blame_for_its_bytes_alone() {
        for kind in [ErrorKind::UnexpectedEof, ErrorKind::InvalidData, ErrorKind::InvalidInput] {
            assert_eq!(reason(&kind.into(), || true), None, "{kind}");
        }
        // EIO, EMFILE, ESTALE and ENOSPC.
        for code in [5, 24, 116, 28] {
            assert!(reason(&io::Error::from_raw_os_error(code), || true).is_some(), "{code}");
        }
        // ENOSPC, EFBIG and, on Linux, EDQUOT.
        for code in [28, 27, 122] {
            let told = reason(&io::Error::from_raw_os_error(code), || true);
            assert!(told.is_some_and(|told| told.contains("is full")), "{code}");
        }
        assert_eq!(reason(&ErrorKind::NotFound.into(), || true), None);
        assert!(reason(&ErrorKind::NotFound.into(), || false).is_some());
    }
}
