//! The module's table as a struct.

use tenfold::prelude::*;
use utoipa::ToSchema;
use uuid::Uuid;

id! {
    /// Something that a person was told. Ids grow with time, so they are also where a live stream stands.
    NotificationId
}

/// Something that a person was told.
#[derive(Clone, Debug, Entity)]
#[entity(table = "notifications_notifications", tenant = org_id)]
pub(crate) struct Notification {
    #[entity(key)]
    pub id: NotificationId,
    pub org_id: OrgId,
    /// The person, as sessions and events name him. Not auth's own type: this module asks auth nothing.
    pub user_id: Uuid,
    pub kind: Kind,
    pub title: String,
    /// More about it; may be empty.
    pub body: String,
    /// A path of this API, of what it is about.
    pub link: String,
    pub read_at: Option<Timestamp>,
    pub created_at: Timestamp,
}

/// What a notification is about, so that a page can pick a picture for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize, ToSchema, TextEnum)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Kind {
    FileReady,
    FileFailed,
}
