//! `POST /v1/organization/transfer`.

use serde::Deserialize;
use tenfold::prelude::*;
use tenfold_auth_api::UserId;
use utoipa::ToSchema;

use crate::entities::User;
use crate::members::{lock, within_reach};
use crate::sessions::{Sudo, forgotten_everywhere};
use crate::users::own_user;

/// Who becomes an owner.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct OwnershipTransfer {
    user: UserId,
}

/// Makes another user an owner in your place; you become an admin. Owners are made and unmade with the password alone, here and
/// wherever a role is given.
///
/// The password must have been typed within the last ten minutes: at sign-in, or with `POST /v1/auth/sudo`.
#[endpoint(post, "/v1/organization/transfer", tag = "identity", problems(403, 404),
    example(body = {"user": "01900000-0000-7000-8000-000000000000"}))]
pub(crate) async fn transfer_ownership(
    cx: Context,
    system: SystemContext,
    _: Sudo,
    Json(transfer): Json<OwnershipTransfer>,
) -> Result<NoContent, Problem> {
    let own = own_user(&cx)?;
    system
        .transaction(async |tx| -> Result<(), Problem> {
            lock(tx, cx.tenant()).await?;
            let tenant = tx.within(cx.tenant());
            within_reach(User::get(&tenant, own).await?.role, &[Role::Owner])?;
            // In this order: a transfer to oneself leaves an owner.
            User::update(own).set(User::role, Role::Admin).run(&tenant).await?;
            let next = User::update(transfer.user).set(User::role, Role::Owner);
            Ok(next.run(&tenant.repeating("two users are changed")).await?)
        })
        .await?;
    forgotten_everywhere(&system).await;
    Ok(NoContent)
}
