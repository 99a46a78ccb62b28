//! Links in mails: what each is for, its secret, and its row.
//!
//! A link works once, for an hour, for one purpose. Its secret is made when the mail is made, and only its hash is kept.

pub(crate) mod letters;
pub(crate) mod notice;
pub(crate) mod send;

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use tenfold::data::SystemTx;
use tenfold::prelude::*;
use tenfold_auth_api::AccountId;

/// How long a link works.
const LIFETIME: Duration = Duration::from_secs(60 * 60);

/// What a link is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, TextEnum)]
#[serde(rename_all = "snake_case")]
pub(crate) enum LinkPurpose {
    /// Shows that mails reach the account's person.
    ConfirmAddress,
    /// Lets the person choose a new password.
    ResetPassword,
    /// Signs the person in.
    SignIn,
    /// Agrees, at the old address, to a change of address.
    LeaveAddress,
    /// Agrees, at the new address, to a change of address.
    TakeAddress,
}

impl LinkPurpose {
    /// The purposes of links that confirm something and need no more than that.
    pub(crate) const CONFIRMING: [LinkPurpose; 3] =
        [LinkPurpose::ConfirmAddress, LinkPurpose::LeaveAddress, LinkPurpose::TakeAddress];

    /// The path of the page that the link opens, on which the person confirms. The token is behind `#`: it is not sent
    /// when the page is loaded, and stands in no log.
    pub(crate) fn page(self, token: &str) -> String {
        let page = match self {
            LinkPurpose::ConfirmAddress | LinkPurpose::LeaveAddress | LinkPurpose::TakeAddress => "verify",
            LinkPurpose::ResetPassword => "reset",
            LinkPurpose::SignIn => "link",
        };
        format!("/#{page}?token={token}")
    }
}

/// The token of a link, as its person sends it.
pub(crate) type LinkToken = Text<1, 200>;

/// A link that was used.
pub(crate) struct UsedLink {
    pub purpose: LinkPurpose,
    pub account: AccountId,
    /// The address that it is about.
    pub email: String,
}

/// Makes a link and gives its token, which is not kept anywhere.
pub(crate) async fn issue(
    cx: &SystemContext,
    purpose: LinkPurpose,
    account: AccountId,
    email: String,
) -> anyhow::Result<String> {
    let mut secret = [0; 32];
    getrandom::fill(&mut secret)?;
    let token = URL_SAFE_NO_PAD.encode(secret);
    cx.transaction(async |tx| -> Result<(), DataError> {
        sql!(
            "auth_links.insert",
            "INSERT INTO auth_links (secret_hash, purpose, account_id, email, expires_at) VALUES ($1, $2, $3, $4, $5)"
        )
        .changes("auth_links")
        .bind(hash(&token))
        .bind(purpose)
        .bind(account)
        .bind(email)
        .bind(tx.now() + LIFETIME)
        .execute(tx)
        .await
        .map(drop)
    })
    .await?;
    Ok(token)
}

/// The account of a link that still works, which stays as it is.
///
/// # Errors
/// 404 for every other token.
pub(crate) async fn find(
    cx: &SystemContext,
    token: &str,
    purpose: LinkPurpose,
) -> Result<AccountId, Problem> {
    let found: Option<(AccountId,)> = sql!(
        "auth_links.find",
        "SELECT account_id FROM auth_links WHERE secret_hash = $1 AND purpose = $2 AND expires_at > $3"
    )
    .bind(hash(token))
    .bind(purpose)
    .bind(cx.now())
    .bounded()
    .first(cx)
    .await?;
    found.map(|(account,)| account).ok_or_else(no_such_link)
}

/// Uses a link up.
///
/// # Errors
/// 404 for a token that is unknown, was used, has expired, or is for something else.
pub(crate) async fn consume(
    tx: &SystemTx<'_>,
    token: &str,
    purposes: &[LinkPurpose],
) -> Result<UsedLink, Problem> {
    let found: Option<(LinkPurpose, AccountId, String)> = sql!(
        "auth_links.consume",
        "DELETE FROM auth_links WHERE secret_hash = $1 AND expires_at > $2 RETURNING purpose, account_id, email"
    )
    .changes("auth_links")
    .bind(hash(token))
    .bind(tx.now())
    .first(tx)
    .await?;
    let used = found.map(|(purpose, account, email)| UsedLink { purpose, account, email });
    // The transaction is rolled back: a link of another purpose still works for that.
    used.filter(|link| purposes.contains(&link.purpose)).ok_or_else(no_such_link)
}

/// Ends all links of an account: its password or its address has changed.
pub(crate) async fn end_all(tx: &SystemTx<'_>, account: AccountId) -> Result<(), DataError> {
    sql!("auth_links.end_all", "DELETE FROM auth_links WHERE account_id = $1")
        .changes("auth_links")
        .bind(account)
        .execute(tx)
        .await
        .map(drop)
}

/// A random secret needs no slow hash.
fn hash(token: &str) -> Vec<u8> {
    Sha256::digest(token.as_bytes()).to_vec()
}

fn no_such_link() -> Problem {
    Problem::not_found("link").detail("this link was used, has expired or never was one: ask for a new one")
}
