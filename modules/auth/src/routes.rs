//! All routes of the module, a line each.

use tenfold::prelude::*;

use crate::{sessions, users};

pub(crate) fn all() -> Routes {
    Routes::new()
        .routes(routes!(sessions::sign_up::sign_up))
        .routes(routes!(sessions::sign_in::sign_in))
        .routes(routes!(sessions::switch::switch))
        .routes(routes!(sessions::sign_out::sign_out))
        .routes(routes!(sessions::current::current_session))
        .routes(routes!(users::list::list_users))
        .routes(routes!(users::get::get_user, users::patch::patch_user))
}
