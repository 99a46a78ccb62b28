//! `PATCH /v1/users/{id}/role`.

use serde::Deserialize;
use tenfold::prelude::*;
use tenfold_auth_api::UserId;
use utoipa::ToSchema;

use super::permissions::WriteMembers;
use super::{UserView, own_user, view};
use crate::entities::User;
use crate::members::{GrantedRole, keep_an_owner, lock, within_reach};
use crate::sessions::{MaybeSudo, forgotten_everywhere};

/// A user's new role.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RoleChange {
    role: GrantedRole,
}

/// Gives a user another role.
///
/// Nobody gives a role above their own, or changes that of somebody who has one. The last owner stays one: a 409. To make or unmake an
/// owner, the password must have been typed within the last ten minutes: at sign-in, or with `POST /v1/auth/sudo`.
#[endpoint(patch, "/v1/users/{id}/role", tag = "users", problems(403, 409),
    example(id = list_users, body = {"role": "admin"}))]
pub(crate) async fn change_role(
    cx: Context,
    system: SystemContext,
    _: Require<WriteMembers>,
    sudo: MaybeSudo,
    Path(id): Path<UserId>,
    Json(change): Json<RoleChange>,
) -> Result<Json<UserView>, Problem> {
    let (own, next) = (own_user(&cx)?, change.role.role());
    system
        .transaction(async |tx| -> Result<(), Problem> {
            lock(tx, cx.tenant()).await?;
            let tenant = tx.within(cx.tenant());
            let user = User::get(&tenant, id).await?;
            within_reach(User::get(&tenant, own).await?.role, &[user.role, next])?;
            if [user.role, next].contains(&Role::Owner) {
                sudo.require()?;
            }
            keep_an_owner(&tenant, &user, Some(next)).await?;
            Ok(User::update(id).set(User::role, next).run(&tenant).await?)
        })
        .await?;
    forgotten_everywhere(&system).await;
    let user = User::get(&cx, id).await?;
    Ok(Json(view(&cx, &user).await?))
}
