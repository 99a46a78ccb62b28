//! Links in mails: what each is for, its secret, and its row.
//!
//! A link works once, for an hour, for one purpose. Its secret is made when the mail is made, and its row has only the hash. Where mails
//! stay in the outbox, that keeps it as long as the mail.

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

use crate::account::lock::lock;
use crate::entities::{Account, AddressChange};

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

    /// Whether the link is about another address than the account's.
    fn is_of_change(self) -> bool {
        matches!(self, LinkPurpose::LeaveAddress | LinkPurpose::TakeAddress)
    }

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

/// What has happened to an account, in case it was somebody else.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum NoticeKind {
    /// The password was changed, or has ended.
    Password,
    /// The second factor was removed.
    SecondFactorRemoved,
    /// Somebody has signed in with a recovery code.
    RecoveryCode,
    /// An API key was made.
    ApiKey,
    /// The account has another address.
    AddressChanged,
    /// A provider was linked.
    IdentityLinked,
    /// A provider is not linked any more.
    IdentityRemoved,
}

/// The token of a link, as its person sends it.
pub(crate) type LinkToken = Text<1, 200>;

/// A link that was used.
pub(crate) struct UsedLink {
    pub purpose: LinkPurpose,
    /// The account, which is locked.
    pub account: Account,
    /// The address that it is about.
    pub email: String,
}

/// Makes a link and gives its token, of which only the hash is kept here; the outbox keeps the mail. None if the mail is not needed any
/// more: the account has another address meanwhile, or its change of address was replaced.
pub(crate) async fn issue(
    cx: &SystemContext,
    purpose: LinkPurpose,
    account: &Account,
    about: &str,
) -> anyhow::Result<Option<String>> {
    let mut secret = [0; 32];
    getrandom::fill(&mut secret)?;
    let token = URL_SAFE_NO_PAD.encode(secret);
    cx.transaction(async |tx| -> anyhow::Result<Option<String>> {
        // Whoever ends the account's links waits for this one, or was before it.
        let is_same = lock(tx, account.id).await?.email == account.email;
        let is_wanted = match purpose.is_of_change() {
            true => AddressChange::find(&*tx, account.id).await?.is_some_and(|change| change.email == about),
            false => true,
        };
        if !is_same || !is_wanted {
            return Ok(None);
        }
        sql!(
            "auth_links.insert",
            "INSERT INTO auth_links (secret_hash, purpose, account_id, email, expires_at) VALUES ($1, $2, $3, $4, $5)"
        )
        .changes("auth_links")
        .bind(hash(&token))
        .bind(purpose)
        .bind(account.id)
        .bind(about.to_owned())
        .bind(tx.now() + LIFETIME)
        .execute(tx)
        .await?;
        Ok(Some(token))
    })
    .await
}

/// The account of a link that still works, which stays as it is.
///
/// # Errors
/// 404 for every other token.
pub(crate) async fn find(
    cx: &SystemContext,
    token: &str,
    purposes: &[LinkPurpose],
) -> Result<AccountId, Problem> {
    let found: Option<(AccountId, LinkPurpose)> = sql!(
        "auth_links.find",
        "SELECT account_id, purpose FROM auth_links WHERE secret_hash = $1 AND expires_at > $2"
    )
    .bind(hash(token))
    .bind(cx.now())
    .bounded()
    .first(cx)
    .await?;
    let found = found.filter(|(_, purpose)| purposes.contains(purpose));
    found.map(|(account, _)| account).ok_or_else(no_such_link)
}

/// Uses a link up, and locks its account.
///
/// # Errors
/// 404 for a token that is unknown, was used, has expired, is for something else, or was mailed to an address that the account has no
/// more.
pub(crate) async fn consume(
    tx: &SystemTx<'_>,
    token: &str,
    purposes: &[LinkPurpose],
) -> Result<UsedLink, Problem> {
    let account: Option<(AccountId,)> =
        sql!("auth_links.account", "SELECT account_id FROM auth_links WHERE secret_hash = $1")
            .bind(hash(token))
            .bounded()
            .first(tx)
            .await?;
    let (account,) = account.ok_or_else(no_such_link)?;
    // In this order, as everybody who ends links does.
    let account = lock(tx, account).await?;
    let found: Option<(LinkPurpose, String)> = sql!(
        "auth_links.consume",
        "DELETE FROM auth_links WHERE secret_hash = $1 AND expires_at > $2 RETURNING purpose, email"
    )
    .changes("auth_links")
    .bind(hash(token))
    .bind(tx.now())
    .first(tx)
    .await?;
    // The transaction is rolled back: a link of another purpose still works for that.
    let (purpose, email) =
        found.filter(|(purpose, _)| purposes.contains(purpose)).ok_or_else(no_such_link)?;
    if !purpose.is_of_change() && email != account.email {
        return Err(no_such_link());
    }
    Ok(UsedLink { purpose, account, email })
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
