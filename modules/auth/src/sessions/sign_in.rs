//! `POST /v1/auth/sign-in`.

use std::sync::Arc;

use serde::Deserialize;
use tenfold::data::Scope;
use tenfold::http::{ClientAddress, OwnOrigin, Response, ServerState, State, StatusCode};
use tenfold::prelude::*;
use utoipa::ToSchema;

use super::{SessionCookie, SignedIn, describe, memberships};
use crate::email::canonical;
use crate::entities::{Account, Membership};
use crate::new_password::normalized;
use crate::passwords::Turn;
use crate::service::Identity;
use crate::throttle::{Attempt, Throttle};

/// What somebody types; as long as any address or password that sign-up takes.
type TypedEmail = Text<0, 254>;
type TypedPassword = Text<0, 1024>;

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SignIn {
    email: TypedEmail,
    password: TypedPassword,
    /// The organization to work in; without it, the one that was used last.
    organization: Option<OrgId>,
}

/// Signs in with email and password.
///
/// An unknown address, a wrong password and a foreign organization get the same 401 after the same time. After several of
/// them in a row, for one account or from one address, each attempt is a 429 until `Retry-After` is over, the right
/// password too.
#[endpoint(post, "/v1/auth/sign-in", tag = "identity",
    answers(200: SignedIn as "application/json"), problems(401, 429),
    example(body = {"email": "owner@acme.test", "password": "tenfold-demo"}))]
pub(crate) async fn sign_in(
    cx: SystemContext,
    _: OwnOrigin,
    client: ClientAddress,
    state: State<ServerState>,
    identity: Use<Identity>,
    Json(typed): Json<SignIn>,
) -> Result<Response, Problem> {
    let email = canonical(&typed.email);
    let mut attempt = identity.throttle.admit(&cx, &email, client).await?;
    let turn = identity.passwords.turn(client).await?;
    if turn.waited() {
        // Those whose turn was before may have failed: of many guesses at once no more are tried than of one after another.
        attempt = identity.throttle.admit(&cx, &email, client).await?;
    }
    let account = Account::query().filter(Account::email.eq(email)).first(&cx).await?;
    let guess = Guess {
        throttle: identity.throttle,
        attempt: attempt.clone(),
        password: normalized(&typed.password),
        stored: account.as_ref().map(|account| account.password_hash.clone()),
        turn,
    };
    let (Some(turn), Some(account)) = (guess.judge(&cx).await?, account) else { return Err(refused()) };
    let memberships = memberships(&cx, account.id, typed.organization).await?;
    let wanted = |membership: &&Membership| typed.organization.is_none_or(|id| membership.org_id == id);
    let chosen = memberships.iter().filter(wanted).max_by_key(|membership| membership.last_used_at);
    let Some(chosen) = chosen else {
        identity.throttle.fail(&cx, &attempt).await?;
        return Err(refused());
    };
    drop(turn);
    let token = cx
        .transaction(async |tx| -> Result<_, Problem> {
            identity.throttle.succeed(tx, &attempt).await?;
            Membership::update(chosen.id).set(Membership::last_used_at, tx.now()).run(tx).await?;
            identity.open_session(&tx.within(chosen.org_id), chosen.user_id, chosen.account_id).await
        })
        .await?;
    let session = describe(&cx, chosen, &memberships).await?;
    Ok(SessionCookie::of(&state).keep(token, session))
}

/// A password that somebody typed for an account.
struct Guess {
    throttle: Throttle,
    attempt: Attempt,
    password: String,
    /// The hash to compare it with; none for an unknown account.
    stored: Option<String>,
    turn: Turn,
}

impl Guess {
    /// Gives the turn back when the password is right. A wrong one is counted before its turn ends.
    ///
    /// Both are done by a task of their own: it goes on when the client hangs up and this request is dropped, so that
    /// hanging up saves no guess from being counted.
    async fn judge(self, cx: &SystemContext) -> Result<Option<Turn>, Problem> {
        let scope = Scope::new(cx.scope().database().clone(), cx.scope().trace(), None);
        let apart = Arc::clone(&scope);
        #[expect(clippy::disallowed_methods, reason = "dropping the request must not end it")]
        let judged = tokio::spawn(async move {
            let cx = SystemContext::new(Arc::clone(&apart));
            apart.drive(self.judge_within(&cx)).await
        });
        let judged = judged.await.map_err(Problem::internal)?;
        cx.scope().absorb(scope.cost());
        judged
    }

    async fn judge_within(self, cx: &SystemContext) -> Result<Option<Turn>, Problem> {
        if self.turn.verify(self.password, self.stored).await? {
            return Ok(Some(self.turn));
        }
        self.throttle.fail(cx, &self.attempt).await?;
        Ok(None)
    }
}

fn refused() -> Problem {
    Problem::new(StatusCode::UNAUTHORIZED, "wrong-credentials", "Address, password or organization is wrong")
}
