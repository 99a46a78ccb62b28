//! `POST /v1/notifications/read-all`.

use tenfold::prelude::*;

use super::{reader, unread_of};
use crate::entities::Notification;

/// Marks all notifications until now as read.
#[endpoint(post, "/v1/notifications/read-all", tag = "notifications")]
pub(crate) async fn read_all_notifications(cx: Context) -> Result<NoContent, Problem> {
    let user = reader(&cx)?;
    cx.transaction(async |tx| -> Result<(), DataError> {
        unread_of(user).update().set(Notification::read_at, Some(tx.now())).run(tx).await?;
        Ok(())
    })
    .await?;
    Ok(NoContent)
}
