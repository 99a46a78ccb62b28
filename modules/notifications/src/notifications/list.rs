//! `GET /v1/notifications`.

use serde::Serialize;
use tenfold::prelude::*;
use utoipa::ToSchema;

use super::{NotificationView, newest_of, reader, unread};

/// A page of notifications.
#[derive(Serialize, ToSchema)]
pub(crate) struct Notifications {
    /// The page's items.
    items: Vec<NotificationView>,
    /// The cursor of the next page; absent on the last one.
    next_cursor: Option<String>,
    /// The number of unread ones on all pages; 1,000 means 1,000 or more.
    #[schema(minimum = 0, maximum = 1000)]
    unread: i64,
}

/// Your notifications, newest first, and the number of unread ones.
#[endpoint(get, "/v1/notifications", tag = "notifications")]
pub(crate) async fn list_notifications(cx: Context, page: Page) -> Result<Json<Notifications>, Problem> {
    let user = reader(&cx)?;
    let notifications = newest_of(user).page(&page).all(&cx).await?;
    let listing = notifications.listing(notifications.iter().map(NotificationView::of).collect());
    let unread = unread(&cx, user).await?;
    Ok(Json(Notifications { items: listing.items, next_cursor: listing.next_cursor, unread }))
}
