//! All routes of the module, a line each.
//!
//! None of them needs a permission: users read their own notifications, and no others.

use tenfold::prelude::*;

use crate::notifications;

pub(crate) fn all() -> Routes {
    Routes::new()
        .routes(routes!(notifications::list::list_notifications))
        .routes(routes!(notifications::events::notification_events))
        .routes(routes!(notifications::read::read_notification))
        .routes(routes!(notifications::read_all::read_all_notifications))
}
