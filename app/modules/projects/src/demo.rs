//! Demo data: a few projects with tasks, assignees, labels and comments.

use tenfold::app::DemoOrganization;
use tenfold::prelude::*;
use tenfold_auth_api::UserId;

use crate::entities::{
    Assignment, AssignmentId, AssignmentRow, Comment, CommentId, CommentRow, Label, LabelId, LabelRow,
    Labeling, LabelingId, LabelingRow, Project, ProjectId, ProjectRow, Task, TaskId, TaskRow, TaskStatus,
};

const PROJECTS: [&str; 3] = ["Website", "Mobile app", "Ten times the traffic"];
const LABELS: [&str; 4] = ["bug", "idea", "urgent", "later"];
const TASKS: usize = 40;

/// Creates three projects of forty tasks each in an organization, and assigns its users.
pub(crate) async fn fill(tx: &Tx<'_>, organization: &DemoOrganization) -> Result<(), DataError> {
    let users = &organization.users;
    let org_id = tx.tenant();
    let label = |name: &&str| LabelRow { id: LabelId(tx.new_id()), org_id, name: (*name).to_owned() };
    let labels = Label::insert_many(tx, LABELS.iter().map(label).collect()).await?;
    let project = |name: &&str| ProjectRow {
        id: ProjectId(tx.new_id()),
        org_id,
        name: (*name).to_owned(),
        created_at: tx.now(),
        version: 1,
    };
    let projects = Project::insert_many(tx, PROJECTS.iter().map(project).collect()).await?;
    let tasks: Vec<TaskRow> =
        projects.iter().flat_map(|project| (0..TASKS).map(|number| task(tx, project, number))).collect();
    let tasks = Task::insert_many(tx, tasks).await?;

    let (mut assignments, mut labelings, mut comments) = (Vec::new(), Vec::new(), Vec::new());
    for (index, task) in tasks.iter().enumerate() {
        let user = |step: usize| UserId(users[(index * 7 + step) % users.len()]);
        assignments.extend((0..index % 3).map(|step| AssignmentRow {
            id: AssignmentId(tx.new_id()),
            org_id,
            task_id: task.id,
            user_id: Ref::new(user(step)),
        }));
        labelings.extend(labels.iter().take(index % 3).map(|label| LabelingRow {
            id: LabelingId(tx.new_id()),
            org_id,
            task_id: task.id,
            label_id: label.id,
        }));
        comments.extend((0..index % 5).map(|step| CommentRow {
            id: CommentId(tx.new_id()),
            org_id,
            task_id: task.id,
            user_id: user(step),
            body: "Looks good to me.".to_owned(),
            created_at: tx.now(),
        }));
    }
    Assignment::insert_many(tx, assignments).await?;
    Labeling::insert_many(tx, labelings).await?;
    Comment::insert_many(tx, comments).await?;
    Ok(())
}

fn task(tx: &Tx<'_>, project: &Project, number: usize) -> TaskRow {
    TaskRow {
        id: TaskId(tx.new_id()),
        org_id: tx.tenant(),
        project_id: project.id,
        title: format!("{}: step {}", project.name, number + 1),
        status: [TaskStatus::Done, TaskStatus::InProgress, TaskStatus::Open][number % 3],
        created_at: tx.now(),
    }
}
