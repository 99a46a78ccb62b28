//! The module's tables as structs.

use serde::{Deserialize, Serialize};
use tenfold::prelude::*;
use tenfold_auth_api::UserId;
use utoipa::ToSchema;

id! {
    /// A project.
    ProjectId
}

id! {
    /// A task of a project.
    TaskId
}

id! {
    /// The assignment of a user to a task.
    AssignmentId
}

id! {
    /// A label for tasks.
    LabelId
}

id! {
    /// The assignment of a label to a task.
    LabelingId
}

id! {
    /// A comment on a task.
    CommentId
}

/// A project.
#[derive(Debug, Entity)]
#[entity(table = "projects_projects", tenant = org_id)]
pub(crate) struct Project {
    #[entity(key)]
    pub id: ProjectId,
    pub org_id: OrgId,
    pub name: String,
    pub created_at: Timestamp,
    #[entity(version)]
    pub version: i64,
}

/// A task of a project.
#[derive(Debug, Entity)]
#[entity(table = "projects_tasks", tenant = org_id, search(title))]
pub(crate) struct Task {
    #[entity(key)]
    pub id: TaskId,
    pub org_id: OrgId,
    pub project_id: ProjectId,
    pub title: String,
    pub status: TaskStatus,
    pub created_at: Timestamp,
    #[entity(has_many(by = task_id))]
    pub assignments: Many<Assignment>,
    #[entity(has_many(through = Labeling, by = task_id, to = label_id, order_by = name))]
    pub labels: Many<Label>,
    #[entity(count(by = task_id))]
    pub comments: Count<Comment>,
}

/// The state of a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema, TextEnum)]
#[serde(rename_all = "snake_case")]
pub(crate) enum TaskStatus {
    Open,
    InProgress,
    Done,
}

/// The assignment of a user to a task.
#[derive(Debug, Entity)]
#[entity(table = "projects_assignments", tenant = org_id)]
pub(crate) struct Assignment {
    #[entity(key)]
    pub id: AssignmentId,
    pub org_id: OrgId,
    pub task_id: TaskId,
    #[entity(peers)]
    pub user_id: Ref<UserId>,
}

/// A label for tasks.
#[derive(Debug, Entity)]
#[entity(table = "projects_labels", tenant = org_id)]
pub(crate) struct Label {
    #[entity(key)]
    pub id: LabelId,
    pub org_id: OrgId,
    pub name: String,
}

/// The assignment of a label to a task.
#[derive(Debug, Entity)]
#[entity(table = "projects_labelings", tenant = org_id)]
pub(crate) struct Labeling {
    #[entity(key)]
    pub id: LabelingId,
    pub org_id: OrgId,
    pub task_id: TaskId,
    pub label_id: LabelId,
}

/// A comment on a task.
#[derive(Debug, Entity)]
#[entity(table = "projects_comments", tenant = org_id)]
pub(crate) struct Comment {
    #[entity(key)]
    pub id: CommentId,
    pub org_id: OrgId,
    pub task_id: TaskId,
    pub user_id: UserId,
    pub body: String,
    pub created_at: Timestamp,
}
