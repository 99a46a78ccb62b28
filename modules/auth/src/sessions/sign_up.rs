//! `POST /v1/auth/sign-up`: a new person with a new organization.

use serde::Deserialize;
use tenfold::data::SystemTx;
use tenfold::http::{ClientAddress, IntoResponse, OwnOrigin, Response, ServerState, State, StatusCode};
use tenfold::prelude::*;
use tenfold_auth_api::{AccountId, UserId};
use utoipa::ToSchema;

use super::{SessionCookie, SignedIn, describe};
use crate::email::Email;
use crate::entities::{
    Account, AccountRow, Membership, MembershipId, MembershipRow, OrganizationRow, ProfileRow, Theme,
    UserRow, UserSettingsRow,
};
use crate::new_password::NewPassword;
use crate::service::Identity;

type OrganizationName = Text<1, 100>;

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

/// Creates an account, an organization and its owner, and signs in.
///
/// A taken address is a 409: without a confirmation mail this cannot be hidden.
#[endpoint(post, "/v1/auth/sign-up", tag = "identity",
    answers(201: SignedIn as "application/json"), problems(409, 429),
    example(body = {"email": "ada@new.test", "password": "correct horse battery", "organization": "Analytical Engines"}))]
pub(crate) async fn sign_up(
    cx: SystemContext,
    _: OwnOrigin,
    client: ClientAddress,
    state: State<ServerState>,
    identity: Use<Identity>,
    Json(new): Json<SignUp>,
) -> Result<Response, Problem> {
    let email = new.email.into_inner();
    new.password.unlike(&email)?;
    identity.throttle.admit_sign_up(&cx, client).await?;
    let turn = identity.passwords.turn(client).await?;
    if turn.waited() {
        identity.throttle.admit_sign_up(&cx, client).await?;
    }
    identity.throttle.count_sign_up(&cx, client).await?;
    let password_hash = turn.hash(new.password.into_inner()).await?;
    drop(turn);
    let signed_up = cx
        .transaction(async |tx| -> Result<_, Problem> {
            let account = register(tx, email.clone(), password_hash).await?;
            let membership = found(tx, &account, new.organization.into_inner()).await?;
            let tenant = tx.within(membership.org_id);
            let token = identity.open_session(&tenant, membership.user_id, account.id).await?;
            Ok((token, membership))
        })
        .await;
    let (token, membership) = signed_up?;
    let session = describe(&cx, &membership, std::slice::from_ref(&membership)).await?;
    Ok((StatusCode::CREATED, SessionCookie::of(&state).keep(token, session)).into_response())
}

async fn register(tx: &SystemTx<'_>, email: String, password_hash: String) -> Result<Account, Problem> {
    let account = AccountRow { id: AccountId(tx.new_id()), email, password_hash, created_at: tx.now() };
    account.insert(tx).await.on_conflict(Account::unique_email, || {
        Problem::conflict("an account with this address exists already: sign in instead")
    })
}

/// Makes an organization and `account` its owner.
async fn found(tx: &SystemTx<'_>, account: &Account, name: String) -> Result<Membership, Problem> {
    let organization =
        OrganizationRow { id: OrgId(tx.new_id()), name, created_at: tx.now() }.insert(tx).await?;
    let user = UserId(tx.new_id());
    let tenant = tx.within(organization.id);
    add_user(&tenant, user, account).await?;
    let membership = MembershipRow {
        id: MembershipId(tx.new_id()),
        account_id: account.id,
        org_id: organization.id,
        user_id: user,
        last_used_at: tx.now(),
    };
    Ok(membership.insert(tx).await?)
}

async fn add_user(tx: &Tx<'_>, id: UserId, account: &Account) -> Result<(), DataError> {
    let org_id = tx.tenant();
    let name = account.email.split('@').next().unwrap_or_default().to_owned();
    UserRow {
        id,
        org_id,
        account_id: account.id,
        email: account.email.clone(),
        role: Role::Owner,
        created_at: tx.now(),
    }
    .insert(tx)
    .await?;
    ProfileRow { user_id: id, org_id, display_name: name, title: None }.insert(tx).await?;
    UserSettingsRow { user_id: id, org_id, theme: Theme::System, locale: "en".to_owned() }.insert(tx).await?;
    Ok(())
}
