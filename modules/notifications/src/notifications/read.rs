//! `POST /v1/notifications/{id}/read`.

use tenfold::prelude::*;

use super::reader;
use crate::entities::{Notification, NotificationId};

/// Marks a notification as read. Repeating it does not change the time.
#[endpoint(post, "/v1/notifications/{id}/read", tag = "notifications", example(id = list_notifications))]
pub(crate) async fn read_notification(
    cx: Context,
    Path(id): Path<NotificationId>,
) -> Result<NoContent, Problem> {
    let user = reader(&cx)?;
    let notification = Notification::get(&cx, id).await?;
    if notification.user_id != user {
        // The same as for a missing one: the notifications of other users are private.
        return Err(Problem::not_found("notification"));
    }
    if notification.read_at.is_none() {
        let change = Notification::update(id).set(Notification::read_at, Some(cx.now()));
        cx.transaction(async |tx| change.run(tx).await).await?;
    }
    Ok(NoContent)
}
