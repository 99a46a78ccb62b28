//! `GET /v1/tasks/{id}`.

use tenfold::prelude::*;
use tenfold_auth_api::AuthClient;

use super::{TaskView, view};
use crate::entities::{Task, TaskId};
use crate::permissions::ReadProjects;

/// One task.
#[endpoint(get, "/v1/tasks/{id}", tag = "projects", example(id = list_tasks))]
pub(crate) async fn get_task(
    cx: Context,
    _: Require<ReadProjects>,
    auth: AuthClient,
    Path(id): Path<TaskId>,
) -> Result<Json<TaskView>, Problem> {
    let task = Task::get(&cx, id).await?;
    Ok(Json(view(&cx, &auth, &task).await?))
}
