//! `POST /v1/auth/totp`: begins a second factor.

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Serialize;
use tenfold::credentials::totp::{SECRET, base32};
use tenfold::prelude::*;
use utoipa::ToSchema;

use crate::account::lock_own::lock_own;
use crate::entities::{Account, SecondFactor, SecondFactorRow};
use crate::sessions::Sudo;
use crate::sessions::limited::AnySession;

/// What an authenticator application needs.
#[derive(Serialize, ToSchema)]
pub(crate) struct TotpSecret {
    /// The secret in base32, to be typed. It is shown this once.
    secret: String,
    /// The same as an address for a QR code.
    url: String,
}

/// Begins a second factor: gives the secret for an authenticator application. Sign-in asks for it once it is confirmed.
///
/// An account that has a second factor gets a 409. Confirm your address as well: until then, whoever reads its mails may take the account
/// over, second factor and all. The password must have been typed within the last ten minutes: at sign-in, or
/// with `POST /v1/auth/sudo`.
#[endpoint(post, "/v1/auth/totp", tag = "identity", problems(403, 409))]
pub(crate) async fn set_up_totp(
    AnySession(cx): AnySession,
    system: SystemContext,
    _: Sudo,
) -> Result<Json<TotpSecret>, Problem> {
    let mut secret = vec![0; SECRET];
    getrandom::fill(&mut secret).map_err(Problem::internal)?;
    let shown = base32(&secret);
    let account = system
        .transaction(async |tx| -> Result<Account, Problem> {
            let account = lock_own(tx, &cx).await?;
            let known = SecondFactor::find(&*tx, account.id).await?;
            if known.is_some_and(|known| known.confirmed_at.is_some()) {
                return Err(Problem::conflict("this account has a second factor: remove it first"));
            }
            let factor = SecondFactorRow {
                account_id: account.id,
                secret,
                confirmed_at: None,
                last_period: 0,
                created_at: tx.now(),
            };
            factor.upsert(SecondFactor::unique_key).run(tx).await?;
            Ok(account)
        })
        .await?;
    let label = utf8_percent_encode(&account.email, NON_ALPHANUMERIC);
    let url = format!("otpauth://totp/{label}?secret={shown}&algorithm=SHA1&digits=6&period=30");
    Ok(Json(TotpSecret { secret: shown, url }))
}
