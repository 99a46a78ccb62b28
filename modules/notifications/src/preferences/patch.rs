//! `PATCH /v1/notifications/preferences`.

use serde::Deserialize;
use tenfold::prelude::*;
use utoipa::ToSchema;

use super::NotificationPreference;
use crate::channels::{Channels, choices, choose};
use crate::notifications::reader;

/// What to change of one kind; a channel that is left out stays as it is.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NotificationPreferencePatch {
    /// The name of the kind.
    kind: Text<1, 100>,
    /// Whether it is shown in the application.
    in_app: Option<bool>,
    /// Whether it is mailed, if you have not read it in the application before.
    mail: Option<bool>,
}

/// Chooses by which channels a kind of notification reaches you in this organization. A kind that no module declares is a 422 that names
/// those that there are.
#[endpoint(patch, "/v1/notifications/preferences", tag = "notifications", problems(422),
    example(body = {"kind": "file_ready", "mail": true}))]
pub(crate) async fn patch_notification_preference(
    cx: Context,
    channels: Use<Channels>,
    Json(patch): Json<NotificationPreferencePatch>,
) -> Result<Json<NotificationPreference>, Problem> {
    let user = reader(&cx)?;
    let kind = channels.kind(&patch.kind).map_err(|unknown| Problem::invalid(format!("kind: {unknown}")))?;
    let chosen = cx
        .transaction(async |tx| -> Result<_, DataError> {
            choose(tx, user, kind.name(), [patch.in_app, patch.mail]).await?;
            choices(&*tx, user).await
        })
        .await?;
    Ok(Json(NotificationPreference::of(kind, &chosen)))
}
