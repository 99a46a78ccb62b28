//! Whose account an identity at a provider is.
//!
//! An identity that is linked is its account's, whatever address it has by now. Otherwise the address decides, and only if both sides have
//! shown it: the provider says that it is verified, and the account's person has confirmed it here. An account with an address that
//! was never confirmed may be a stranger's, who waits for the owner to come (pre-hijacking: Sudhodanan and Paverd, USENIX Security
//! 2022). So it neither gets the identity, nor does the identity get it: its person shows first that mails arrive.
//!
//! A provider that is not believed about addresses (`link_by_address`) neither links by one nor signs anybody up: else whoever may
//! write addresses there would own a confirmed account for each of them, and wait in it for the owner.

use tenfold::data::{Global, Reach, SystemTx};
use tenfold::http::StatusCode;
use tenfold::prelude::*;
use tenfold_auth_api::AccountId;

use super::identities::MOST;
use super::remote::Provider;
use super::remote::exchange::ProvenIdentity;
use crate::account::claim::OwnAccount;
use crate::account::confirmed::unconfirmed;
use crate::account::lock::lock;
use crate::account::lock_own::lock_own;
use crate::email::Email;
use crate::entities::{Account, AccountRow, LinkedIdentity, LinkedIdentityId, LinkedIdentityRow, Membership};
use crate::links::NoticeKind;
use crate::links::notice::SendNotice;
use crate::members::NewMember;
use crate::passwords::NO_PASSWORD;
use crate::service::{Identity, NewSession, SignInStep};
use crate::sessions::Device;
use crate::sessions::sign_up::{OrganizationName, found};
use crate::throttle::AddressCount;

/// Who has come back from a provider.
pub(super) struct ReturningBrowser {
    /// The session that the browser has, if it has one.
    pub(super) own: OwnAccount,
    pub(super) device: Device,
}

/// Whose account it is.
enum Owner {
    /// The identity is linked to it.
    Linked(AccountId),
    /// It has the same address, which both sides have shown.
    SameAddress(AccountId, String),
    /// Nobody's: the person signs up, with this address.
    New(String),
}

/// Signs a person in by an identity: with the account that it is linked to, else with the one that has its address, else with a new one.
pub(super) async fn enter(
    cx: &SystemContext,
    identity: &Identity,
    provider: &Provider,
    proven: ProvenIdentity,
    device: Device,
) -> Result<SignInStep, Problem> {
    let owner = owner(cx, provider, &proven).await?;
    cx.transaction(async |tx| -> Result<SignInStep, Problem> {
        let (account, is_same_address) = match owner {
            Owner::Linked(id) => (still_linked(tx, id, &proven).await?, false),
            Owner::SameAddress(id, email) => {
                let account = lock(tx, id).await.map_err(changed_if_missing)?;
                if account.email != email || account.confirmed_at.is_none() {
                    return Err(changed());
                }
                (account, true)
            }
            Owner::New(email) => {
                identity.throttle.count_address(tx, AddressCount::SignUps, device.client).await?;
                let account = register(tx, email).await?;
                insert(tx, &account, provider, &proven).await?;
                (account, false)
            }
        };
        if !identity.unconfirmed_sign_in && account.reached_at.is_none() {
            return Err(unconfirmed());
        }
        let owner = NewMember { account: &account, role: Role::Owner, locale: device.locale.clone() };
        let membership = membership_of(tx, owner, proven.name.as_deref()).await?;
        // The person has not typed the password: what needs it asks for it.
        let step = identity.sign_in(tx, &membership, NewSession { device, password_at: None }).await?;
        // Who owes the second factor has not shown yet that the account is theirs.
        if is_same_address && matches!(step, SignInStep::Session(_)) {
            insert(tx, &account, provider, &proven).await?;
            tx.enqueue(SendNotice::to(account.id, NoticeKind::IdentityLinked)).await?;
        }
        Ok(step)
    })
    .await
}

/// Links an identity to the account of the person who has asked for it, and is still signed in.
pub(super) async fn link(
    cx: &SystemContext,
    own: OwnAccount,
    account: AccountId,
    provider: &Provider,
    proven: ProvenIdentity,
) -> Result<(), Problem> {
    let session = own.session_of(account).ok_or_else(|| {
        Problem::new(StatusCode::FORBIDDEN, "provider-session", "You are signed in as somebody else by now")
    })?;
    cx.transaction(async |tx| -> Result<(), Problem> {
        let account = lock_own(tx, session).await?;
        match linked(tx, &proven).await? {
            Some(known) if known.account_id == account.id => return Ok(()),
            Some(_) => return Err(taken()),
            None => {}
        }
        insert(tx, &account, provider, &proven).await?;
        Ok(tx.enqueue(SendNotice::to(account.id, NoticeKind::IdentityLinked)).await.map(drop)?)
    })
    .await
}

/// Finds whose account it is. What it finds is looked at again behind the account's lock.
async fn owner(cx: &SystemContext, provider: &Provider, proven: &ProvenIdentity) -> Result<Owner, Problem> {
    if let Some(linked) = linked(cx, proven).await? {
        return Ok(Owner::Linked(linked.account_id));
    }
    let refused = |kind, title| Err(Problem::new(StatusCode::FORBIDDEN, kind, title));
    // Before any look at accounts: the answer does not say whether there is one.
    if !provider.is_believed_about_addresses() {
        return refused("provider-unlinked", "Your account is not linked to this provider");
    }
    let Some(email) = proven.verified_email.as_deref().and_then(|text| Email::parse(text).ok()) else {
        return refused("provider-address", "The provider does not say that your address is verified");
    };
    let email = email.into_inner();
    let Some(account) = Account::query().filter(Account::email.eq(email.clone())).first(cx).await? else {
        return Ok(Owner::New(email));
    };
    if account.confirmed_at.is_none() {
        return refused("address-unconfirmed", "The account with this address has not confirmed it");
    }
    Ok(Owner::SameAddress(account.id, email))
}

/// The organization that was used last; a new one for a new person, and for one who has left all organizations.
async fn membership_of(
    tx: &SystemTx<'_>,
    owner: NewMember<'_>,
    name: Option<&str>,
) -> Result<Membership, Problem> {
    let of_account = Membership::query().filter(Membership::account_id.eq(owner.account.id));
    let latest = of_account.order_by_descending(Membership::last_used_at).first(tx).await?;
    match latest {
        Some(membership) => Ok(membership),
        None => {
            let organization = organization_of(name, &owner.account.email);
            Ok(found(tx, owner, organization).await?)
        }
    }
}

async fn still_linked(
    tx: &SystemTx<'_>,
    account: AccountId,
    proven: &ProvenIdentity,
) -> Result<Account, Problem> {
    let account = lock(tx, account).await.map_err(changed_if_missing)?;
    let linked = linked(tx, proven).await?;
    linked.filter(|linked| linked.account_id == account.id).map(|_| account).ok_or_else(changed)
}

async fn linked(
    cx: &impl Reach<Global>,
    proven: &ProvenIdentity,
) -> Result<Option<LinkedIdentity>, DataError> {
    let linked = LinkedIdentity::query().filter(LinkedIdentity::issuer.eq(proven.issuer.clone()));
    linked.filter(LinkedIdentity::subject.eq(proven.subject.clone())).first(cx).await
}

async fn insert(
    tx: &SystemTx<'_>,
    account: &Account,
    provider: &Provider,
    proven: &ProvenIdentity,
) -> Result<(), Problem> {
    let of_account = LinkedIdentity::query().filter(LinkedIdentity::account_id.eq(account.id));
    if of_account.limit(MOST).all(tx).await?.len() >= MOST {
        return Err(Problem::new(StatusCode::CONFLICT, "provider-limit", "No more can be linked"));
    }
    let email = proven.verified_email.as_deref().unwrap_or_default();
    let row = LinkedIdentityRow {
        id: LinkedIdentityId(tx.new_id()),
        account_id: account.id,
        provider: provider.name().to_owned(),
        issuer: proven.issuer.clone(),
        subject: proven.subject.clone(),
        // It is shown only, so one that is no address at all does no harm if it is short.
        email: email.chars().filter(|letter| !letter.is_control()).take(254).collect(),
        created_at: tx.now(),
    };
    row.insert(tx).await.map(drop).on_conflict(LinkedIdentity::unique_issuer_subject, taken)
}

/// A person without a password, whose address the provider has verified.
async fn register(tx: &SystemTx<'_>, email: String) -> Result<Account, Problem> {
    let (id, created_at) = (AccountId(tx.new_id()), tx.now());
    let (password_hash, shown) = (NO_PASSWORD.to_owned(), Some(created_at));
    let account = AccountRow { id, email, password_hash, reached_at: shown, confirmed_at: shown, created_at };
    account.insert(tx).await.on_conflict(Account::unique_email, changed)
}

/// What the organization is called of a person who has not said it: as the person, or as the address before `@`. An owner can rename it.
fn organization_of(name: Option<&str>, email: &str) -> String {
    let name = name.and_then(OrganizationName::from_any);
    // An address has no invisible characters.
    let name = name.or_else(|| OrganizationName::from_any(email.split('@').next().unwrap_or_default()));
    name.map(OrganizationName::into_inner).unwrap_or_default()
}

fn taken() -> Problem {
    Problem::new(StatusCode::CONFLICT, "provider-taken", "It is linked to another account already")
}

/// Something has changed since it was looked at: the next attempt sees it.
fn changed() -> Problem {
    Problem::new(StatusCode::CONFLICT, "provider-again", "Your account has changed meanwhile")
}

fn changed_if_missing(error: DataError) -> Problem {
    match error {
        DataError::NotFound { .. } => changed(),
        other => other.into(),
    }
}
