//! `GET /v1/tasks/{id}`.

use auth_api::AuthClient;
use tenfold::prelude::*;

use super::{TaskView, view};
use crate::entities::{Task, TaskId};
use crate::permissions::ReadProjects;

/// One task.
#[utoipa::path(get, path = "/v1/tasks/{id}", tag = "projects", security(("session" = [])),
    params(("id" = uuid::Uuid, Path, description = "The task")),
    extensions(("x-permission" = json!("projects.read"))),
    responses((status = 200, body = TaskView), (status = 404, body = Problem, content_type = "application/problem+json")))]
pub(crate) async fn get_task(
    cx: Context,
    _: Require<ReadProjects>,
    auth: AuthClient,
    Path(id): Path<TaskId>,
) -> Result<Json<TaskView>, Problem> {
    let task = Task::get(&cx, id).await?;
    Ok(Json(view(&cx, &auth, &task).await?))
}
