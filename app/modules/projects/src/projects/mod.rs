//! Projects.

pub(crate) mod create;
pub(crate) mod get;
pub(crate) mod list;
pub(crate) mod patch;

use serde::Serialize;
use tenfold::prelude::*;
use utoipa::ToSchema;

use crate::entities::{Project, ProjectId};

type ProjectName = DisplayName<100>;

/// A project.
#[derive(Serialize, ToSchema)]
pub(crate) struct ProjectView {
    id: ProjectId,
    name: String,
    created_at: Timestamp,
}

impl ProjectView {
    fn of(project: &Project) -> Self {
        ProjectView { id: project.id, name: project.name.clone(), created_at: project.created_at }
    }
}
