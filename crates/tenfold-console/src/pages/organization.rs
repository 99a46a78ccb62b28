//! `/console/organizations/{id}`: one organization, and its people.

use maud::{Markup, html};
use tenfold::data::Uuid;
use tenfold::http::{Administer, AdministeredInvitation, AdministeredMember, Response, ServerState, State};
use tenfold::prelude::*;

use super::job::back_to;
use super::people::{administrator, state_of_organization};
use crate::access::{Acting, Operator};
use crate::layout::{actions, nothing, page};
use crate::words;

pub(crate) async fn organization(
    operator: Operator,
    cx: SystemContext,
    State(state): State<ServerState>,
    Path(id): Path<OrgId>,
) -> Result<Response, Problem> {
    let organization = administrator(&state)?.organization(&cx, id).await?;
    let (verb, button) = match organization.suspended_at {
        None => ("suspend", "Suspend"),
        Some(_) => ("release", "Release"),
    };
    let content = html! {
        p { strong { (organization.name) } " is " (state_of_organization(&organization)) "." }
        (actions(&operator, &html! {
            form method="post" action={ "/console/organizations/" (id) "/" (verb) } { button { (button) } }
        }))
        dl {
            dt { "Id" } dd { code { (id) } }
            dt { "Since" } dd { (words::moment(organization.created_at)) " UTC" }
            @if let Some(since) = organization.closed_at { dt { "Closed" } dd { (words::moment(since)) " UTC" } }
        }
        h2 { "People" }
        (people(&organization.people))
        h2 { "Invitations" }
        (invitations(&operator, id, &organization.invitations))
    };
    Ok(page("Organization", "/console/people", &content))
}

/// Lets nobody work in it.
pub(crate) async fn suspend(
    acting: Acting,
    cx: SystemContext,
    State(state): State<ServerState>,
    Path(id): Path<OrgId>,
) -> Result<Response, Problem> {
    noted(&acting, &cx, &state, id, "suspends an organization").await?.suspend_organization(&cx, id).await?;
    Ok(back_to(&format!("/console/organizations/{id}")))
}

/// Lets people work in it again.
pub(crate) async fn release(
    acting: Acting,
    cx: SystemContext,
    State(state): State<ServerState>,
    Path(id): Path<OrgId>,
) -> Result<Response, Problem> {
    noted(&acting, &cx, &state, id, "releases an organization").await?.release_organization(&cx, id).await?;
    Ok(back_to(&format!("/console/organizations/{id}")))
}

/// Mails an invitation again.
pub(crate) async fn mail_invitation(
    acting: Acting,
    cx: SystemContext,
    State(state): State<ServerState>,
    Path((id, invitation)): Path<(OrgId, Uuid)>,
) -> Result<Response, Problem> {
    let administrator = administrator(&state)?;
    let organization = administrator.organization(&cx, id).await?;
    let found = organization.invitations.iter().find(|one| one.id == invitation);
    let found = found.ok_or_else(|| Problem::not_found("invitation"))?;
    let to = format!("{} to {} ({id})", found.email, organization.name);
    acting.note("mails an invitation again", &to).await?;
    administrator.mail_invitation(&cx, id, invitation).await?;
    Ok(back_to(&format!("/console/organizations/{id}")))
}

/// Who does it, once the log says so.
async fn noted<'a>(
    acting: &Acting,
    cx: &SystemContext,
    state: &'a ServerState,
    id: OrgId,
    act: &str,
) -> Result<&'a dyn Administer, Problem> {
    let administrator = administrator(state)?;
    let organization = administrator.organization(cx, id).await?;
    acting.note(act, &format!("{} ({id})", organization.name)).await?;
    Ok(administrator)
}

fn people(people: &[AdministeredMember]) -> Markup {
    if people.is_empty() {
        return nothing("Nobody.");
    }
    html! {
        div.wide { table {
            thead { tr { th { "Address" } th { "Role" } } }
            tbody {
                @for member in people {
                    tr {
                        td { a href={ "/console/people/" (member.account) } { (member.email) } }
                        td { (member.role) }
                    }
                }
            }
        } }
    }
}

fn invitations(operator: &Operator, organization: OrgId, invitations: &[AdministeredInvitation]) -> Markup {
    if invitations.is_empty() {
        return nothing("None is open.");
    }
    html! {
        div.wide { table {
            thead { tr { th { "Address" } th { "Role" } th { "Until (UTC)" } th { "Mail" } } }
            tbody {
                @for invitation in invitations {
                    @let path = format!("/console/organizations/{organization}/invitations/{}/mail", invitation.id);
                    tr {
                        td { (invitation.email) }
                        td { (invitation.role) }
                        td { (words::moment(invitation.expires_at)) }
                        td { (actions(operator, &html! { form method="post" action=(path) {
                            button aria-label={ "Mail the invitation of " (invitation.email) " again" } { "Mail again" }
                        } })) }
                    }
                }
            }
        } }
    }
}
