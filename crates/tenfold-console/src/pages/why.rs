//! What is wrong: `/console/why.json`, and the top of the console's first page.

use std::time::Duration;

use axum::extract::Query;
use axum::extract::rejection::QueryRejection;
use maud::{Markup, html};
use serde::Deserialize;
use tenfold::axum;
use tenfold::data::{TraceId, Uuid};
use tenfold::http::{AdministeredNames, Response, ServerState, State, header};
use tenfold::prelude::*;
use tenfold::telemetry::diagnosis::{
    Diagnosis, DiagnosisState, Difference, OverloadFinding, PartFinding, PartKey, Party,
};
use tenfold::telemetry::{Telemetry, What, Work};

use crate::access::Operator;
use crate::plans::plans;
use crate::unrecorded::unseen;
use crate::words;

/// How many rows each answer shows.
const ROWS: usize = 5;
/// How long the page waits for names before it shows ids.
const NAMES_WITHIN: Duration = Duration::from_secs(1);

/// The period of a question.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct WhyPeriod {
    since: Option<Timestamp>,
    until: Option<Timestamp>,
}

pub(crate) async fn why_json(
    _: Operator,
    State(state): State<ServerState>,
    period: Result<Query<WhyPeriod>, QueryRejection>,
) -> Result<Response, Problem> {
    let (since, until) = times(&state, period)?;
    let Some(answer) = state.plans().why(since, until).await else {
        return Err(Problem::bad_request("nothing is recorded: set why.record = true"));
    };
    Ok(unseen(axum::Json(tenfold::why::json(&answer))))
}

/// What the process has recorded, for `app why` with several processes.
pub(crate) async fn records_json(
    _: Operator,
    State(state): State<ServerState>,
    period: Result<Query<WhyPeriod>, QueryRejection>,
) -> Result<Response, Problem> {
    let (since, until) = times(&state, period)?;
    let telemetry = state.telemetry().clone();
    let written = tokio::task::spawn_blocking(move || tenfold::why::records(&telemetry, since, until)).await;
    let text = written.map_err(Problem::internal)?.map_err(Problem::internal)?;
    Ok(unseen(([(header::CONTENT_TYPE, "application/json")], text)))
}

fn times(
    state: &ServerState,
    period: Result<Query<WhyPeriod>, QueryRejection>,
) -> Result<(Option<Timestamp>, Timestamp), Problem> {
    let Ok(Query(WhyPeriod { since, until })) = period else {
        return Err(Problem::bad_request("`since` and `until` are times such as 2026-01-31T03:00:00Z"));
    };
    Ok((since, until.unwrap_or_else(|| state.telemetry().clock().now())))
}

/// The verdict, and under it the five answers, each with a link to a trace.
pub(super) fn answers(
    telemetry: &Telemetry,
    answer: Option<&Diagnosis>,
    names: &AdministeredNames,
) -> Markup {
    let Some(answer) = answer else {
        return html! { p.verdict { "What is wrong is not known: nothing is recorded, since " code { "why.record" } " is false." } };
    };
    if answer.state == DiagnosisState::NoIncident {
        return html! { p.verdict { (answer.verdict) } (history(telemetry)) };
    }
    html! {
        (history(telemetry))
        p.verdict role="status" {
            strong.bad { (answer.verdict) } " "
            span.quiet { "Confidence " (words::percent(answer.confidence)) ". " a href="/console/why.json" { "As JSON" } }
        }
        div.wide { table.answers { tbody {
            tr { th scope="row" { "Which endpoint" } td { (endpoints(answer)) } td { (link(answer.traces.first().copied())) } }
            @if let Some(overload) = &answer.overload {
                tr { th scope="row" { "What is refused" } td { (refusals(overload, names)) } td {} }
            }
            tr { th scope="row" { "Which statement" } td { (parts(answer)) } td { (link(of_part(telemetry, answer))) } }
            tr { th scope="row" { "Who is affected" } td { (people(answer, names)) } td { (link(of_people(telemetry, answer))) } }
            @if !answer.differences.is_empty() {
                tr { th scope="row" { "What differs" } td { (differences(answer, names)) } td {} }
            }
            tr { th scope="row" { "Since when" } td { (since(answer)) } td { (link(answer.traces.last().copied())) } }
            tr { th scope="row" { "What changed" } td { (changes(answer)) } td { a href="/console/deploys" { "Deploys" } " " a href="/console/changes" { "Changes" } } }
        } } }
    }
}

/// Says if a restart would forget, although it should not, and what of the time before this process is not known.
pub(super) fn history(telemetry: &Telemetry) -> Markup {
    html! {
        @for told in [telemetry.history_error(), telemetry.history_gap()].into_iter().flatten() { p.bad { (told) } }
    }
}

fn endpoints(answer: &Diagnosis) -> Markup {
    html! {
        @for endpoint in answer.endpoints.iter().take(ROWS) {
            p { code { (endpoint.name) } ": " @if endpoint.queue.is_some() { "waited " }
                (milliseconds(endpoint.before_ms)) " before, "
                strong { (milliseconds(endpoint.now_ms)) } " now"
                @match &endpoint.queue {
                    Some(queue) => { " in the queue " code { (queue) } },
                    None => {
                        ", " (words::counted(endpoint.errors, "failed", "failed"))
                        " (" (words::percent(endpoint.failed_now)) ")"
                        @if endpoint.unfinished > 0 { ", " (endpoint.unfinished) " without an answer yet" }
                        @if endpoint.refused > 0 {
                            ", " strong { (words::counted(endpoint.refused, "refused", "refused")) }
                            " (" (words::percent(endpoint.refused_now)) ")"
                        }
                    },
                } }
        }
    }
}

/// What comes and what is answered while requests are refused, and who sends most of it.
fn refusals(overload: &OverloadFinding, names: &AdministeredNames) -> Markup {
    let two = |(before, now): (f64, f64)| html! { (format!("{before:.1}")) " a second before, " strong { (format!("{now:.1}")) } " now" };
    html! {
        p { "Requests come: " (two(overload.came)) "; answered: " (two(overload.answered)) "." }
        @if overload.for_bytes { p { "They are refused for the bytes that are held for clients: " code { "http.buffer_limit" } "." } }
        @if let Some(sender) = &overload.sender {
            p { @match sender.organization {
                    Some(id) => (organization(Uuid::from_u128(id), names)),
                    None => "Clients without a session",
                }
                ": " strong { (words::percent(sender.share)) } " of all requests, " (two(sender.sent)) }
        }
    }
}

fn parts(answer: &Diagnosis) -> Markup {
    html! {
        @for part in answer.parts.iter().take(ROWS) { p { (part_line(part)) } (plans(&part.plan)) }
        @if answer.parts.is_empty() { p.quiet { "No statement explains it." } }
    }
}

fn part_line(part: &PartFinding) -> Markup {
    let change = &part.change;
    html! {
        @match &change.part {
            PartKey::Statement(place) => { code { (place.name) } " " span.place { code { (place.file) ":" (place.line) } } }
            other => { (other.label()) @if let Some(holder) = part.change.part.holder().filter(|_| other.queue().is_some()) {
                ", whose workers are busy with " (holder)
            } },
        }
        ": " strong { (words::percent(part.share)) } " of the difference; "
        (format!("{:.1} → {:.1}", change.times.0, change.times.1)) " times a request, "
        (milliseconds(change.each_ms.0)) " → " (milliseconds(change.each_ms.1)) " each"
    }
}

fn people(answer: &Diagnosis, names: &AdministeredNames) -> Markup {
    let parties = |titles: [&'static str; 2], parties: &[Party], name: &dyn Fn(Uuid) -> Markup| {
        html! {
            p { strong { (words::counted(parties.len() as u64, titles[0], titles[1])) }
                @for party in parties.iter().take(ROWS) {
                    br; (name(Uuid::from_u128(party.id))) " " (party.bad) " of " (party.requests) " requests"
                }
                @if parties.len() > ROWS { br; span.quiet { "and more" } } }
        }
    };
    html! {
        (parties(["organization", "organizations"], &answer.organizations, &|id| organization(id, names)))
        (parties(["user", "users"], &answer.users, &|id| user(id, names)))
    }
}

/// An organization by its name, or its id while that is not known.
fn organization(id: Uuid, names: &AdministeredNames) -> Markup {
    html! {
        a href=(format!("/console/organizations/{id}")) {
            @match names.organizations.get(&OrgId(id)) { Some(name) => (name), None => span.id { (id) } }
        }
    }
}

/// A user by the address, or by the id while that is not known.
fn user(id: Uuid, names: &AdministeredNames) -> Markup {
    html! {
        @match names.users.get(&id) {
            Some((account, email)) => a href=(format!("/console/people/{account}")) { (email) },
            None => span.id { (id) },
        }
    }
}

/// The names of those that an answer names. The page is useful without them, too, if the database does not say them in time.
pub(super) async fn names(
    state: &ServerState,
    cx: &SystemContext,
    answer: Option<&Diagnosis>,
) -> AdministeredNames {
    let (Some(administrator), Some(answer)) = (state.administrator(), answer) else {
        return AdministeredNames::default();
    };
    let ids = |parties: &[Party]| parties.iter().take(ROWS).map(|party| Uuid::from_u128(party.id)).collect();
    let (mut organizations, users): (Vec<Uuid>, Vec<Uuid>) = (ids(&answer.organizations), ids(&answer.users));
    let sender = answer.overload.as_ref().and_then(|overload| overload.sender?.organization);
    organizations.extend(sender.map(Uuid::from_u128));
    if organizations.is_empty() {
        return AdministeredNames::default();
    }
    let organizations: Vec<OrgId> = organizations.into_iter().map(OrgId).collect();
    let asked = administrator.names(cx, &organizations, &users);
    tokio::time::timeout(NAMES_WITHIN, asked).await.ok().and_then(Result::ok).unwrap_or_default()
}

/// What bad requests have in common.
fn differences(answer: &Diagnosis, names: &AdministeredNames) -> Markup {
    let value = |difference: &Difference| {
        let id = Uuid::parse_str(&difference.value).ok();
        match (difference.attribute, id) {
            ("organization", Some(id)) => organization(id, names),
            ("user", Some(id)) => user(id, names),
            _ => html! { code { (difference.value) } },
        }
    };
    html! {
        @for difference in answer.differences.iter().take(ROWS) {
            p { (difference.attribute) " " (value(difference)) ": " (words::percent(difference.support)) " of the bad requests, "
                (factor(difference.risk_ratio)) " times as likely to be bad as others" }
        }
    }
}

fn since(answer: &Diagnosis) -> Markup {
    let since = answer.since_us.and_then(|at| Timestamp::from_microsecond(at).ok());
    html! { @if let Some(since) = since { time datetime=(since) { (words::moment(since)) } } }
}

fn changes(answer: &Diagnosis) -> Markup {
    html! {
        @for found in answer.changes.iter().take(ROWS) {
            p { (found.change.what) ", " (format!("{:.0} s", found.lead_s)) " before, explains "
                (words::percent(found.share)) ", score " (words::percent(found.score)) }
        }
        @if answer.changes.is_empty() { p.quiet { "No change is recorded shortly before." } }
    }
}

/// A factor with two digits or more.
fn factor(ratio: f64) -> String {
    if ratio < 10.0 { format!("{ratio:.1}") } else { format!("{ratio:.0}") }
}

fn milliseconds(ms: f64) -> String {
    words::duration(Duration::from_secs_f64(ms.max(0.0) / 1_000.0))
}

fn link(trace: Option<u128>) -> Markup {
    html! {
        @match trace {
            Some(trace) => a href=(format!("/console/traces/{trace:032x}")) { "Trace" },
            None => span.quiet { "no trace is kept" },
        }
    }
}

/// A kept trace of the first endpoint with the part that explains most.
fn of_part(telemetry: &Telemetry, answer: &Diagnosis) -> Option<u128> {
    let part = &answer.parts.first()?.change.part;
    let (place, service) = (part.statement(), part.service());
    let is_it = |what: &What| match what {
        What::Statement(key, _) => place.is_some_and(|place| key.name == place.name),
        What::Outbound(call) => service.is_some_and(|service| call.to_string() == service),
        _ => false,
    };
    of_work(telemetry, answer, |work| work.spans.iter().any(|span| is_it(&span.what)))
}

/// A kept trace of an organization that is affected.
fn of_people(telemetry: &Telemetry, answer: &Diagnosis) -> Option<u128> {
    let first = answer.organizations.first()?.id;
    of_work(telemetry, answer, |work| work.organization.is_some_and(|id| id.0.as_u128() == first))
}

fn of_work(telemetry: &Telemetry, answer: &Diagnosis, passes: impl Fn(&Work) -> bool) -> Option<u128> {
    let endpoint = answer.endpoints.first()?;
    let found = telemetry.slowest(1, |work| {
        work.beginning.name == endpoint.name
            && work.beginning.at.as_microsecond() >= endpoint.since_us
            && passes(work)
    });
    Some(trace_of(found.first()?.beginning.trace_id))
}

fn trace_of(id: TraceId) -> u128 {
    u128::from_be_bytes(id.to_bytes())
}
