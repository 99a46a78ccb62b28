//! `GET /v1/users/{id}`.

use auth_api::UserId;
use tenfold::prelude::*;

use super::permissions::ReadMembers;
use super::{UserView, view};
use crate::entities::User;

/// One user of the organization.
#[utoipa::path(get, path = "/v1/users/{id}", tag = "users", security(("session" = [])),
    params(("id" = uuid::Uuid, Path, description = "The user")),
    extensions(("x-permission" = json!("members.read"))),
    responses((status = 200, body = UserView), (status = 404, body = Problem, content_type = "application/problem+json")))]
pub(crate) async fn get_user(
    cx: Context,
    _: Require<ReadMembers>,
    Path(id): Path<UserId>,
) -> Result<Json<UserView>, Problem> {
    let user = User::get(&cx, id).await?;
    Ok(Json(view(&cx, &user).await?))
}
