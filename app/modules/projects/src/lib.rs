//! The founder's own module: projects with tasks, and tasks with assignees, labels and comments.

mod demo;
mod entities;
mod erase;
mod permissions;
mod projects;
mod routes;
mod tasks;

use tenfold::prelude::*;
use tenfold_auth_api::Auth;

/// The module, for `main.rs`.
pub fn module() -> Module {
    Module::new("projects")
        .needs::<dyn Auth>()
        .migrations(migrations!())
        .routes(routes::all)
        .erases("projects.erase", |_, cx| async move { erase::erase(&cx).await })
        .demo(|tx, organization| Box::pin(demo::fill(tx, organization)))
}
