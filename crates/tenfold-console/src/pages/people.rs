//! `/console/people`: finds people and organizations.

use maud::{Markup, html};
use serde::Deserialize;
use tenfold::axum::extract::Query as PageWords;
use tenfold::http::{Administer, AdministeredOrganization, AdministeredPerson, Response, ServerState, State};
use tenfold::prelude::*;

use crate::access::Operator;
use crate::layout::{nothing, page};
use crate::words;

/// The most rows that each table shows.
const ROWS: usize = 50;

/// What is searched for.
#[derive(Deserialize)]
pub(crate) struct PeopleSearch {
    #[serde(default)]
    q: String,
}

pub(crate) async fn people(
    _: Operator,
    cx: SystemContext,
    State(state): State<ServerState>,
    PageWords(PeopleSearch { q }): PageWords<PeopleSearch>,
) -> Result<Response, Problem> {
    let administrator = administrator(&state)?;
    let q = q.trim();
    let found = match q.is_empty() {
        true => None,
        false => Some((
            administrator.people(&cx, q, ROWS).await?,
            administrator.organizations(&cx, q, ROWS).await?,
        )),
    };
    let content = html! {
        form.find method="get" action="/console/people" role="search" {
            label for="q" { "An address or the name of an organization begins with" }
            input #q name="q" type="search" value=(q) required maxlength="254";
            button.primary { "Find" }
        }
        @if let Some((people, organizations)) = &found {
            h2 { "People" }
            (people_table(people))
            h2 { "Organizations" }
            (organizations_table(organizations))
        }
    };
    Ok(page("People", "/console/people", &content))
}

/// Who administers people.
///
/// # Errors
/// 404 where no module does.
pub(super) fn administrator(state: &ServerState) -> Result<&dyn Administer, Problem> {
    state.administrator().ok_or_else(|| Problem::not_found("module that administers people"))
}

fn people_table(people: &[AdministeredPerson]) -> Markup {
    if people.is_empty() {
        return nothing("Nobody.");
    }
    html! {
        div.wide { table {
            thead { tr { th { "Address" } th { "State" } th { "Since (UTC)" } } }
            tbody {
                @for person in people {
                    tr {
                        td { a href={ "/console/people/" (person.id) } { (person.email) } }
                        td { (state_of(person)) }
                        td { (words::moment(person.created_at)) }
                    }
                }
            }
        } }
        @if people.len() == ROWS { p.quiet { "There may be more than these " (ROWS) "." } }
    }
}

/// Whether the person may sign in, and whose the address is.
pub(super) fn state_of(person: &AdministeredPerson) -> Markup {
    html! {
        @if person.suspended_at.is_some() { span.bad { "suspended" } ", " }
        @if person.is_confirmed { "confirmed" } @else { "not confirmed" }
    }
}

/// Organizations, with links.
pub(super) fn organizations_table(organizations: &[AdministeredOrganization]) -> Markup {
    if organizations.is_empty() {
        return nothing("None.");
    }
    html! {
        div.wide { table {
            thead { tr { th { "Name" } th { "State" } th { "Since (UTC)" } } }
            tbody {
                @for organization in organizations {
                    tr {
                        td { a href={ "/console/organizations/" (organization.id) } { (organization.name) } }
                        td { (state_of_organization(organization)) }
                        td { (words::moment(organization.created_at)) }
                    }
                }
            }
        } }
        @if organizations.len() == ROWS { p.quiet { "There may be more than these " (ROWS) "." } }
    }
}

/// Whether people may work in it.
pub(super) fn state_of_organization(organization: &AdministeredOrganization) -> Markup {
    html! {
        @if organization.suspended_at.is_some() { span.bad { "suspended" } }
        @else if let Some(end) = organization.erase_at { "closed, erased on " (words::moment(end)) }
        @else { "open" }
    }
}
