//! `POST /v1/auth/totp/confirm`: from now on sign-in asks for the second factor.

use serde::{Deserialize, Serialize};
use tenfold::credentials::totp::base32;
use tenfold::data::SystemTx;
use tenfold::http::ClientAddress;
use tenfold::prelude::*;
use tenfold_auth_api::AccountId;
use utoipa::ToSchema;

use super::answer::CodeTurn;
use super::{TypedCode, forget_recovery_codes, hash, plain, use_code};
use crate::account::own_account;
use crate::entities::SecondFactor;
use crate::service::Identity;
use crate::sessions::limited::AnySession;
use crate::sessions::{end_all, forgotten_everywhere, own_session, still_open};

/// How many recovery codes a person gets.
const CODES: usize = 10;

/// A code of the authenticator application.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TotpConfirmation {
    #[schema(inline)]
    code: TypedCode,
}

/// What a person keeps for the day on which the application is lost.
#[derive(Serialize, ToSchema)]
pub(crate) struct RecoveryCodes {
    /// Each works once in place of a code of the application. They are shown this once.
    pub(super) recovery_codes: Vec<String>,
}

/// Confirms the second factor with a code of the application, and gives recovery codes. Your other sessions end: they were opened
/// without it.
///
/// A wrong code is a 422; after several of them there is a wait, as at sign-in.
#[endpoint(post, "/v1/auth/totp/confirm", tag = "identity", problems(404, 409, 422, 429), example(body = {"code": "123456"}))]
pub(crate) async fn confirm_totp(
    AnySession(cx): AnySession,
    system: SystemContext,
    client: ClientAddress,
    identity: Use<Identity>,
    Json(typed): Json<TotpConfirmation>,
) -> Result<Json<RecoveryCodes>, Problem> {
    let account = own_account(&cx)?;
    let codes = system
        .transaction(async |tx| -> Result<Option<Vec<String>>, Problem> {
            let turn = CodeTurn::take(&identity, tx, account, client).await?;
            still_open(tx, &cx).await?;
            let factor = SecondFactor::get(tx, account).await?;
            if factor.confirmed_at.is_some() {
                return Err(Problem::conflict("the second factor is confirmed already"));
            }
            if use_code(tx, &factor, &typed.code).await?.is_none() {
                turn.fail(tx).await?;
                return Ok(None);
            }
            SecondFactor::update(account).set(SecondFactor::confirmed_at, Some(tx.now())).run(tx).await?;
            end_all(tx, account, Some(own_session(&cx)?)).await?;
            Ok(Some(issue(tx, account).await?))
        })
        .await?;
    let wrong = || Problem::invalid("code: it is not the one that the application shows now");
    forgotten_everywhere(&system).await;
    Ok(Json(RecoveryCodes { recovery_codes: codes.ok_or_else(wrong)? }))
}

/// Makes the recovery codes of an account; those that it had end.
pub(super) async fn issue(tx: &SystemTx<'_>, account: AccountId) -> Result<Vec<String>, Problem> {
    forget_recovery_codes(tx, account).await?;
    let tx = tx.repeating("each recovery code is a row");
    let mut codes = Vec::with_capacity(CODES);
    for _ in 0..CODES {
        let mut secret = [0; 10];
        getrandom::fill(&mut secret).map_err(Problem::internal)?;
        let letters = base32(&secret).to_lowercase();
        let code = [&letters[..4], &letters[4..8], &letters[8..12], &letters[12..]].join("-");
        sql!(
            "auth_recovery_codes.insert",
            "INSERT INTO auth_recovery_codes (account_id, code_hash) VALUES ($1, $2)"
        )
        .changes("auth_recovery_codes")
        .bind(account)
        .bind(hash(&plain(&code)))
        .execute(&tx)
        .await?;
        codes.push(code);
    }
    Ok(codes)
}
