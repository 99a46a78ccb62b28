//! `GET /v1/users/{id}`.

use tenfold::prelude::*;
use tenfold_auth_api::UserId;

use super::permissions::ReadMembers;
use super::{UserView, view};
use crate::entities::User;

/// One user of the organization.
#[endpoint(get, "/v1/users/{id}", tag = "users", example(id = list_users))]
pub(crate) async fn get_user(
    cx: Context,
    _: Require<ReadMembers>,
    Path(id): Path<UserId>,
) -> Result<Json<UserView>, Problem> {
    let user = User::get(&cx, id).await?;
    Ok(Json(view(&cx, &user).await?))
}
