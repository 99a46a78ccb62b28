//! `GET /v1/projects/{id}/tasks`.

use serde::Deserialize;
use tenfold::prelude::*;
use tenfold_auth_api::AuthClient;
use utoipa::IntoParams;

use super::{TaskView, view};
use crate::entities::{Label, Project, ProjectId, Task};
use crate::permissions::ReadProjects;

type LabelName = Text<1, 100>;

#[derive(Deserialize, IntoParams)]
pub(crate) struct TaskFilter {
    /// Only tasks with this label.
    #[param(inline)]
    label: Option<LabelName>,
    /// Only tasks whose title has these words: all of them, without case and accents, the last one as a beginning. "In
    /// quotes" they stand next to each other, and a -word must not occur. A text without a word finds nothing.
    search: Option<String>,
}

/// The tasks of a project, oldest first.
#[endpoint(get, "/v1/projects/{id}/tasks", tag = "projects", example(id = list_projects, query = "label=bug"))]
pub(crate) async fn list_tasks(
    cx: Context,
    _: Require<ReadProjects>,
    auth: AuthClient,
    Path(id): Path<ProjectId>,
    Query(wanted): Query<TaskFilter>,
    page: Page,
) -> Result<Json<Listing<TaskView>>, Problem> {
    let project = Project::get(&cx, id).await?;
    let mut tasks = Task::query().filter(Task::project_id.eq(project.id));
    if let Some(label) = wanted.label {
        tasks = tasks.filter(Task::labels.any(Label::name.eq(label.into_inner())));
    }
    if let Some(words) = wanted.search {
        tasks = tasks.search(&words);
    }
    let tasks = tasks.page(&page).all(&cx).await?;
    let mut views = Vec::with_capacity(tasks.len());
    for task in &tasks {
        views.push(view(&cx, &auth, task).await?);
    }
    Ok(Json(tasks.listing(views)))
}
