//! `POST /v1/notifications/read-all`.

use tenfold::prelude::*;
use tenfold::sql;

use super::reader;
use crate::entities::NotificationId;

/// Says that you read everything that you were told until now.
#[utoipa::path(post, path = "/v1/notifications/read-all", tag = "notifications", security(("session" = [])),
    responses((status = 204)))]
pub(crate) async fn read_all_notifications(cx: Context) -> Result<NoContent, Problem> {
    let user = reader(&cx)?;
    cx.transaction(async |tx| -> Result<(), DataError> {
        let read = sql!(
            "notifications_notifications.read_all",
            "UPDATE notifications_notifications SET read_at = $3
                WHERE org_id = $1 AND user_id = $2 AND read_at IS NULL"
        );
        let _nothing: Vec<(NotificationId,)> = read.bind(user).bind(tx.now()).all(&*tx).await?;
        Ok(())
    })
    .await?;
    Ok(NoContent)
}
