//! The module's tables as structs.

use serde::{Deserialize, Serialize};
use tenfold::jobs::JobId;
use tenfold::prelude::*;
use tenfold_auth_api::UserId;
use tenfold_files_api::FileId;
use utoipa::ToSchema;

/// An uploaded file.
#[derive(Clone, Debug, Entity)]
#[entity(table = "files_files", tenant = org_id)]
pub(crate) struct File {
    #[entity(key)]
    pub id: FileId,
    pub org_id: OrgId,
    pub user_id: UserId,
    /// The job that processes it.
    pub job_id: JobId,
    pub name: String,
    pub status: FileStatus,
    pub size: i64,
    /// In hexadecimal digits.
    pub sha256: String,
    /// The type detected from its bytes; none until it is known.
    pub content_type: Option<String>,
    /// The result of its processing, a [`Facts`](crate::facts::Facts).
    pub facts: serde_json::Value,
    pub has_thumbnail: bool,
    /// Why it failed.
    pub problem: Option<String>,
    pub created_at: Timestamp,
}

/// The state of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema, TextEnum)]
#[serde(rename_all = "snake_case")]
pub(crate) enum FileStatus {
    Processing,
    Ready,
    Failed,
}

/// How many bytes the files of an organization have in sum.
#[derive(Debug, Entity)]
#[entity(table = "files_usage", tenant = org_id)]
pub(crate) struct Usage {
    #[entity(key)]
    pub org_id: OrgId,
    pub bytes: i64,
}
