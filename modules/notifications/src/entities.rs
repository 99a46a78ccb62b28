//! The module's tables as structs.

use tenfold::prelude::*;
use uuid::Uuid;

id! {
    /// The id of a notification. Ids grow with time, so they also mark the position of a live stream.
    NotificationId
}

id! {
    /// What a person has chosen for a kind of notification.
    ChoiceId
}

/// A notification that the application shows.
#[derive(Clone, Debug, Entity)]
#[entity(table = "notifications_notifications", tenant = org_id)]
pub(crate) struct Notification {
    #[entity(key)]
    pub id: NotificationId,
    pub org_id: OrgId,
    /// The user's id, as in sessions and events.
    pub user_id: Uuid,
    /// The name of its kind.
    pub kind: String,
    pub title: String,
    /// More text; may be empty.
    pub body: String,
    /// A path of this API, of what it is about; may be empty.
    pub link: String,
    pub read_at: Option<Timestamp>,
    pub created_at: Timestamp,
}

/// By which channels a person wants to be told of a kind. `None` follows the kind's default.
#[derive(Clone, Debug, Entity)]
#[entity(table = "notifications_choices", tenant = org_id)]
pub(crate) struct StoredChoice {
    #[entity(key)]
    pub id: ChoiceId,
    pub org_id: OrgId,
    pub user_id: Uuid,
    pub kind: String,
    pub in_app: Option<bool>,
    pub mail: Option<bool>,
}

/// What is to be mailed.
#[derive(Clone, Debug, Entity)]
#[entity(table = "notifications_mails", tenant = org_id)]
pub(crate) struct WaitingMail {
    #[entity(key)]
    pub id: NotificationId,
    pub org_id: OrgId,
    pub user_id: Uuid,
    pub kind: String,
    pub title: String,
    pub body: String,
    /// The job that mails it.
    pub job_id: Option<Uuid>,
}

/// The key of the links that stop mails. It has no `Debug`, which would print the secret.
#[derive(Entity)]
#[entity(table = "notifications_keys", global = "one key signs the links of all organizations")]
pub(crate) struct StopKeyRecord {
    #[entity(key)]
    pub id: i64,
    pub secret: Vec<u8>,
    pub created_at: Timestamp,
}
