//! `POST /v1/projects/{id}/tasks`.

use serde::Deserialize;
use tenfold::prelude::*;
use tenfold_auth_api::AuthClient;
use utoipa::ToSchema;

use super::{TaskTitle, TaskView, view};
use crate::entities::{Project, ProjectId, Task, TaskId, TaskRow, TaskStatus};
use crate::permissions::WriteProjects;

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewTask {
    title: TaskTitle,
}

/// Creates an open task.
#[endpoint(post, "/v1/projects/{id}/tasks", tag = "projects",
    example(id = list_projects, body = {"title": "Write it down"}))]
pub(crate) async fn create_task(
    cx: Context,
    _: Require<WriteProjects>,
    auth: AuthClient,
    Path(id): Path<ProjectId>,
    Json(new): Json<NewTask>,
) -> Result<Created<TaskView>, Problem> {
    let task = cx
        .transaction(async |tx| -> Result<Task, DataError> {
            let project = Project::get(tx, id).await?;
            TaskRow {
                id: TaskId(tx.new_id()),
                org_id: tx.tenant(),
                project_id: project.id,
                title: new.title.into_inner(),
                status: TaskStatus::Open,
                created_at: tx.now(),
            }
            .insert(tx)
            .await
        })
        .await?;
    Ok(Created { location: format!("/v1/tasks/{}", task.id), body: view(&cx, &auth, &task).await? })
}
