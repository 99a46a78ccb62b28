//! `GET /v1/auth/account`: how one's own account is secured.

use serde::Serialize;
use tenfold::prelude::*;
use utoipa::ToSchema;

use super::own_account;
use crate::entities::{Account, SecondFactor};
use crate::passwords::NO_PASSWORD;
use crate::sessions::limited::AnySession;

/// A person's account, the same in all organizations of the person.
#[derive(Serialize, ToSchema)]
pub(crate) struct AccountView {
    /// The address to sign in with.
    email: String,
    /// Whether it was shown that the address is this person's. Until then, whoever reads its mails may take the account over, and
    /// its API keys and second factor end.
    address_confirmed: bool,
    /// Whether sign-in asks for a code of an authenticator application.
    second_factor: bool,
    /// Whether there is a password. A person who has signed up with a provider has none, until `POST /v1/auth/forgot`.
    password: bool,
}

/// Your account: its address, and how it is secured.
#[endpoint(get, "/v1/auth/account", tag = "identity")]
pub(crate) async fn get_account(
    AnySession(cx): AnySession,
    system: SystemContext,
) -> Result<Json<AccountView>, Problem> {
    let id = own_account(&cx)?;
    let account = Account::get(&system, id).await?;
    let factor = SecondFactor::find(&system, id).await?;
    Ok(Json(AccountView {
        email: account.email.clone(),
        address_confirmed: account.confirmed_at.is_some(),
        password: account.password_hash != NO_PASSWORD,
        second_factor: factor.is_some_and(|factor| factor.confirmed_at.is_some()),
    }))
}
