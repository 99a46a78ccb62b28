//! `POST /v1/auth/sign-up`: a new person with a new organization.

use serde::Deserialize;
use tenfold::data::SystemTx;
use tenfold::http::{ClientAddress, IntoResponse, OwnOrigin, Response, ServerState, State, StatusCode};
use tenfold::prelude::*;
use tenfold_auth_api::AccountId;
use utoipa::ToSchema;

use super::{Device, SessionCookie, SignedIn, describe};
use crate::email::Email;
use crate::entities::{Account, AccountRow, Membership, OrganizationRow};
use crate::links::LinkPurpose;
use crate::links::send::SendLink;
use crate::members::{NewMember, join};
use crate::new_password::NewPassword;
use crate::service::{Identity, NewSession};
use crate::throttle::AddressCount;

pub(crate) type OrganizationName = Text<1, 100>;

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SignUp {
    /// An address that has no account yet.
    email: Email,
    /// 8 characters to 1,024 bytes; neither one of the 3,000 most common passwords nor the address.
    password: NewPassword,
    /// What the new organization is called.
    organization: OrganizationName,
}

/// Creates an account, an organization and its owner, mails a link to confirm the address, and signs in.
///
/// If `auth.unconfirmed_sign_in` is false, the answer is a 202 and nobody is signed in: first the address must be confirmed. A
/// taken address is a 409.
#[endpoint(post, "/v1/auth/sign-up", tag = "identity",
    answers(201: SignedIn as "application/json", 202), problems(409, 429),
    example(body = {"email": "ada@new.test", "password": "correct horse battery", "organization": "Analytical Engines"}))]
pub(crate) async fn sign_up(
    cx: SystemContext,
    _: OwnOrigin,
    client: ClientAddress,
    device: Device,
    state: State<ServerState>,
    identity: Use<Identity>,
    Json(new): Json<SignUp>,
) -> Result<Response, Problem> {
    let email = new.email.into_inner();
    new.password.unlike(&email)?;
    let throttle = identity.throttle;
    throttle.admit_address(&cx, AddressCount::SignUps, client).await?;
    let turn = identity.passwords.turn(client).await?;
    if turn.waited() {
        throttle.admit_address(&cx, AddressCount::SignUps, client).await?;
    }
    cx.transaction(async |tx| throttle.count_address(tx, AddressCount::SignUps, client).await).await?;
    let password_hash = turn.hash(new.password.into_inner()).await?;
    drop(turn);
    let signed_up = cx
        .transaction(async |tx| -> Result<_, Problem> {
            let account = register(tx, email.clone(), password_hash).await?;
            let owner = NewMember { account: &account, role: Role::Owner, locale: device.locale.clone() };
            let membership = found(tx, owner, new.organization.into_inner()).await?;
            let confirm = SendLink { purpose: LinkPurpose::ConfirmAddress, email, asked_at: tx.now() };
            tx.enqueue(confirm).await?;
            if !identity.unconfirmed_sign_in {
                return Ok(None);
            }
            let session = NewSession { user: membership.user_id, account: account.id, device, proved: true };
            let token = identity.open_session(&tx.within(membership.org_id), session).await?;
            Ok(Some((token, membership)))
        })
        .await;
    let Some((token, membership)) = signed_up? else { return Ok(StatusCode::ACCEPTED.into_response()) };
    let session = describe(&cx, &membership, std::slice::from_ref(&membership)).await?;
    Ok((StatusCode::CREATED, SessionCookie::of(&state).keep(token, session)).into_response())
}

async fn register(tx: &SystemTx<'_>, email: String, password_hash: String) -> Result<Account, Problem> {
    let (id, created_at) = (AccountId(tx.new_id()), tx.now());
    let account = AccountRow { id, email, password_hash, confirmed_at: None, created_at };
    account.insert(tx).await.on_conflict(Account::unique_email, || {
        Problem::conflict("an account with this address exists already: sign in instead")
    })
}

/// Makes an organization with its owner.
async fn found(tx: &SystemTx<'_>, owner: NewMember<'_>, name: String) -> Result<Membership, DataError> {
    let (id, created_at) = (OrgId(tx.new_id()), tx.now());
    let organization = OrganizationRow { id, name, second_factor_required: false, created_at };
    let organization = organization.insert(tx).await?;
    join(tx, organization.id, owner).await
}
