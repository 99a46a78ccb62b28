//! `GET /v1/notifications`.

use serde::Serialize;
use tenfold::prelude::*;
use utoipa::ToSchema;

use super::{NotificationView, newest_of, reader, unread};

/// A page of what you were told.
#[derive(Serialize, ToSchema)]
pub(crate) struct Notifications {
    /// The page's items.
    items: Vec<NotificationView>,
    /// Where to go on; absent after the last page.
    next_cursor: Option<String>,
    /// How many you have not read, on all pages; 1,000 means that many or more.
    #[schema(minimum = 0, maximum = 1000)]
    unread: i64,
}

/// What you were told, newest first, and how much of it you have not read.
#[endpoint(get, "/v1/notifications", tag = "notifications")]
pub(crate) async fn list_notifications(cx: Context, page: Page) -> Result<Json<Notifications>, Problem> {
    let user = reader(&cx)?;
    let notifications = newest_of(user).page(&page).all(&cx).await?;
    let listing = notifications.listing(notifications.iter().map(NotificationView::of).collect());
    let unread = unread(&cx, user).await?;
    Ok(Json(Notifications { items: listing.items, next_cursor: listing.next_cursor, unread }))
}
