//! The second fixture module: projects, their tasks, and what belongs to a task.

use tenfold_data::{
    Context, Count, DataError, Entity, EntityExt, Many, MigrationFile, ModuleMigrations, One, OrgId, id,
};

use crate::bench::Bench;

id!(ProjectId);
id!(TaskId);
id!(LabelId);
id!(LabelingId);
id!(CommentId);

#[derive(Debug, Entity)]
#[entity(table = "work_projects", tenant = org_id)]
pub struct Project {
    #[entity(key)]
    pub id: ProjectId,
    pub org_id: OrgId,
    pub name: String,
    #[entity(has_many(by = project_id))]
    pub tasks: Many<Task>,
}

#[derive(Debug, Entity)]
#[entity(table = "work_tasks", tenant = org_id)]
pub struct Task {
    #[entity(key)]
    pub id: TaskId,
    pub org_id: OrgId,
    pub project_id: ProjectId,
    pub title: String,
    #[entity(belongs_to(by = project_id))]
    pub project: One<Project>,
    #[entity(has_many(by = task_id))]
    pub labelings: Many<Labeling>,
    #[entity(has_many(through = Labeling, by = task_id, to = label_id))]
    pub labels: Many<Label>,
    #[entity(count(by = task_id))]
    pub comments: Count<Comment>,
}

#[derive(Debug, Entity)]
#[entity(table = "work_labelings", tenant = org_id)]
pub struct Labeling {
    #[entity(key)]
    pub id: LabelingId,
    pub org_id: OrgId,
    pub task_id: TaskId,
    pub label_id: LabelId,
    #[entity(belongs_to(by = label_id))]
    pub label: One<Label>,
}

#[derive(Debug, Entity)]
#[entity(table = "work_labels", tenant = org_id)]
pub struct Label {
    #[entity(key)]
    pub id: LabelId,
    pub org_id: OrgId,
    pub name: String,
}

#[derive(Debug, Entity)]
#[entity(table = "work_comments", tenant = org_id)]
pub struct Comment {
    #[entity(key)]
    pub id: CommentId,
    pub org_id: OrgId,
    pub task_id: TaskId,
    pub body: String,
}

pub const MIGRATIONS: ModuleMigrations =
    ModuleMigrations { module: "work", files: &[MigrationFile { name: "0001_work.sql", text: TABLES }] };

const TABLES: &str = "
CREATE TABLE work_projects (
    org_id uuid NOT NULL, id uuid NOT NULL, name text NOT NULL, PRIMARY KEY (org_id, id)
);
CREATE TABLE work_tasks (
    org_id uuid NOT NULL, id uuid NOT NULL, project_id uuid NOT NULL, title text NOT NULL,
    PRIMARY KEY (org_id, id),
    FOREIGN KEY (org_id, project_id) REFERENCES work_projects (org_id, id)
);
CREATE INDEX work_tasks_by_project ON work_tasks (org_id, project_id, id);
CREATE TABLE work_labels (
    org_id uuid NOT NULL, id uuid NOT NULL, name text NOT NULL, PRIMARY KEY (org_id, id)
);
CREATE TABLE work_labelings (
    org_id uuid NOT NULL, id uuid NOT NULL, task_id uuid NOT NULL, label_id uuid NOT NULL,
    PRIMARY KEY (org_id, id)
);
CREATE INDEX work_labelings_by_task ON work_labelings (org_id, task_id, id);
CREATE TABLE work_comments (
    org_id uuid NOT NULL, id uuid NOT NULL, task_id uuid NOT NULL, body text NOT NULL,
    PRIMARY KEY (org_id, id)
);
CREATE INDEX work_comments_by_task ON work_comments (org_id, task_id);
";

/// A label that is not stored yet.
pub fn label(cx: &Context, name: impl Into<String>) -> Label {
    Label { id: LabelId(cx.new_id()), org_id: cx.tenant(), name: name.into() }
}

/// Stores a label in a request and a transaction of its own.
pub async fn store_label(bench: &Bench, name: impl Into<String>) -> Result<Label, DataError> {
    bench.request(async |cx| cx.transaction(async |tx| label(&cx, name).insert(tx).await).await).await
}

/// Stores two projects with `tasks` tasks each. Every task has the labels `urgent` and `small`, and the task
/// with index n has n % 3 comments.
pub async fn plan(cx: &Context, tasks: usize) -> Vec<Project> {
    let org_id = cx.tenant();
    let projects: Vec<_> = ["north", "south"]
        .map(|name| Project {
            id: ProjectId(cx.new_id()),
            org_id,
            name: name.to_owned(),
            tasks: Many::default(),
        })
        .into();
    let labels: Vec<_> = ["urgent", "small"].map(|name| label(cx, name)).into();
    let (mut all, mut labelings, mut comments) = (Vec::new(), Vec::new(), Vec::new());
    for project in &projects {
        for n in 0..tasks {
            let task_id = TaskId(cx.new_id());
            let (labeled, counted) = (Many::default(), Count::default());
            let title = format!("task {n}");
            all.push(Task {
                id: task_id,
                org_id,
                project_id: project.id,
                title,
                project: One::default(),
                labelings: labeled,
                labels: Many::default(),
                comments: counted,
            });
            labelings.extend(labels.iter().map(|label| Labeling {
                id: LabelingId(cx.new_id()),
                org_id,
                task_id,
                label_id: label.id,
                label: One::default(),
            }));
            comments.extend((0..n % 3).map(|_| Comment {
                id: CommentId(cx.new_id()),
                org_id,
                task_id,
                body: "done?".to_owned(),
            }));
        }
    }
    let stored = cx.transaction(async |tx| {
        let projects = Project::insert_many(tx, projects).await?;
        Task::insert_many(tx, all).await?;
        Label::insert_many(tx, labels).await?;
        Labeling::insert_many(tx, labelings).await?;
        Comment::insert_many(tx, comments).await?;
        Ok::<_, DataError>(projects)
    });
    stored.await.expect("the fixture is stored")
}
