//! People who come from another system, with the passwords that they have there.

use anyhow::bail;
use tenfold::prelude::*;
use tenfold_auth_api::{AccountId, UserId};

use crate::email::Email;
use crate::entities::{Account, AccountRow};
use crate::foreign_hash;
use crate::members::{NewMember, join};
use crate::passwords;

/// A person who comes from another system.
pub struct ImportedPerson {
    /// The address to sign in with.
    pub email: String,
    /// The role in the organization.
    pub role: Role,
    /// The hash of the password: bcrypt, as `$2b$…`, scrypt in PHC form, as `$scrypt$ln=…`, or one of argon2id of this service. At the
    /// first sign-in the password is hashed anew.
    pub password_hash: String,
    /// When the other system saw that mails to the address reach the person; none if it did not.
    pub confirmed_at: Option<Timestamp>,
}

/// Makes a person from another system a user of an organization. A person who has an account keeps its password.
///
/// # Errors
/// For a hash that sign-in could not verify, an address that is none, and a user who is there already.
pub async fn import(
    cx: &SystemContext,
    organization: OrgId,
    person: ImportedPerson,
) -> anyhow::Result<UserId> {
    let email = Email::parse(&person.email).map_err(anyhow::Error::msg)?.into_inner();
    if !passwords::is_own(&person.password_hash) && !foreign_hash::is_known(&person.password_hash) {
        bail!(
            "the password hash of an imported person is neither bcrypt nor scrypt, or costs too much to verify"
        );
    }
    cx.transaction(async |tx| -> anyhow::Result<UserId> {
        let known = Account::query().filter(Account::email.eq(email.clone())).first(tx).await?;
        let account = match known {
            Some(account) => account,
            None => {
                let (id, created_at) = (AccountId(tx.new_id()), tx.now());
                let (password_hash, confirmed_at) = (person.password_hash, person.confirmed_at);
                AccountRow { id, email, password_hash, confirmed_at, created_at }.insert(tx).await?
            }
        };
        let new = NewMember { account: &account, role: person.role, locale: "en".to_owned() };
        Ok(join(tx, organization, new).await?.user_id)
    })
    .await
}
