//! The people who run the application: they sign in to the console with a name, a password and a code (decision 71).

mod acts;
mod console_token;
mod issue;
mod sign_in;

use tenfold_data::{DataError, Entity, EntityExt as _, SystemContext, TextEnum, Timestamp};

pub use self::acts::{OperatorAct, last_acts, record_act};
pub use self::console_token::{
    CONSOLE_COOKIE, CONSOLE_COOKIE_OF_HTTPS, ConsoleToken, console_key, is_same_key, sign_console_token,
};
pub use self::issue::{IssuedOperator, OperatorRefused, add, remove, renew};
pub use self::sign_in::{CodeUse, use_code};

/// What an operator may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, TextEnum, clap::ValueEnum)]
pub enum OperatorRole {
    /// See everything but mails, whose links work.
    Look,
    /// Change things as well, such as to retry a job or to suspend somebody.
    Act,
}

/// An operator. It has no `Debug`, which would print secrets.
#[derive(Clone, Entity)]
#[entity(table = "tenfold_operators", global = "operators run the application for all organizations")]
pub struct NamedOperator {
    /// The name, with which the operator signs in.
    #[entity(key)]
    pub name: String,
    /// What the operator may do.
    pub role: OperatorRole,
    /// The PHC string of the password.
    pub password_hash: String,
    /// Shared with the authenticator application.
    pub totp_secret: Vec<u8>,
    /// The last period whose code was used.
    pub last_period: i64,
    /// Signs the operator's cookies.
    pub cookie_key: Vec<u8>,
    /// How many wrong codes there were in a row.
    pub wrong_codes: i64,
    /// Until when no code is tried.
    pub blocked_until: Option<Timestamp>,
    /// Since when there is this operator.
    pub created_at: Timestamp,
}

/// All operators, by name.
///
/// # Errors
/// The statement failed.
pub async fn list(cx: &SystemContext) -> Result<Vec<NamedOperator>, DataError> {
    let all = NamedOperator::query().order_by(NamedOperator::name).all(cx).await?;
    Ok(all.iter().cloned().collect())
}

/// The operator with this name.
///
/// # Errors
/// The statement failed.
pub async fn find(cx: &SystemContext, name: &str) -> Result<Option<NamedOperator>, DataError> {
    if !issue::is_name(name) {
        return Ok(None);
    }
    let found = NamedOperator::find(cx, name.to_owned()).await?;
    Ok(found.map(|operator| (*operator).clone()))
}
