//! People who come from another system, with the passwords that they have there.

use anyhow::bail;
use tenfold::prelude::*;
use tenfold_auth_api::{AccountId, UserId};

use crate::account::claim::evict;
use crate::account::lock::lock;
use crate::email::Email;
use crate::entities::{Account, AccountRow};
use crate::foreign_hash;
use crate::members::{NewMember, join};

/// A person who comes from another system.
pub struct ImportedPerson {
    /// The address to sign in with.
    pub email: String,
    /// The role in the organization.
    pub role: Role,
    /// The hash of the password: bcrypt, as `$2b$…`, scrypt in PHC form, as `$scrypt$ln=…`, or argon2id, as `$argon2id$…`. At the
    /// first sign-in the password is hashed anew.
    pub password_hash: String,
    /// When you saw, or a system of yours, that mails to the address reach this person; none if you do not know. Never what a customer
    /// says: one who brings along the hash of a password for a stranger's address would have a confirmed account with it.
    pub confirmed_at: Option<Timestamp>,
}

/// Makes a person from another system a user of an organization. A person who has an account keeps its password, if its address is
/// confirmed. If it is not, a stranger may have signed up with it: its password and sessions end, and the person chooses a password by
/// mail.
///
/// # Errors
/// For a hash whose form is unknown, or that costs more to verify than a sign-in may; an address that is none; and a user who is there
/// already.
pub async fn import(
    cx: &SystemContext,
    organization: OrgId,
    person: ImportedPerson,
) -> anyhow::Result<UserId> {
    let email = Email::parse(&person.email).map_err(anyhow::Error::msg)?.into_inner();
    if !foreign_hash::is_known(&person.password_hash) {
        bail!(
            "the password hash of an imported person is none of bcrypt, scrypt and argon2id, or costs too much to verify"
        );
    }
    cx.transaction(async |tx| -> anyhow::Result<UserId> {
        let known = Account::query().filter(Account::email.eq(email.clone())).first(tx).await?;
        let account = match known {
            Some(account) => {
                let account = lock(tx, account.id).await?;
                if account.confirmed_at.is_none() {
                    evict(tx, &account, None).await?;
                }
                account
            }
            None => {
                let (id, created_at) = (AccountId(tx.new_id()), tx.now());
                let (password_hash, confirmed_at) = (person.password_hash, person.confirmed_at);
                AccountRow { id, email, password_hash, reached_at: confirmed_at, confirmed_at, created_at }
                    .insert(tx)
                    .await?
            }
        };
        let new = NewMember { account: &account, role: person.role, locale: "en".to_owned() };
        Ok(join(tx, organization, new).await?.user_id)
    })
    .await
}
