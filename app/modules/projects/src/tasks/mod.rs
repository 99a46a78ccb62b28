//! Tasks of a project.

pub(crate) mod create;
pub(crate) mod get;
pub(crate) mod list;
pub(crate) mod patch;

use serde::Serialize;
use tenfold::prelude::*;
use tenfold_auth_api::{AuthClient, UserCard};
use utoipa::ToSchema;

use crate::entities::{ProjectId, Task, TaskId, TaskStatus};

type TaskTitle = DisplayName<200>;

/// A task with assignees, labels and the number of comments.
#[derive(Serialize, ToSchema)]
pub(crate) struct TaskView {
    id: TaskId,
    project_id: ProjectId,
    title: String,
    status: TaskStatus,
    /// The users assigned to it.
    assignees: Vec<UserCard>,
    labels: Vec<String>,
    /// The number of comments.
    comments: i64,
    created_at: Timestamp,
}

/// A view of one task. For a list of any length, each relation costs one statement. The assignees, which belong to
/// another module, cost one call.
async fn view(cx: &Context, auth: &AuthClient, task: &Task) -> Result<TaskView, Problem> {
    let labels = task.labels.get(cx).await?;
    let mut assignees = Vec::new();
    for assignment in task.assignments.get(cx).await? {
        // A user who has left the organization has no card.
        assignees.extend(auth.user_card(cx, &assignment.user_id).await?);
    }
    Ok(TaskView {
        id: task.id,
        project_id: task.project_id,
        title: task.title.clone(),
        status: task.status,
        assignees,
        labels: labels.iter().map(|label| label.name.clone()).collect(),
        comments: task.comments.get(cx).await?,
        created_at: task.created_at,
    })
}
