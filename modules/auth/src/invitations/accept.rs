//! `POST /v1/invitations/accept`.

use serde::Deserialize;
use tenfold::data::SystemTx;
use tenfold::http::{IntoResponse as _, OwnOrigin, Permission as _, Response, ServerState, State};
use tenfold::prelude::*;
use tenfold_auth_api::AccountId;
use utoipa::ToSchema;

use super::InvitationToken;
use crate::account::claim::{Claim, OwnAccount, claim};
use crate::account::lock::lock;
use crate::entities::{Account, AccountRow, AccountStanding, Invitation, Organization, User};
use crate::links::LinkToken;
use crate::members::{NewMember, join, within_reach};
use crate::new_password::NewPassword;
use crate::service::{Identity, NewSession};
use crate::sessions::{
    Device, SessionCookie, SignedIn, describe, forgotten_everywhere, memberships, still_open,
};
use crate::users::permissions::WriteMembers;

/// The token of an invitation, and the password of a new account.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct InvitationAccepted {
    /// What stands behind `token=` in the link.
    #[schema(inline)]
    token: LinkToken,
    /// For a person without an account: 8 characters to 1,024 bytes; neither one of the 3,000 most common passwords nor the
    /// address. A person with an account leaves it out.
    password: Option<NewPassword>,
}

/// Joins the organization of an invitation.
///
/// A person without an account gets one, with the address of the invitation, and is signed in there; `password` is required, else a
/// 422. A person with an account is signed in there if the request is signed in with that account; else the answer is a 204, and the
/// person signs in: the mail may have been passed on. If the account's address was not confirmed and the request is not signed in with
/// it, its password and sessions end: somebody else may have signed up with the address. A token works once. Every token that does
/// not work gets the same 404, and so does one of a user who could not invite any more.
#[endpoint(post, "/v1/invitations/accept", tag = "identity",
    answers(200: SignedIn as "application/json", 204), problems(401, 404, 409, 422),
    example(body = {"token": "x1wCMr8ZJAVbfJyrmbYjYBJ4jvYSVRS8pXgAJCDbu4c", "password": "correct horse battery"}))]
pub(crate) async fn accept_invitation(
    cx: SystemContext,
    _: OwnOrigin,
    own: OwnAccount,
    device: Device,
    state: State<ServerState>,
    identity: Use<Identity>,
    Json(accepted): Json<InvitationAccepted>,
) -> Result<Response, Problem> {
    let invited = InvitationToken::parse(&accepted.token).ok_or_else(no_such_invitation)?;
    // Looked at first: only who has an invitation makes this process hash a password.
    let invitation = find(&cx.within(invited.organization), &invited).await?;
    let known = Account::query().filter(Account::email.eq(invitation.email.clone())).first(&cx).await?;
    let invitee = match (known, accepted.password) {
        (Some(account), _) => Invitee::Known(account),
        (None, None) => {
            return Err(Problem::invalid("password: this person has no account yet, so it needs one"));
        }
        (None, Some(password)) => {
            password.unlike(&invitation.email)?;
            let turn = identity.passwords.turn(device.client).await?;
            Invitee::New(turn.hash(password.into_inner()).await?)
        }
    };
    let (claimed, token, membership) = cx
        .transaction(async |tx| -> Result<_, Problem> {
            let invitee = match invitee {
                Invitee::Known(account) => Invitee::Known(lock(tx, account.id).await?),
                new @ Invitee::New(_) => new,
            };
            let password_at = matches!(invitee, Invitee::New(_)).then(|| tx.now());
            let tenant = tx.within(invited.organization);
            // Of two who accept at once, the second one finds nothing to delete.
            match Invitation::delete(&tenant, invitation.id).await {
                Ok(()) => {}
                Err(DataError::NotFound { .. }) => return Err(no_such_invitation()),
                Err(error) => return Err(error.into()),
            }
            still_meant(tx, &identity, &invitation).await?;
            let (account, signs_in, claimed) = account_of(tx, &invitation.email, invitee, &own).await?;
            let new = NewMember { account: &account, role: invitation.role, locale: device.locale.clone() };
            let membership = join(tx, invited.organization, new).await?;
            let session = NewSession { device, password_at };
            let token = match signs_in {
                true => Some(identity.open_session(tx, &membership, session).await?),
                false => None,
            };
            Ok((claimed, token, membership))
        })
        .await?;
    if claimed == Claim::Evicted {
        forgotten_everywhere(&cx).await;
    }
    let Some(token) = token else { return Ok(NoContent.into_response()) };
    let memberships = memberships(&cx, membership.account_id, Some(membership.org_id)).await?;
    let view = describe(&cx, &membership, &memberships).await?;
    Ok(SessionCookie::of(&state).keep(token, view))
}

/// The invited person.
enum Invitee {
    /// One with an account.
    Known(Account),
    /// One without, and the hash of the new password.
    New(String),
}

/// The account of the invited person, whether the request may have a session of it, and what became of what was there before.
async fn account_of(
    tx: &SystemTx<'_>,
    email: &str,
    invitee: Invitee,
    own: &OwnAccount,
) -> Result<(Account, bool, Claim), Problem> {
    match invitee {
        Invitee::Known(account) => {
            if account.email != email {
                return Err(no_such_invitation());
            }
            let claimed = claim(tx, &account, own).await?;
            let session = own.session_of(account.id);
            if let Some(cx) = session {
                still_open(tx, cx).await?;
            }
            Ok((account, session.is_some(), claimed))
        }
        Invitee::New(password_hash) => {
            let (id, created_at) = (AccountId(tx.new_id()), tx.now());
            let (email, shown) = (email.to_owned(), Some(created_at));
            let account =
                AccountRow { id, email, password_hash, reached_at: shown, confirmed_at: shown, created_at };
            let account = account.insert(tx).await.on_conflict(Account::unique_email, || {
                Problem::conflict(
                    "an account with this address was made meanwhile: accept again without a password",
                )
            })?;
            Ok((account, true, Claim::Confirmed))
        }
    }
}

/// Refuses an invitation whose inviter could not make it any more: what a user has begun ends with the user's rights. A suspended
/// person invites nobody, and a closed or suspended organization neither.
async fn still_meant(tx: &SystemTx<'_>, identity: &Identity, invitation: &Invitation) -> Result<(), Problem> {
    let organization = Organization::get(tx, invitation.org_id).await?;
    if organization.closed_at.is_some() || organization.suspended_at.is_some() {
        return Err(no_such_invitation());
    }
    let tenant = &tx.within(invitation.org_id);
    let inviter = User::find(tenant, invitation.invited_by).await?.ok_or_else(no_such_invitation)?;
    if AccountStanding::get(tx, inviter.account_id).await?.suspended_at.is_some() {
        return Err(no_such_invitation());
    }
    let named: Vec<(String,)> = sql!(
        "auth_permissions.of_inviter",
        "SELECT name FROM auth_permissions WHERE org_id = $1 AND user_id = $2"
    )
    .bind(inviter.id)
    .bounded()
    .all(tenant)
    .await?;
    let held = identity.permissions.held(inviter.role, named.iter().map(|(name,)| &**name));
    let may = held.contains(WriteMembers::NAME) && within_reach(inviter.role, &[invitation.role]).is_ok();
    may.then_some(()).ok_or_else(no_such_invitation)
}

async fn find(cx: &Context, token: &InvitationToken) -> Result<Invitation, Problem> {
    let with_secret = Invitation::query().filter(Invitation::secret_hash.eq(Some(token.hash.clone())));
    let invitation = with_secret.first(cx).await?.filter(|invitation| cx.now() < invitation.expires_at);
    invitation.ok_or_else(no_such_invitation)
}

fn no_such_invitation() -> Problem {
    Problem::not_found("invitation")
        .detail("this invitation was accepted or taken back, has expired or never was one: ask for a new one")
}
