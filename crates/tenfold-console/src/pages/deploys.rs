//! `/console/deploys`: what each start, migration and setting did to endpoints and jobs.

use std::time::Duration;

use axum::extract::Query;
use maud::{Markup, html};
use serde::Deserialize;
use tenfold::axum;
use tenfold::http::{Response, ServerState, State};
use tenfold::telemetry::Telemetry;
use tenfold::telemetry::diagnosis::{ChangeKind, LedgerChange, Trend};

use super::changes::{all, moment};
use super::endpoints::encoded;
use super::why::history;
use crate::access::Operator;
use crate::deploys::{DeployFigures, DeployRow, DeployTime, NotedDeploy, figures};
use crate::layout::{errors, nothing, number_if_it_is_one, page};
use crate::words;

/// How many deploys the page shows: their minutes are read from a file.
const ROWS: usize = 5;
/// How many other changes are shown with a deploy.
const OTHERS: usize = 5;

/// Which deploys are looked at.
#[derive(Deserialize)]
pub(crate) struct DeploysAfter {
    /// How many newer ones are left out.
    #[serde(default, deserialize_with = "number_if_it_is_one")]
    skip: Option<usize>,
}

pub(crate) async fn deploys(
    _: Operator,
    State(state): State<ServerState>,
    Query(after): Query<DeploysAfter>,
) -> Response {
    let telemetry = state.telemetry();
    let now = u32::try_from(telemetry.clock().now().as_second()).unwrap_or(0);
    let changes = all(&state).await;
    let all = NotedDeploy::of(changes.clone(), now);
    let (count, skip) = (all.len(), after.skip.unwrap_or(0));
    let shown: Vec<NotedDeploy> = all.into_iter().skip(skip).take(ROWS).collect();
    let figures = figures(telemetry, &shown, now).await;
    let content = html! {
        p { "What each start did, with the migrations and settings that came with it, the newest first. For each: requests and jobs in the ten minutes before "
            "and after it, up to the deploys next to it. A deploy is not the only thing that changes: see "
            a href="/console/changes" { "all changes" } "." }
        (kept(telemetry))
        @if shown.is_empty() { (nothing(if count == 0 { "Nothing was noted: why.record turns it on." } else { "There are no older ones." })) }
        @if figures.is_file_unread {
            p.bad { "The file of why.history cannot be read; the log says why. What follows is what this process remembers of two hours." }
        }
        @for (deploy, figures) in shown.iter().zip(&figures.of_deploys) { (section(deploy, figures, &changes, now, telemetry)) }
        (older(skip, count))
    };
    page("Deploys", "/console/deploys", &content)
}

/// How far back the page knows.
fn kept(telemetry: &Telemetry) -> Markup {
    html! {
        @if telemetry.archive().is_none() && telemetry.history_error().is_none() {
            p.quiet { "This process keeps no history, so it knows its own start and nothing before it. Set " code { "why.history" }
                " to a file, such as data/why.db: then starts and minutes of fourteen days are known." }
        }
        (history(telemetry))
    }
}

fn older(skip: usize, count: usize) -> Markup {
    html! {
        @if skip > 0 || count > ROWS {
            p {
                @if skip > 0 { a href={ "/console/deploys?skip=" (skip.saturating_sub(ROWS)) } { "Newer deploys" } " " }
                @if skip.saturating_add(ROWS) < count { a href={ "/console/deploys?skip=" (skip + ROWS) } { "Older deploys" } }
            }
        }
    }
}

fn section(
    deploy: &NotedDeploy,
    figures: &DeployFigures,
    changes: &[LedgerChange],
    now: u32,
    telemetry: &Telemetry,
) -> Markup {
    let texts = texts(&deploy.changes);
    html! {
        section.deploy {
            h2 {
                @if let Some(first) = deploy.changes.first() { (moment(first.at_us)) " " }
                @if let Some(text) = texts.first() { (text) }
            }
            @if texts.len() > 1 { ul { @for text in &texts[1..] { li { (text) } } } }
            (verdict(deploy, figures, now, telemetry))
            (tables(figures, deploy.before.end))
            (others(deploy, changes))
        }
    }
}

/// The texts of changes, each once, with how often; in the order in which they were noted.
fn texts(changes: &[LedgerChange]) -> Vec<String> {
    let mut all: Vec<LedgerChange> = Vec::new();
    for change in changes {
        match all.iter_mut().find(|known| known.what == change.what) {
            Some(known) => known.times = known.times.saturating_add(change.times),
            None => all.push(change.clone()),
        }
    }
    all.iter().map(LedgerChange::text).collect()
}

/// What it did, in a sentence or two; or why that is not known.
fn verdict(deploy: &NotedDeploy, figures: &DeployFigures, now: u32, telemetry: &Telemetry) -> Markup {
    let (no_before, no_after) = figures.is_unknown();
    let (before_s, after_s) = figures.lengths;
    if after_s == 0 {
        return html! { p.verdict { "Not known" @if deploy.after.end >= now { " yet" } ": "
        @if figures.by_minutes { "there is no whole minute between it and the next deploy, or now." } @else { "it has just begun." } } };
    }
    if no_after {
        return html! { p.verdict { "Not known: no request and no job ended in the " (length(after_s)) " after it." } };
    }
    if before_s == 0 {
        return html! { p.verdict { "Not known: no time lies between it and the deploy before." } };
    }
    if no_before {
        return html! { p.verdict { "Not known: nothing is recorded of the " (length(before_s)) " before it"
        @if telemetry.archive().is_none() { ", as this process keeps no history" } "." } };
    }
    let of = |trend: Trend| figures.rows.iter().filter(move |row| row.trend() == Some(trend)).count();
    let (worse, better, alike) = (of(Trend::Worse), of(Trend::Better), of(Trend::Alike));
    html! {
        p.verdict {
            @if let Some(worst) = figures.rows.first().filter(|_| worse > 0) {
                strong.bad { (worse) " got worse" } ", the worst is " code { (worst.name) } ": " (changed(worst)) ". "
            } @else { "Nothing got worse. " }
            @if better > 0 { (better) " got better. " }
            @if alike > 0 { (words::counted(alike as u64, "shows", "show")) " no clear difference." }
        }
        p.quiet { "The " (length(before_s)) " before are compared with the " (length(after_s)) " after"
            @if figures.by_minutes { ", in whole minutes" } "." }
    }
}

fn length(seconds: u32) -> String {
    match (u64::from(seconds / 60), u64::from(seconds % 60)) {
        (0, seconds) => words::counted(seconds, "second", "seconds"),
        (minutes, 0) => words::counted(minutes, "minute", "minutes"),
        (minutes, seconds) => format!("{minutes} min {seconds} s"),
    }
}

/// What changed in a table, and the rest behind a click.
fn tables(figures: &DeployFigures, at: u32) -> Markup {
    let (no_before, no_after) = figures.is_unknown();
    if no_before || no_after {
        return html! {};
    }
    let is_change = |row: &&DeployRow| matches!(row.trend(), Some(Trend::Worse | Trend::Better));
    let (changed, rest): (Vec<&DeployRow>, Vec<&DeployRow>) = figures.rows.iter().partition(is_change);
    html! {
        @if !changed.is_empty() { (table(&changed, figures.lengths, at)) }
        @if !rest.is_empty() {
            details {
                summary { (words::counted(rest.len() as u64, "other endpoint or kind of job", "other endpoints and kinds of jobs")) }
                (table(&rest, figures.lengths, at))
            }
        }
    }
}

fn table(rows: &[&DeployRow], (before_s, after_s): (u32, u32), at: u32) -> Markup {
    html! {
        div.wide { table {
            thead { tr {
                th { "Name" } th { "What changed" } th.number { "Rate" } th.number { "Mean" } th.number { "p99" } th.number { "Failed" }
            } }
            tbody {
                @for (index, row) in rows.iter().enumerate() {
                    @let is_worse = row.trend() == Some(Trend::Worse);
                    tr {
                        td { a href={ "/console/endpoints/days?name=" (encoded(&row.name)) "#hour-" (at / 3_600) } { code { (row.name) } } }
                        td.bad[is_worse] { @if is_worse && index == 0 { "Worst: " } (changed(row)) }
                        td.number { (pair(row, |time, seconds| html! { (words::rate_in(time.figures.count(), seconds)) }, (before_s, after_s))) }
                        td.number { (pair(row, |time, _| html! { (words::duration(mean(time))) }, (0, 0))) }
                        td.number { (pair(row, |time, _| html! { (words::maybe(time.p99_us.map(Duration::from_micros))) }, (0, 0))) }
                        td.number { (pair(row, |time, _| errors(time.figures.errors(), time.figures.error_share()), (0, 0))) }
                    }
                }
            }
        } }
    }
}

/// A figure before and after.
fn pair(
    row: &DeployRow,
    figure: impl Fn(&DeployTime, u32) -> Markup,
    (before_s, after_s): (u32, u32),
) -> Markup {
    let of = |time: Option<&DeployTime>, seconds| match time {
        Some(time) => figure(time, seconds),
        None => html! { "–" },
    };
    html! { span.was { (of(row.before.as_ref(), before_s)) } " → " (of(row.after.as_ref(), after_s)) }
}

fn mean(time: &DeployTime) -> Duration {
    Duration::from_secs_f64(time.figures.mean_ms().max(0.0) / 1_000.0)
}

/// What changed, in words.
fn changed(row: &DeployRow) -> String {
    let (before, after) = match (&row.before, &row.after) {
        (Some(before), Some(after)) => (before, after),
        (Some(_), None) => return "none since".to_owned(),
        (None, _) => return "none before".to_owned(),
    };
    let Some(comparison) = row.comparison else { return "too few to compare".to_owned() };
    let durations = match comparison.durations {
        Trend::Alike => None,
        _ => Some(longer(before.figures.mean_ms(), after.figures.mean_ms())),
    };
    let failures = match comparison.failures {
        Trend::Worse => Some("fails more often".to_owned()),
        Trend::Better => Some("fails less often".to_owned()),
        Trend::Alike => None,
    };
    match (durations, failures) {
        (Some(durations), Some(failures)) => format!("{durations}, and {failures}"),
        (durations, failures) => durations.or(failures).unwrap_or_else(|| "no clear difference".to_owned()),
    }
}

fn longer(before_ms: f64, after_ms: f64) -> String {
    let times = after_ms / before_ms.max(0.001);
    match times {
        times if times >= 2.0 => format!("takes {times:.1} times as long"),
        times if times >= 1.0 => format!("takes {:.0} % longer", 100.0 * (times - 1.0)),
        times => format!("takes {:.0} % less time", 100.0 * (1.0 - times)),
    }
}

/// What else changed in the two times, and may be the cause as well.
fn others(deploy: &NotedDeploy, changes: &[LedgerChange]) -> Markup {
    use ChangeKind::{Job, Plan, Schedule, Schema, Surge};
    let time = i64::from(deploy.before.start) * 1_000_000..i64::from(deploy.after.end) * 1_000_000;
    let is_other = |change: &&LedgerChange| {
        matches!(change.kind, Job | Plan | Schedule | Schema | Surge) && !deploy.changes.contains(change)
    };
    let found = changes.iter().filter(is_other).filter(|change| time.contains(&change.at_us));
    let found: Vec<&LedgerChange> = found.take(OTHERS).collect();
    html! {
        @if !found.is_empty() {
            p { "Also in this time:" }
            ul { @for change in found { li { (moment(change.at_us)) " " (change.what) } } }
        }
    }
}
