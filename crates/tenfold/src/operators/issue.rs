//! Makes operators. Their passwords are made here, so that none is weak or known from elsewhere.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use tenfold_data::{DataError, EntityExt as _, EntityRow as _, SystemContext};

use super::{NamedOperator, NamedOperatorRow, OperatorRole};
use crate::credentials::{argon2id, totp};

/// What a new operator signs in with. It is shown once.
pub struct IssuedOperator {
    /// The password, of 128 random bits.
    pub password: String,
    /// The secret for an authenticator application, in base32.
    pub secret: String,
    /// The same as an address for a QR code.
    pub url: String,
}

/// An operator that cannot be made or is not there.
#[derive(Debug, thiserror::Error)]
pub enum OperatorRefused {
    /// The name is none.
    #[error("{0:?} is no name of an operator: it has 1 to 40 of a-z, 0-9, `-`, `_` and `.`")]
    Name(String),
    /// The name is taken.
    #[error("there is an operator {0} already: `operator renew {0}` gives a new password and code")]
    Taken(String),
    /// There is none of this name.
    #[error("there is no operator {0}")]
    Unknown(String),
}

/// Whether an operator can have this name.
pub(super) fn is_name(name: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_.".contains(&byte);
    (1..=40).contains(&name.len()) && name.bytes().all(allowed)
}

/// Makes an operator.
///
/// # Errors
/// [`OperatorRefused`]; the database failed.
pub async fn add(cx: &SystemContext, name: &str, role: OperatorRole) -> anyhow::Result<IssuedOperator> {
    anyhow::ensure!(is_name(name), OperatorRefused::Name(name.to_owned()));
    let fresh = FreshSecrets::make(name)?;
    let row = NamedOperatorRow {
        name: name.to_owned(),
        role,
        password_hash: fresh.password_hash,
        totp_secret: fresh.totp_secret,
        last_period: 0,
        cookie_key: fresh.cookie_key,
        wrong_codes: 0,
        blocked_until: None,
        created_at: cx.now(),
    };
    match cx.transaction(async |tx| row.insert(tx).await).await {
        Ok(_) => Ok(fresh.issued),
        Err(DataError::Conflict { .. }) => Err(OperatorRefused::Taken(name.to_owned()).into()),
        Err(error) => Err(error.into()),
    }
}

/// Gives an operator a new password and a new code; who is signed in under that name is signed out.
///
/// # Errors
/// As [`add`].
pub async fn renew(cx: &SystemContext, name: &str) -> anyhow::Result<IssuedOperator> {
    let fresh = FreshSecrets::make(name)?;
    let change = NamedOperator::update(name.to_owned())
        .set(NamedOperator::password_hash, fresh.password_hash)
        .set(NamedOperator::totp_secret, fresh.totp_secret)
        .set(NamedOperator::cookie_key, fresh.cookie_key)
        .set(NamedOperator::last_period, 0)
        .set(NamedOperator::wrong_codes, 0)
        .set(NamedOperator::blocked_until, None);
    let changed = cx.transaction(async |tx| change.run(tx).await).await;
    changed.map_err(|error| known(error, name))?;
    Ok(fresh.issued)
}

/// Removes an operator, who is signed out at once. What the operator did stays in the log.
///
/// # Errors
/// As [`add`].
pub async fn remove(cx: &SystemContext, name: &str) -> anyhow::Result<()> {
    let removed = cx.transaction(async |tx| NamedOperator::delete(tx, name.to_owned()).await).await;
    removed.map_err(|error| known(error, name))
}

fn known(error: DataError, name: &str) -> anyhow::Error {
    match error {
        DataError::NotFound { .. } => OperatorRefused::Unknown(name.to_owned()).into(),
        other => other.into(),
    }
}

/// What is stored of an operator's secrets, and what is shown.
struct FreshSecrets {
    password_hash: String,
    totp_secret: Vec<u8>,
    cookie_key: Vec<u8>,
    issued: IssuedOperator,
}

impl FreshSecrets {
    fn make(name: &str) -> anyhow::Result<Self> {
        let (mut random, mut totp_secret, mut cookie_key) = ([0; 16], vec![0; totp::SECRET], vec![0; 32]);
        getrandom::fill(&mut random)?;
        getrandom::fill(&mut totp_secret)?;
        getrandom::fill(&mut cookie_key)?;
        let (password, secret) = (URL_SAFE_NO_PAD.encode(random), totp::base32(&totp_secret));
        let password_hash = argon2id::hash(&password)?;
        let url = format!("otpauth://totp/console:{name}?secret={secret}&algorithm=SHA1&digits=6&period=30");
        let issued = IssuedOperator { password, secret, url };
        Ok(FreshSecrets { password_hash, totp_secret, cookie_key, issued })
    }
}
