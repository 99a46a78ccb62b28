//! `POST /v1/auth/email`: another address to sign in with.

use tenfold::http::{ClientAddress, IntoResponse, Response, StatusCode};
use tenfold::prelude::*;

use super::MailRequest;
use super::lock_own::lock_own;
use crate::entities::{AddressChange, AddressChangeRow};
use crate::links::LinkPurpose;
use crate::links::send::SendLink;
use crate::service::Identity;
use crate::sessions::Sudo;
use crate::throttle::AddressCount;

/// Asks for another address to sign in with: both the old and the new one get a link, and the address changes when both
/// were followed, that of the new one where you are signed in.
///
/// The password must have been typed within the last ten minutes: at sign-in, or with `POST /v1/auth/sudo`.
#[endpoint(post, "/v1/auth/email", tag = "identity", answers(202), problems(403, 429),
    example(body = {"email": "ada@elsewhere.test"}))]
pub(crate) async fn change_address(
    cx: Context,
    system: SystemContext,
    _: Sudo,
    client: ClientAddress,
    identity: Use<Identity>,
    Json(to): Json<MailRequest>,
) -> Result<Response, Problem> {
    let email = to.email.into_inner();
    system
        .transaction(async |tx| -> Result<(), Problem> {
            identity.throttle.count_address(tx, AddressCount::Mails, client).await?;
            let account = lock_own(tx, &cx).await?;
            sql!(
                "auth_links.end_changes",
                "DELETE FROM auth_links WHERE account_id = $1 AND purpose IN ($2, $3)"
            )
            .changes("auth_links")
            .bind(account.id)
            .bind(LinkPurpose::LeaveAddress)
            .bind(LinkPurpose::TakeAddress)
            .execute(tx)
            .await?;
            let change = AddressChangeRow {
                account_id: account.id,
                email,
                old_agreed_at: None,
                new_agreed_at: None,
                new_confirmed_at: None,
                requested_at: tx.now(),
            };
            change.upsert(AddressChange::unique_key).run(tx).await?;
            let of_account = |purpose| SendLink { purpose, email: account.email.clone(), asked_at: tx.now() };
            tx.enqueue(of_account(LinkPurpose::LeaveAddress)).await?;
            tx.enqueue(of_account(LinkPurpose::TakeAddress)).await?;
            Ok(())
        })
        .await?;
    Ok(StatusCode::ACCEPTED.into_response())
}
