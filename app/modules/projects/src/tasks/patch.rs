//! `PATCH /v1/tasks/{id}`.

use serde::Deserialize;
use tenfold::prelude::*;
use tenfold_auth_api::AuthClient;
use utoipa::ToSchema;

use super::{TaskTitle, TaskView, view};
use crate::entities::{Task, TaskId, TaskStatus};
use crate::permissions::WriteProjects;

/// The changes; omitted fields stay as they are.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TaskPatch {
    title: Option<TaskTitle>,
    status: Option<TaskStatus>,
}

/// Changes a task's title or status.
#[endpoint(patch, "/v1/tasks/{id}", tag = "projects",
    example(id = list_tasks, body = {"title": "Write it up", "status": "in_progress"}))]
pub(crate) async fn patch_task(
    cx: Context,
    _: Require<WriteProjects>,
    auth: AuthClient,
    Path(id): Path<TaskId>,
    Json(patch): Json<TaskPatch>,
) -> Result<Json<TaskView>, Problem> {
    let change = Task::update(id)
        .set_if(Task::title, patch.title.map(TaskTitle::into_inner))
        .set_if(Task::status, patch.status);
    cx.transaction(async |tx| change.run(tx).await).await?;
    let task = Task::get(&cx, id).await?;
    Ok(Json(view(&cx, &auth, &task).await?))
}
