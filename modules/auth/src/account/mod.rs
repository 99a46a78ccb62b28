//! One's own account: its address, its password, and what proves that it is one's own.

pub(crate) mod address;
pub(crate) mod claim;
pub(crate) mod confirmed;
pub(crate) mod forgot;
pub(crate) mod link;
pub(crate) mod link_accept;
pub(crate) mod lock;
pub(crate) mod lock_own;
pub(crate) mod own;
pub(crate) mod password;
pub(crate) mod profile;
pub(crate) mod resend;
pub(crate) mod reset;
pub(crate) mod sudo;
pub(crate) mod verify;

use serde::Deserialize;
use tenfold::http::{ClientAddress, IntoResponse, Response, StatusCode, person};
use tenfold::prelude::*;
use tenfold_auth_api::AccountId;
use utoipa::ToSchema;

use crate::email::Email;
use crate::links::send::enqueue;
use crate::links::{LinkPurpose, LinkToken};
use crate::service::Identity;
use crate::throttle::AddressCount;

/// Whom a mail is for.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct MailRequest {
    /// The address that the account signs in with.
    email: Email,
}

/// The token of a link in a mail.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TokenBody {
    /// What stands behind `token=` in the link.
    #[schema(inline)]
    token: LinkToken,
}

/// Has a mail with a link sent to an account, if there is one: the answer, its cost and its time are the same for every
/// address. The client's address may ask for a few, then it has to wait, however many it asks for at once.
pub(crate) async fn mail_link(
    cx: &SystemContext,
    identity: &Identity,
    client: ClientAddress,
    purpose: LinkPurpose,
    email: String,
) -> Result<Response, Problem> {
    cx.transaction(async |tx| -> Result<(), Problem> {
        identity.throttle.count_address(tx, AddressCount::Mails, client).await?;
        Ok(enqueue(tx, purpose, email).await?)
    })
    .await?;
    Ok(StatusCode::ACCEPTED.into_response())
}

/// The account of a request.
///
/// # Errors
/// 401 without a session, 403 for an API key.
pub(crate) fn own_account(cx: &Context) -> Result<AccountId, Problem> {
    person(cx).map(|principal| AccountId(principal.account))
}
