//! `POST /v1/auth/sign-up`: a new person with a new organization.

use serde::Deserialize;
use tenfold::data::SystemTx;
use tenfold::http::{ClientAddress, IntoResponse, OwnOrigin, Response, ServerState, State, StatusCode};
use tenfold::prelude::*;
use tenfold_auth_api::AccountId;
use utoipa::ToSchema;

use super::guess::GuessTurn;
use super::{Device, SessionCookie, SignedIn, describe, memberships};
use crate::account::lock::lock;
use crate::email::Email;
use crate::entities::{Account, AccountRow, Membership, OrganizationRow};
use crate::links::LinkPurpose;
use crate::links::send::SendLink;
use crate::members::{NewMember, join};
use crate::new_password::NewPassword;
use crate::second_factor::challenge::SecondFactorRequired;
use crate::service::{Identity, NewSession, SignInStep};
use crate::throttle::AddressCount;

pub(crate) type OrganizationName = DisplayName<100>;

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
/// taken address is a 409. A person who has left all organizations founds one with the account and the password that are there; one
/// with a second factor then gets a 401 `second-factor-required` with a `challenge`, as at sign-in.
#[endpoint(post, "/v1/auth/sign-up", tag = "identity",
    answers(201: SignedIn as "application/json", 202), problems(401, 409, 429),
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
    cx.transaction(async |tx| throttle.count_address(tx, AddressCount::SignUps, client).await).await?;
    let founder = match Account::query().filter(Account::email.eq(email.clone())).first(&cx).await? {
        None => {
            let hash = turn.hash(new.password.into_inner()).await?;
            drop(turn);
            Founder::New(hash)
        }
        Some(account) => {
            drop(turn);
            Founder::Known(returning(&identity, &cx, account, new.password, client).await?)
        }
    };
    let signed_up = cx
        .transaction(async |tx| -> Result<_, Problem> {
            let account = match founder {
                Founder::New(password_hash) => register(tx, email.clone(), password_hash).await?,
                Founder::Known(account) => still_alone(tx, account).await?,
            };
            let owner = NewMember { account: &account, role: Role::Owner, locale: device.locale.clone() };
            let membership = found(tx, owner, new.organization.into_inner()).await?;
            let confirm = SendLink { purpose: LinkPurpose::ConfirmAddress, email, asked_at: tx.now() };
            tx.enqueue(confirm).await?;
            if !identity.unconfirmed_sign_in && account.reached_at.is_none() {
                return Ok(None);
            }
            let session = NewSession { device, password_at: Some(tx.now()) };
            Ok(Some((identity.sign_in(tx, &membership, session).await?, membership)))
        })
        .await;
    let (token, membership) = match signed_up? {
        None => return Ok(StatusCode::ACCEPTED.into_response()),
        Some((SignInStep::Challenge(challenge), _)) => return Ok(SecondFactorRequired::with(challenge)),
        Some((SignInStep::Session(token), membership)) => (token, membership),
    };
    let session = describe(&cx, &membership, std::slice::from_ref(&membership)).await?;
    Ok((StatusCode::CREATED, SessionCookie::of(&state).keep(token, session)).into_response())
}

/// Who founds an organization.
enum Founder {
    /// A new person, by the hash of the password.
    New(String),
    /// One who has left all organizations.
    Known(Account),
}

/// Lets a person found an organization with an account that has none, by its password. Wrong ones are counted as those of sign-in.
async fn returning(
    identity: &Identity,
    cx: &SystemContext,
    account: Account,
    password: NewPassword,
    client: ClientAddress,
) -> Result<Account, Problem> {
    if !memberships(cx, account.id, None).await?.is_empty() {
        return Err(taken());
    }
    let turn = GuessTurn::wait(identity, cx, &account.email, client).await?;
    let guess = turn.guess(password.into_inner(), Some(account.password_hash.clone()));
    guess.judge(cx).await?.map(|_| account).ok_or_else(taken)
}

/// Looks again, behind the account's lock.
async fn still_alone(tx: &SystemTx<'_>, account: Account) -> Result<Account, Problem> {
    let same = lock(tx, account.id).await?.password_hash == account.password_hash;
    let of_account = Membership::query().filter(Membership::account_id.eq(account.id));
    let is_alone = of_account.first(tx).await?.is_none();
    if same && is_alone { Ok(account) } else { Err(taken()) }
}

fn taken() -> Problem {
    Problem::conflict("an account with this address exists already: sign in instead")
}

async fn register(tx: &SystemTx<'_>, email: String, password_hash: String) -> Result<Account, Problem> {
    let (id, created_at) = (AccountId(tx.new_id()), tx.now());
    let account = AccountRow { id, email, password_hash, reached_at: None, confirmed_at: None, created_at };
    account.insert(tx).await.on_conflict(Account::unique_email, taken)
}

/// Makes an organization with its owner.
pub(crate) async fn found(
    tx: &SystemTx<'_>,
    owner: NewMember<'_>,
    name: String,
) -> Result<Membership, DataError> {
    let (id, created_at) = (OrgId(tx.new_id()), tx.now());
    let organization = OrganizationRow::open(id, name, created_at);
    let organization = organization.insert(tx).await?;
    join(tx, organization.id, owner).await
}
