//! All routes of the module, a line each.

use tenfold::prelude::*;

use crate::{content, delete, events, get, list, upload};

pub(crate) fn all() -> Routes {
    Routes::new()
        .routes(routes!(list::list_files, upload::upload_file))
        .routes(routes!(get::get_file, delete::delete_file))
        .routes(routes!(events::file_events))
        .routes(routes!(content::file_content))
        .routes(routes!(content::file_thumbnail))
}
