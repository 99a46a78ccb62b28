//! `/console/people/{id}`: one person, and what operators do for the person.

use maud::{Markup, html};
use tenfold::data::Uuid;
use tenfold::http::{AdministeredPerson, PersonAct, Response, ServerState, State};
use tenfold::prelude::*;

use super::job::back_to;
use super::people::{administrator, organizations_table, state_of};
use crate::access::{Acting, Operator};
use crate::layout::{actions, page};
use crate::words;

/// What can be done: its path, the button, what the log says.
const ACTS: [(PersonAct, &str, &str, &str); 5] = [
    (
        PersonAct::MailConfirmation,
        "mail-confirmation",
        "Mail the link that confirms",
        "mails the link that confirms",
    ),
    (PersonAct::MailReset, "mail-reset", "Mail a link for a new password", "mails a link for a new password"),
    (PersonAct::EndSessions, "end-sessions", "End all sessions", "ends all sessions of a person"),
    (PersonAct::Suspend, "suspend", "Suspend", "suspends a person"),
    (PersonAct::Release, "release", "Release", "releases a person"),
];

pub(crate) async fn person(
    operator: Operator,
    cx: SystemContext,
    State(state): State<ServerState>,
    Path(id): Path<Uuid>,
) -> Result<Response, Problem> {
    let person = administrator(&state)?.person(&cx, id).await?;
    let content = html! {
        (facts(&person))
        (actions(&operator, &html! {
            @for (act, path, button, _) in ACTS {
                @if is_offered(act, &person) {
                    form method="post" action={ "/console/people/" (id) "/" (path) } { button { (button) } }
                }
            }
        }))
        h2 { "Organizations" }
        (organizations_table(&person.organizations))
    };
    Ok(page("Person", "/console/people", &content))
}

/// Does something with a person.
pub(crate) async fn act(
    acting: Acting,
    cx: SystemContext,
    State(state): State<ServerState>,
    Path((id, path)): Path<(Uuid, String)>,
) -> Result<Response, Problem> {
    let administrator = administrator(&state)?;
    let found = ACTS.into_iter().find(|(_, known, ..)| *known == path);
    let (act, _, _, says) = found.ok_or_else(|| Problem::not_found("act"))?;
    let person = administrator.person(&cx, id).await?;
    acting.note(says, &format!("{} ({id})", person.email)).await?;
    administrator.act_on_person(&cx, id, act).await?;
    Ok(back_to(&format!("/console/people/{id}")))
}

fn is_offered(act: PersonAct, person: &AdministeredPerson) -> bool {
    match act {
        // A suspended person could do nothing with the link.
        PersonAct::MailConfirmation => !person.is_confirmed && person.suspended_at.is_none(),
        PersonAct::MailReset => person.suspended_at.is_none(),
        PersonAct::EndSessions => person.sessions > 0,
        PersonAct::Suspend => person.suspended_at.is_none(),
        PersonAct::Release => person.suspended_at.is_some(),
    }
}

fn facts(person: &AdministeredPerson) -> Markup {
    html! {
        p { strong { (person.email) } " is " (state_of(person)) "." }
        dl {
            dt { "Id" } dd { code { (person.id) } }
            dt { "Since" } dd { (words::moment(person.created_at)) " UTC" }
            @if let Some(since) = person.suspended_at { dt { "Suspended" } dd.bad { (words::moment(since)) " UTC" } }
            dt { "Open sessions" } dd { (person.sessions) }
        }
    }
}
