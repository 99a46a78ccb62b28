//! A sign-in that waits for the second factor.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use sha2::{Digest as _, Sha256};
use tenfold::data::SystemTx;
use tenfold::http::{IntoResponse, Response, StatusCode, header};
use tenfold::prelude::*;
use tenfold_auth_api::AccountId;
use utoipa::ToSchema;

use crate::entities::{Membership, MembershipId, SecondFactor};

/// How long a person may take for the second factor.
const LIFETIME: Duration = Duration::from_secs(10 * 60);

/// The problem of a sign-in that needs the second factor (RFC 9457, with a member of its own).
#[derive(Serialize, ToSchema)]
pub(crate) struct SecondFactorRequired {
    #[serde(rename = "type")]
    kind: &'static str,
    title: &'static str,
    status: u16,
    detail: &'static str,
    /// Send it with a code to `POST /v1/auth/second-factor`, within ten minutes.
    challenge: String,
}

impl SecondFactorRequired {
    /// The answer to a sign-in whose first factor was right.
    pub(crate) fn with(challenge: String) -> Response {
        let problem = SecondFactorRequired {
            kind: "urn:tenfold:problem:second-factor-required",
            title: "The second factor is required",
            status: 401,
            detail: "send the challenge with a code of your authenticator application to POST /v1/auth/second-factor",
            challenge,
        };
        let kind = [(header::CONTENT_TYPE, "application/problem+json"), (header::WWW_AUTHENTICATE, "Bearer")];
        (StatusCode::UNAUTHORIZED, kind, serde_json::to_vec(&problem).unwrap_or_default()).into_response()
    }
}

/// Opens a challenge if the account has a second factor, and gives its text, which is not kept anywhere.
pub(crate) async fn challenge(
    tx: &SystemTx<'_>,
    membership: &Membership,
    password_at: Option<Timestamp>,
) -> Result<Option<String>, Problem> {
    let factor = SecondFactor::find(tx, membership.account_id).await?;
    if factor.is_none_or(|factor| factor.confirmed_at.is_none()) {
        return Ok(None);
    }
    let mut secret = [0; 32];
    getrandom::fill(&mut secret).map_err(Problem::internal)?;
    let text = URL_SAFE_NO_PAD.encode(secret);
    sql!(
        "auth_challenges.insert",
        "INSERT INTO auth_challenges (secret_hash, account_id, membership_id, password_at, expires_at)
         VALUES ($1, $2, $3, $4, $5)"
    )
    .changes("auth_challenges")
    .bind(hash(&text))
    .bind(membership.account_id)
    .bind(membership.id)
    .bind(password_at)
    .bind(tx.now() + LIFETIME)
    .execute(tx)
    .await?;
    Ok(Some(text))
}

/// A challenge that is still open.
pub(crate) struct OpenChallenge {
    pub account: AccountId,
    pub membership: MembershipId,
    /// When the password was typed, if it was the first factor.
    pub password_at: Option<Timestamp>,
}

/// Reads a challenge, which stays open.
pub(crate) async fn find(cx: &SystemContext, text: &str) -> Result<Option<OpenChallenge>, DataError> {
    let row: Option<(AccountId, MembershipId, Option<Timestamp>)> = sql!(
        "auth_challenges.find",
        "SELECT account_id, membership_id, password_at FROM auth_challenges
         WHERE secret_hash = $1 AND expires_at > $2"
    )
    .bind(hash(text))
    .bind(cx.now())
    .bounded()
    .first(cx)
    .await?;
    Ok(row.map(|(account, membership, password_at)| OpenChallenge { account, membership, password_at }))
}

/// Closes a challenge; false if somebody else was faster.
pub(crate) async fn close(tx: &SystemTx<'_>, text: &str) -> Result<bool, DataError> {
    let closed = sql!("auth_challenges.close", "DELETE FROM auth_challenges WHERE secret_hash = $1")
        .changes("auth_challenges")
        .bind(hash(text))
        .execute(tx)
        .await?;
    Ok(closed == 1)
}

/// Closes all challenges of an account: its password has changed.
pub(crate) async fn close_all(tx: &SystemTx<'_>, account: AccountId) -> Result<(), DataError> {
    sql!("auth_challenges.close_all", "DELETE FROM auth_challenges WHERE account_id = $1")
        .changes("auth_challenges")
        .bind(account)
        .execute(tx)
        .await
        .map(drop)
}

fn hash(text: &str) -> Vec<u8> {
    Sha256::digest(text.as_bytes()).to_vec()
}
