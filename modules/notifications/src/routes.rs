//! All routes of the module, a line each.
//!
//! None of them needs a permission: users read their own notifications, and no others, and choose for themselves.

use tenfold::prelude::*;

use crate::{notifications, preferences, stop};

pub(crate) fn all() -> Routes {
    Routes::new()
        .routes(routes!(notifications::list::list_notifications))
        .routes(routes!(notifications::events::notification_events))
        .routes(routes!(notifications::read::read_notification))
        .routes(routes!(notifications::read_all::read_all_notifications))
        .routes(routes!(
            preferences::list::list_notification_preferences,
            preferences::patch::patch_notification_preference
        ))
        .merge(stop::routes())
}
