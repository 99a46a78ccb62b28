//! `GET /v1/notifications/preferences`.

use serde::Serialize;
use tenfold::prelude::*;
use utoipa::ToSchema;

use super::NotificationPreference;
use crate::channels::{Channels, choices};
use crate::notifications::reader;

/// All kinds of notifications.
#[derive(Serialize, ToSchema)]
pub(crate) struct NotificationPreferences {
    items: Vec<NotificationPreference>,
}

/// By which channels each kind of notification reaches you in this organization, all kinds, in the order of their names. What you have
/// not chosen follows the kind's default.
#[endpoint(get, "/v1/notifications/preferences", tag = "notifications")]
pub(crate) async fn list_notification_preferences(
    cx: Context,
    channels: Use<Channels>,
) -> Result<Json<NotificationPreferences>, Problem> {
    let chosen = choices(&cx, reader(&cx)?).await?;
    let items = channels.kinds().iter().map(|kind| NotificationPreference::of(kind, &chosen)).collect();
    Ok(Json(NotificationPreferences { items }))
}
