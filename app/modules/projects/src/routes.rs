//! All routes of the module, a line each.

use tenfold::prelude::*;

use crate::{projects, tasks};

pub(crate) fn all() -> Routes {
    Routes::new()
        .routes(routes!(projects::list::list_projects, projects::create::create_project))
        .routes(routes!(projects::get::get_project, projects::patch::patch_project))
        .routes(routes!(tasks::list::list_tasks, tasks::create::create_task))
        .routes(routes!(tasks::get::get_task, tasks::patch::patch_task))
}
