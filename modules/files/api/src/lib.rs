//! The interface of the files module: what other modules may know about uploaded files.

use serde::{Deserialize, Serialize};
use tenfold::NotificationKind;
use tenfold::prelude::*;
use tenfold_auth_api::UserId;

id! {
    /// An uploaded file.
    FileId
}

/// What the owner of a file that can be used is told.
pub const FILE_READY: NotificationKind = NotificationKind::new("file_ready", "A file is ready");

/// What the owner of a file that could not be processed is told.
pub const FILE_FAILED: NotificationKind =
    NotificationKind::new("file_failed", "A file could not be processed").by_mail();

/// A file was processed and can be used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileReady {
    /// The file.
    pub file: FileId,
    /// The name given by its owner; it never determines the type.
    pub name: String,
    /// The user who uploaded it.
    pub user_id: UserId,
}

impl Event for FileReady {
    const NAME: &'static str = "files.file_ready";
}

/// A file could not be processed and will not be retried.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileFailed {
    /// The file.
    pub file: FileId,
    /// The name given by its owner; it never determines the type.
    pub name: String,
    /// The user who uploaded it.
    pub user_id: UserId,
}

impl Event for FileFailed {
    const NAME: &'static str = "files.file_failed";
}
