//! `POST /v1/auth/reset`: a new password, by a link from a mail.

use serde::Deserialize;
use tenfold::http::ClientAddress;
use tenfold::prelude::*;
use utoipa::ToSchema;

use super::claim::forget_what_lasts;
use super::password::{NewHash, replace_password};
use crate::entities::Account;
use crate::links::{LinkPurpose, LinkToken, consume, find};
use crate::new_password::NewPassword;
use crate::service::Identity;
use crate::sessions::forgotten_everywhere;

/// A new password, and the token that allows it.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PasswordReset {
    /// What stands behind `token=` in the link.
    #[schema(inline)]
    token: LinkToken,
    /// 8 characters to 1,024 bytes; neither one of the 3,000 most common passwords nor the address.
    password: NewPassword,
}

/// Sets a new password with the token of a link that was mailed, and ends all sessions of the account.
///
/// A token works once. Every token that does not work gets the same 404.
#[endpoint(post, "/v1/auth/reset", tag = "identity", problems(404),
    example(body = {"token": "x1wCMr8ZJAVbfJyrmbYjYBJ4jvYSVRS8pXgAJCDbu4c", "password": "correct horse battery"}))]
pub(crate) async fn reset_password(
    cx: SystemContext,
    client: ClientAddress,
    identity: Use<Identity>,
    Json(reset): Json<PasswordReset>,
) -> Result<NoContent, Problem> {
    // Looked at first: only who has a link makes this process hash a password.
    let account = Account::get(&cx, find(&cx, &reset.token, &[LinkPurpose::ResetPassword]).await?).await?;
    reset.password.unlike(&account.email)?;
    let turn = identity.passwords.turn(client).await?;
    let hash = turn.hash(reset.password.into_inner()).await?;
    drop(turn);
    cx.transaction(async |tx| -> Result<(), Problem> {
        let link = consume(tx, &reset.token, &[LinkPurpose::ResetPassword]).await?;
        identity.throttle.forgive(tx, &link.account.email).await?;
        // Whoever reads the mail has the address. What a stranger may have left in an unconfirmed account ends with the password.
        forget_what_lasts(tx, &link.account).await?;
        let confirmed_at = Some(tx.now());
        Ok(replace_password(tx, NewHash { account: link.account.id, hash, keep: None, confirmed_at }).await?)
    })
    .await?;
    forgotten_everywhere(&cx).await;
    Ok(NoContent)
}
