//! Signing up, in and out, and switching between organizations.

pub(crate) mod current;
pub(crate) mod end;
pub(crate) mod end_others;
pub(crate) mod guess;
pub(crate) mod limited;
pub(crate) mod list;
pub(crate) mod sign_in;
pub(crate) mod sign_out;
pub(crate) mod sign_up;
pub(crate) mod switch;

use std::time::Duration;

use serde::Serialize;
use tenfold::axum::extract::FromRequestParts;
use tenfold::axum::http::request::Parts;
use tenfold::data::{SystemTx, Uuid};
use tenfold::http::{
    Endpoint, HeaderValue, HttpSettings, Input, IntoResponse, Response, ServerState, StatusCode, header,
    person,
};
use tenfold::prelude::*;
use tenfold_auth_api::{AccountId, UserId};
use utoipa::ToSchema;

use crate::entities::{Membership, Organization, Session, SessionId, User};

pub(crate) use crate::device::Device;

/// A password that somebody types; as long as any that sign-up takes.
pub(crate) type TypedPassword = Text<0, 1024>;

/// A new session.
#[derive(Serialize, ToSchema)]
pub(crate) struct SignedIn {
    /// Send it as `Authorization: Bearer`. It is shown this once.
    token: String,
    #[serde(flatten)]
    session: SessionView,
}

/// The signed-in user, and the organization.
#[derive(Serialize, ToSchema)]
pub(crate) struct SessionView {
    /// The organization that the session is in.
    organization: OrganizationView,
    /// Your user in that organization.
    user: SignedInUser,
    /// The organizations that you can switch to. Of more than 100, the current one and the 100 used last.
    organizations: Vec<OrganizationView>,
}

/// An organization.
#[derive(Clone, Serialize, ToSchema)]
pub(crate) struct OrganizationView {
    pub id: OrgId,
    pub name: String,
    /// When it will be erased, since it is closed: an owner can reopen it. Null if it is not closed.
    pub erased_at: Option<Timestamp>,
}

impl OrganizationView {
    fn of(organization: &Organization) -> Self {
        let Organization { id, ref name, erase_at, .. } = *organization;
        OrganizationView { id, name: name.clone(), erased_at: erase_at }
    }
}

#[derive(Serialize, ToSchema)]
struct SignedInUser {
    id: UserId,
    email: String,
    role: Role,
}

/// At most this many organizations of one account are listed: the ones used last.
const LISTED: usize = 100;

/// The [`LISTED`] memberships of an account that were used last, and that of `organization`, in the order of their ids.
pub(crate) async fn memberships(
    cx: &SystemContext,
    account: AccountId,
    organization: Option<OrgId>,
) -> Result<Vec<Membership>, DataError> {
    let of_account = || Membership::query().filter(Membership::account_id.eq(account));
    let latest = of_account().order_by_descending(Membership::last_used_at).limit(LISTED).all(cx).await?;
    let mut memberships: Vec<Membership> = latest.into_iter().collect();
    if let Some(organization) = organization
        && memberships.len() == LISTED
        && !memberships.iter().any(|membership| membership.org_id == organization)
    {
        memberships.extend(of_account().filter(Membership::org_id.eq(organization)).first(cx).await?);
    }
    memberships.sort_unstable_by_key(|membership| membership.id);
    Ok(memberships)
}

/// Describes a session. Read inside its request, so the rows that are there already cost nothing again.
pub(crate) async fn describe(
    cx: &SystemContext,
    current: &Membership,
    memberships: &[Membership],
) -> Result<SessionView, Problem> {
    let user = User::get(&cx.within(current.org_id), current.user_id).await?;
    let mut organizations = Vec::with_capacity(memberships.len());
    for membership in memberships {
        let organization = membership.organization.get(cx).await?;
        organizations.push(OrganizationView::of(organization));
    }
    let organization = organizations.iter().find(|organization| organization.id == current.org_id);
    let organization = organization.cloned().ok_or_else(|| Problem::not_found("organization"))?;
    let user = SignedInUser { id: user.id, email: user.email.clone(), role: user.role };
    Ok(SessionView { organization, user, organizations })
}

/// How the session's cookie is written, by `http.public_url`: on https bound to this host and to TLS, else, for
/// development, as browsers keep it.
pub(crate) struct SessionCookie<'a>(&'a HttpSettings);

impl<'a> SessionCookie<'a> {
    pub(crate) fn of(state: &'a ServerState) -> Self {
        SessionCookie(state.settings())
    }

    /// The answer with the cookie for browsers beside the token for programs.
    pub(crate) fn keep(self, token: String, session: SessionView) -> Response {
        let signed_in = Json(SignedIn { token: token.clone(), session });
        self.set(signed_in.into_response(), &token, "")
    }

    /// A redirect with the cookie.
    #[cfg(feature = "providers")]
    pub(crate) fn keep_in(self, answer: Response, token: &str) -> Response {
        self.set(answer, token, "")
    }

    /// The answer that takes the cookie away.
    pub(crate) fn forget(self) -> Response {
        self.set(NoContent.into_response(), "", "; Max-Age=0")
    }

    fn set(self, mut response: Response, token: &str, age: &str) -> Response {
        let (name, secure) = (self.0.session_cookie(), if self.0.https { "; Secure" } else { "" });
        let cookie = format!("{name}={token}; Path=/; HttpOnly; SameSite=Lax{age}{secure}");
        if let Ok(value) = HeaderValue::try_from(cookie) {
            response.headers_mut().insert(header::SET_COOKIE, value);
        }
        response
    }
}

/// For so long after the password was typed a session may do what is dangerous.
const SUDO: Duration = Duration::from_secs(10 * 60);

/// In a handler's signature: the person has typed the password in this session within the last ten minutes. Otherwise 403
/// `password-required`: `POST /v1/auth/sudo` takes it.
pub(crate) struct Sudo {
    /// The session of the request.
    pub session: SessionId,
}

impl FromRequestParts<ServerState> for Sudo {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &ServerState) -> Result<Self, Problem> {
        let cx = Context::from_request_parts(parts, state).await?;
        let session = own_session(&cx)?;
        let found = Session::find(&cx, session).await?;
        match found.and_then(|found| found.password_at) {
            Some(typed_at) if is_lately(typed_at, cx.now()) => Ok(Sudo { session }),
            _ => Err(Problem::new(StatusCode::FORBIDDEN, "password-required", "The password is required")
                .detail("type the password again: POST /v1/auth/sudo, then repeat the request")),
        }
    }
}

fn is_lately(typed_at: Timestamp, now: Timestamp) -> bool {
    now < typed_at + SUDO
}

/// What the session of a request shows of its person. It is read anew, behind the account's lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Proof {
    /// Nothing: there is no session, or it has ended, or it was opened without the password, such as by a link that a stranger may have
    /// passed on.
    Nothing,
    /// The password was typed in it at some time.
    Password,
    /// The password was typed in it within the last ten minutes.
    Lately,
}

impl Proof {
    /// Of the session of a request, if it has one.
    pub(crate) async fn of(tx: &SystemTx<'_>, session: Option<&Context>) -> Result<Self, Problem> {
        let Some(cx) = session else { return Ok(Proof::Nothing) };
        let found = read_again(tx, cx).await?;
        Ok(match found.as_ref().and_then(|session| session.password_at) {
            Some(typed_at) if is_lately(typed_at, tx.now()) => Proof::Lately,
            Some(_) => Proof::Password,
            None => Proof::Nothing,
        })
    }
}

impl Input for Sudo {
    fn describe(endpoint: &mut Endpoint) {
        endpoint.needs_session();
        endpoint.add_problem(403);
    }
}

/// In a handler's signature: [`Sudo`], for what only some of its requests need it for.
pub(crate) struct MaybeSudo(Result<Sudo, Problem>);

impl MaybeSudo {
    /// Requires it.
    ///
    /// # Errors
    /// As [`Sudo`].
    pub(crate) fn require(self) -> Result<Sudo, Problem> {
        self.0
    }
}

impl FromRequestParts<ServerState> for MaybeSudo {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &ServerState) -> Result<Self, Problem> {
        Ok(MaybeSudo(Sudo::from_request_parts(parts, state).await))
    }
}

impl Input for MaybeSudo {
    fn describe(endpoint: &mut Endpoint) {
        Sudo::describe(endpoint);
    }
}

/// Waits until no other process remembers what the last commit ended, such as a session or a key. A process that is dead is not
/// waited for long, and what has ended has ended whatever comes of it.
pub(crate) async fn forgotten_everywhere(cx: &SystemContext) {
    if let Err(error) = cx.scope().database().feed().wait_passed().await {
        tracing::warn!(%error, "it is not known whether other processes have been told that this has ended");
    }
}

/// The session of a request.
pub(crate) fn own_session(cx: &Context) -> Result<SessionId, Problem> {
    person(cx).map(|principal| SessionId(principal.session))
}

/// Looks again, behind the account's lock, whether the session of a request is still open.
///
/// # Errors
/// 401 if it has ended meanwhile.
pub(crate) async fn still_open(tx: &SystemTx<'_>, cx: &Context) -> Result<(), Problem> {
    read_again(tx, cx).await?.map(drop).ok_or_else(Problem::unauthenticated)
}

/// The session of a request as it is now; none if it has ended.
async fn read_again(tx: &SystemTx<'_>, cx: &Context) -> Result<Option<Session>, Problem> {
    let session = Session::query().filter(Session::id.eq(own_session(cx)?));
    Ok(session.first(&tx.within(cx.tenant())).await?)
}

/// Ends all sessions of an account, in all its organizations, except the one to keep. Their tokens stop working at once. The account
/// is locked, so none is opened meanwhile.
pub(crate) async fn end_all(
    tx: &SystemTx<'_>,
    account: AccountId,
    keep: Option<SessionId>,
) -> Result<(), DataError> {
    // Those of everybody else stay in the cache.
    let _: Vec<(SessionId,)> = sql!(
        "auth_sessions.end_all",
        "DELETE FROM auth_sessions WHERE account_id = $1 AND id <> $2 RETURNING id"
    )
    .changes_returned(Session::TABLE)
    .bind(account)
    .bind(keep.unwrap_or(SessionId(Uuid::nil())))
    .all(tx)
    .await?;
    Ok(())
}
