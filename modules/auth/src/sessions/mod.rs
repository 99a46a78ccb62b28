//! Signing up, in and out, and switching between organizations.

pub(crate) mod current;
pub(crate) mod sign_in;
pub(crate) mod sign_out;
pub(crate) mod sign_up;
pub(crate) mod switch;

use serde::Serialize;
use tenfold::http::{HeaderValue, HttpSettings, IntoResponse, Response, ServerState, header};
use tenfold::prelude::*;
use tenfold_auth_api::{AccountId, UserId};
use utoipa::ToSchema;

use crate::entities::{Membership, User};

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

#[derive(Clone, Serialize, ToSchema)]
struct OrganizationView {
    id: OrgId,
    name: String,
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
async fn memberships(
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
async fn describe(
    cx: &SystemContext,
    current: &Membership,
    memberships: &[Membership],
) -> Result<SessionView, Problem> {
    let user = User::get(&cx.within(current.org_id), current.user_id).await?;
    let mut organizations = Vec::with_capacity(memberships.len());
    for membership in memberships {
        let organization = membership.organization.get(cx).await?;
        organizations.push(OrganizationView { id: organization.id, name: organization.name.clone() });
    }
    let organization = organizations.iter().find(|organization| organization.id == current.org_id);
    let organization = organization.cloned().ok_or_else(|| Problem::not_found("organization"))?;
    let user = SignedInUser { id: user.id, email: user.email.clone(), role: user.role };
    Ok(SessionView { organization, user, organizations })
}

/// How the session's cookie is written, by `http.public_url`: on https bound to this host and to TLS, else, for
/// development, as browsers keep it.
struct SessionCookie<'a>(&'a HttpSettings);

impl<'a> SessionCookie<'a> {
    fn of(state: &'a ServerState) -> Self {
        SessionCookie(state.settings())
    }

    /// The answer with the cookie for browsers beside the token for programs.
    fn keep(self, token: String, session: SessionView) -> Response {
        let signed_in = Json(SignedIn { token: token.clone(), session });
        self.set(signed_in.into_response(), &token, "")
    }

    /// The answer that takes the cookie away.
    fn forget(self) -> Response {
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
