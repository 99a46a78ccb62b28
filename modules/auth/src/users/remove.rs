//! `DELETE /v1/users/{id}`.

use tenfold::prelude::*;
use tenfold_auth_api::UserId;

use super::own_user;
use super::permissions::WriteMembers;
use crate::entities::User;
use crate::members::{lock, remove, within_reach};
use crate::sessions::{MaybeSudo, forgotten_everywhere};

/// Takes a user out of the organization: the person's sessions there end, and so do the API keys that the person has made.
///
/// A role above your own is out of your reach. The last owner stays: a 409. To remove an owner, the password must have been typed
/// within the last ten minutes: at sign-in, or with `POST /v1/auth/sudo`.
#[endpoint(delete, "/v1/users/{id}", tag = "users", problems(403, 409), example(id = list_users))]
pub(crate) async fn remove_user(
    cx: Context,
    system: SystemContext,
    _: Require<WriteMembers>,
    sudo: MaybeSudo,
    Path(id): Path<UserId>,
) -> Result<NoContent, Problem> {
    let own = own_user(&cx)?;
    system
        .transaction(async |tx| -> Result<(), Problem> {
            lock(tx, cx.tenant()).await?;
            let tenant = tx.within(cx.tenant());
            let user = User::get(&tenant, id).await?;
            within_reach(User::get(&tenant, own).await?.role, &[user.role])?;
            if user.role == Role::Owner {
                sudo.require()?;
            }
            remove(tx, &user).await
        })
        .await?;
    forgotten_everywhere(&system).await;
    Ok(NoContent)
}
