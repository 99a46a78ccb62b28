//! The module's table as a struct.

use tenfold::prelude::*;
use utoipa::ToSchema;
use uuid::Uuid;

id! {
    /// The id of a notification. Ids grow with time, so they also mark the position of a live stream.
    NotificationId
}

/// A notification.
#[derive(Clone, Debug, Entity)]
#[entity(table = "notifications_notifications", tenant = org_id)]
pub(crate) struct Notification {
    #[entity(key)]
    pub id: NotificationId,
    pub org_id: OrgId,
    /// The user's id, as in sessions and events. Not auth's own type: this module does not depend on auth.
    pub user_id: Uuid,
    pub kind: NotificationKind,
    pub title: String,
    /// More text; may be empty.
    pub body: String,
    /// A path of this API, of what it is about.
    pub link: String,
    pub read_at: Option<Timestamp>,
    pub created_at: Timestamp,
}

/// The kind of a notification, so that a page can choose an icon.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize, ToSchema, TextEnum)]
#[serde(rename_all = "snake_case")]
// Clients know it by this name.
#[schema(as = Kind)]
pub(crate) enum NotificationKind {
    FileReady,
    FileFailed,
}
