//! `POST /v1/auth/link/accept`: signs in by a link from a mail.

use tenfold::http::{OwnOrigin, Response, ServerState, State, StatusCode};
use tenfold::prelude::*;

use super::TokenBody;
use super::claim::{Claim, OwnAccount, claim};
use crate::entities::Membership;
use crate::links::{LinkPurpose, consume};
use crate::second_factor::challenge::SecondFactorRequired;
use crate::service::{Identity, NewSession, SignInStep};
use crate::sessions::{Device, SessionCookie, SignedIn, describe, forgotten_everywhere, memberships};

/// Signs in with the token of a link that was mailed.
///
/// An account with a second factor gets a 401 `second-factor-required` with a `challenge`, as at sign-in. If its address was not
/// confirmed and the request is not signed in with it, its password and sessions end: somebody else may have signed up with the
/// address. A token works once. Every token that does not work gets the same 404.
#[endpoint(post, "/v1/auth/link/accept", tag = "identity",
    answers(200: SignedIn as "application/json"), problems(401, 403, 404),
    example(body = {"token": "x1wCMr8ZJAVbfJyrmbYjYBJ4jvYSVRS8pXgAJCDbu4c"}))]
pub(crate) async fn accept_link(
    cx: SystemContext,
    _: OwnOrigin,
    own: OwnAccount,
    device: Device,
    state: State<ServerState>,
    identity: Use<Identity>,
    Json(body): Json<TokenBody>,
) -> Result<Response, Problem> {
    let (claimed, signed_in, chosen) = cx
        .transaction(async |tx| -> Result<_, Problem> {
            let link = consume(tx, &body.token, &[LinkPurpose::SignIn]).await?;
            let claimed = claim(tx, &link.account, &own).await?;
            let of_account = Membership::query().filter(Membership::account_id.eq(link.account.id));
            let chosen = of_account.order_by_descending(Membership::last_used_at).first(&*tx).await?;
            let chosen = chosen.ok_or_else(no_organization)?;
            // The person has not typed the password: what needs it asks for it.
            let session = NewSession { device, password_at: None };
            Ok((claimed, identity.sign_in(tx, &chosen, session).await?, chosen))
        })
        .await?;
    if claimed == Claim::Evicted {
        forgotten_everywhere(&cx).await;
    }
    let token = match signed_in {
        SignInStep::Session(token) => token,
        SignInStep::Challenge(challenge) => return Ok(SecondFactorRequired::with(challenge)),
    };
    let memberships = memberships(&cx, chosen.account_id, Some(chosen.org_id)).await?;
    let session = describe(&cx, &chosen, &memberships).await?;
    Ok(SessionCookie::of(&state).keep(token, session))
}

fn no_organization() -> Problem {
    Problem::new(StatusCode::FORBIDDEN, "no-organization", "No organization")
        .detail("this account belongs to no organization")
}
