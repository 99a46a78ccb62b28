//! `GET /v1/projects/{id}/tasks`.

use tenfold::prelude::*;
use tenfold_auth_api::AuthClient;

use super::{TaskView, view};
use crate::entities::{Project, ProjectId, Task};
use crate::permissions::ReadProjects;

/// The tasks of a project, oldest first.
#[endpoint(get, "/v1/projects/{id}/tasks", tag = "projects", example(id = list_projects))]
pub(crate) async fn list_tasks(
    cx: Context,
    _: Require<ReadProjects>,
    auth: AuthClient,
    Path(id): Path<ProjectId>,
    page: Page,
) -> Result<Json<Listing<TaskView>>, Problem> {
    let project = Project::get(&cx, id).await?;
    let tasks = Task::query().filter(Task::project_id.eq(project.id)).page(&page).all(&cx).await?;
    let mut views = Vec::with_capacity(tasks.len());
    for task in &tasks {
        views.push(view(&cx, &auth, task).await?);
    }
    Ok(Json(tasks.listing(views)))
}
