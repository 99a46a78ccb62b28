//! `POST /v1/projects`.

use serde::Deserialize;
use tenfold::prelude::*;
use utoipa::ToSchema;

use super::{ProjectName, ProjectView};
use crate::entities::{ProjectId, ProjectRow};
use crate::permissions::WriteProjects;

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewProject {
    name: ProjectName,
}

/// Creates a project.
#[endpoint(post, "/v1/projects", tag = "projects", example(body = {"name": "Website"}))]
pub(crate) async fn create_project(
    cx: Context,
    _: Require<WriteProjects>,
    Json(new): Json<NewProject>,
) -> Result<Tagged<Created<ProjectView>>, Problem> {
    let project = ProjectRow {
        id: ProjectId(cx.new_id()),
        org_id: cx.tenant(),
        name: new.name.into_inner(),
        created_at: cx.now(),
        version: 1,
    };
    let project = cx.transaction(async |tx| project.insert(tx).await).await?;
    let location = format!("/v1/projects/{}", project.id);
    Ok(Tagged::by(&project, Created { location, body: ProjectView::of(&project) }))
}
