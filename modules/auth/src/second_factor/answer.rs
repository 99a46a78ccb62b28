//! `POST /v1/auth/second-factor`: the second half of a sign-in.

use serde::Deserialize;
use tenfold::data::SystemTx;
use tenfold::http::{ClientAddress, OwnOrigin, Response, ServerState, State, StatusCode};
use tenfold::prelude::*;
use tenfold_auth_api::AccountId;
use utoipa::ToSchema;

use super::challenge::{close, find};
use super::{TypedCode, UsedCode, use_code};
use crate::account::lock::lock;
use crate::entities::{Membership, SecondFactor};
use crate::links::notice::SendNotice;
use crate::links::{LinkToken, NoticeKind};
use crate::service::{Identity, NewSession};
use crate::sessions::{Device, SessionCookie, SignedIn, describe, memberships};
use crate::throttle::{Attempt, Throttle};

/// A code for a sign-in that waits.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SecondFactorAnswer {
    /// The `challenge` of the sign-in's 401.
    #[schema(inline)]
    challenge: LinkToken,
    /// Six digits of the authenticator application, or a recovery code.
    #[schema(inline)]
    code: TypedCode,
}

/// Signs in with a code of the second factor.
///
/// A wrong code, and a challenge that is unknown, was used or is older than ten minutes, get the same 401. After several wrong
/// codes there is a wait, as at sign-in.
#[endpoint(post, "/v1/auth/second-factor", tag = "identity",
    answers(200: SignedIn as "application/json"), problems(401, 429),
    example(body = {"challenge": "x1wCMr8ZJAVbfJyrmbYjYBJ4jvYSVRS8pXgAJCDbu4c", "code": "123456"}))]
pub(crate) async fn answer_second_factor(
    cx: SystemContext,
    _: OwnOrigin,
    client: ClientAddress,
    device: Device,
    state: State<ServerState>,
    identity: Use<Identity>,
    Json(typed): Json<SecondFactorAnswer>,
) -> Result<Response, Problem> {
    let challenge = find(&cx, &typed.challenge).await?.ok_or_else(refused)?;
    let membership = Membership::find(&cx, challenge.membership).await?.ok_or_else(refused)?;
    let token = cx
        .transaction(async |tx| -> Result<Option<String>, Problem> {
            let turn = CodeTurn::take(&identity, tx, challenge.account, client).await?;
            let factor = SecondFactor::find(tx, challenge.account).await?.ok_or_else(refused)?;
            let used = use_code(tx, &factor, &typed.code).await?;
            // A new password closes it as well.
            if used.is_none() || !close(tx, &typed.challenge).await? {
                turn.fail(tx).await?;
                return Ok(None);
            }
            if used == Some(UsedCode::Recovery) {
                tx.enqueue(SendNotice::to(challenge.account, NoticeKind::RecoveryCode)).await?;
            }
            turn.succeed(tx).await?;
            let new = NewSession { device, password_at: challenge.password_at };
            Ok(Some(identity.open_session(tx, &membership, new).await?))
        })
        .await?;
    let token = token.ok_or_else(refused)?;
    let memberships = memberships(&cx, membership.account_id, Some(membership.org_id)).await?;
    let session = describe(&cx, &membership, &memberships).await?;
    Ok(SessionCookie::of(&state).keep(token, session))
}

fn refused() -> Problem {
    Problem::new(StatusCode::UNAUTHORIZED, "wrong-code", "The code or the challenge is wrong")
        .detail("type the code that the application shows now, or sign in again")
}

/// The right to try a code: wrong ones are counted like wrong passwords, apart from those.
pub(super) struct CodeTurn {
    throttle: Throttle,
    attempt: Attempt,
}

impl CodeTurn {
    /// Locks the account, so that other tries have ended, then looks whether one more is allowed.
    ///
    /// # Errors
    /// 429 if account or address has to wait.
    pub(super) async fn take(
        identity: &Identity,
        tx: &SystemTx<'_>,
        account: AccountId,
        client: ClientAddress,
    ) -> Result<Self, Problem> {
        lock(tx, account).await?;
        let throttle = identity.throttle;
        let attempt = throttle.admit_locked(tx, &format!("second factor of {account}"), client).await?;
        Ok(CodeTurn { throttle, attempt })
    }

    /// Counts a wrong code, in the transaction that tries it: hanging up saves no try from being counted.
    pub(super) async fn fail(&self, tx: &SystemTx<'_>) -> Result<(), DataError> {
        self.throttle.count_failure(tx, &self.attempt).await
    }

    /// Forgets the wrong ones, as after a sign-in.
    pub(super) async fn succeed(&self, tx: &SystemTx<'_>) -> Result<(), DataError> {
        self.throttle.succeed(tx, &self.attempt).await
    }
}
