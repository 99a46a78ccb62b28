//! The notifications of the signed-in user.

pub(crate) mod events;
pub(crate) mod list;
pub(crate) mod read;
pub(crate) mod read_all;

use serde::Serialize;
use tenfold::data::EntityQuery;
use tenfold::http::person;
use tenfold::prelude::*;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::entities::{Notification, NotificationId};

/// A notification.
#[derive(Serialize, ToSchema)]
pub(crate) struct NotificationView {
    id: NotificationId,
    /// The name of its kind, such as `file_ready`.
    kind: String,
    title: String,
    /// More text; may be empty.
    body: String,
    /// The path, in this API, of what it is about; may be empty.
    link: String,
    /// When you read it; null if you have not.
    read_at: Option<Timestamp>,
    created_at: Timestamp,
}

impl NotificationView {
    fn of(notification: &Notification) -> Self {
        NotificationView {
            id: notification.id,
            kind: notification.kind.clone(),
            title: notification.title.clone(),
            body: notification.body.clone(),
            link: notification.link.clone(),
            read_at: notification.read_at,
            created_at: notification.created_at,
        }
    }
}

/// The user of the request. An API key reads nothing of what its maker is told.
pub(crate) fn reader(cx: &Context) -> Result<Uuid, Problem> {
    person(cx).map(|principal| principal.user)
}

/// A user's notifications from the newest on.
fn newest_of(user: Uuid) -> EntityQuery<Notification> {
    Notification::query().filter(Notification::user_id.eq(user)).newest_first()
}

/// The number of unread notifications of a user, capped at 1,000, which means 1,000 or more. An exact number is not
/// needed, and the statement stays fast for a user who never reads.
async fn unread(cx: &Context, user: Uuid) -> Result<i64, DataError> {
    unread_of(user).limit(1000).count(cx).await
}

/// A user's unread notifications.
fn unread_of(user: Uuid) -> EntityQuery<Notification> {
    let of_user = Notification::query().filter(Notification::user_id.eq(user));
    of_user.filter(Notification::read_at.is_null())
}
