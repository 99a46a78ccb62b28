//! `/console/changes`: what was done to the application or by it, and when; and the marks of it on the hour's chart.

use std::collections::BTreeSet;

use maud::{Markup, html};
use tenfold::http::{Response, ServerState, State};
use tenfold::prelude::*;
use tenfold::telemetry::MINUTES;
use tenfold::telemetry::diagnosis::{ChangeKind, Diagnosis, LedgerChange, with_loops_as_one};

use super::days::DAYS;
use crate::access::Operator;
use crate::chart::ChartMark;
use crate::layout::{nothing, page};
use crate::words;

/// The most changes that the page shows.
const ROWS: usize = 200;
/// The most that the chart shows.
const MARKS: usize = 8;

pub(crate) async fn changes(_: Operator, State(state): State<ServerState>) -> Response {
    let all = with_loops_as_one(all(&state).await);
    let content = html! {
        p { a href="/console/deploys" { "Deploys" } " shows what each start did." }
        p { "Starts with their version, migrations, settings that have another value than in the process before (with why.history), schedules and queues of jobs that were changed, jobs that ran for five seconds or longer, \
             tables and indexes that were created, altered or dropped beside the process, statements that the database runs in another way, and maintenance of larger tables, the newest first. \
             With why.history, starts, migrations and settings are known for fourteen days. When something gets worse, the likeliest of them is on the first page." }
        @if all.is_empty() { (nothing("Nothing was noted yet.")) } @else { (table(&all)) }
    };
    page("Changes", "/console/deploys", &content)
}

fn table(changes: &[LedgerChange]) -> Markup {
    html! {
        div.wide { table {
            thead { tr { th { "When" } th { "Kind" } th { "What" } } }
            tbody {
                @for change in changes.iter().rev().take(ROWS) {
                    tr {
                        td { (moment(change.at_us)) }
                        td { (kind(change.kind)) }
                        td { (change.text()) }
                    }
                }
            }
        } }
    }
}

pub(super) fn moment(at_us: i64) -> Markup {
    let at = Timestamp::from_microsecond(at_us).unwrap_or_default();
    html! { time datetime=(at) { (words::moment(at)) } }
}

fn kind(kind: ChangeKind) -> &'static str {
    match kind {
        ChangeKind::Deploy => "start",
        ChangeKind::Migration => "migration",
        ChangeKind::Setting => "setting",
        ChangeKind::Schedule => "schedule",
        ChangeKind::Job => "job",
        ChangeKind::Surge => "surge",
        ChangeKind::Schema => "schema",
        ChangeKind::Plan => "plan",
        ChangeKind::Maintenance => "maintenance",
    }
}

/// What this process remembers, and of the last fourteen days what the file has, the oldest first. A start comes before what came with it.
pub(super) async fn all(state: &ServerState) -> Vec<LedgerChange> {
    let telemetry = state.telemetry();
    let mut changes = noted(state).await;
    if let Some(archive) = telemetry.archive() {
        let now = u32::try_from(telemetry.clock().now().as_second().div_euclid(60)).unwrap_or(0);
        changes.extend(archive.changes(now.saturating_sub(DAYS * 1_440)).await);
    }
    sort(&mut changes);
    let mut known = BTreeSet::new();
    changes.retain(|change| known.insert((change.at_us, change.what.clone())));
    changes
}

/// All changes that were noted, in this order; they are read where that holds up no request.
pub(super) async fn noted(state: &ServerState) -> Vec<LedgerChange> {
    let telemetry = state.telemetry().clone();
    let mut changes = tokio::task::spawn_blocking(move || telemetry.changes()).await.unwrap_or_default();
    sort(&mut changes);
    changes
}

/// By time, a start before what came with it.
fn sort(changes: &mut [LedgerChange]) {
    changes.sort_by_key(|change| (change.at_us, change.kind != ChangeKind::Deploy));
}

/// What the chart of the last hour marks: the newest changes, and since when something is wrong.
pub(super) async fn marks(state: &ServerState, answer: Option<&Diagnosis>) -> Vec<ChartMark> {
    let now = state.telemetry().clock().now();
    let ago = |at_us: i64| {
        let minutes = now.as_second().div_euclid(60) - at_us.div_euclid(60_000_000);
        usize::try_from(minutes).ok().filter(|ago| *ago < MINUTES)
    };
    let mark = |at_us, text, is_onset| Some(ChartMark { ago: ago(at_us)?, text, is_onset });
    let onset = answer.and_then(|answer| mark(answer.since_us?, "something got worse".to_owned(), true));
    let changes = with_loops_as_one(noted(state).await);
    // The database's maintenance is always there, and would leave no room for the others.
    let rare = changes.into_iter().rev().filter(|change| change.kind != ChangeKind::Maintenance);
    let newest = rare.filter_map(|change| mark(change.at_us, change.text(), false));
    onset.into_iter().chain(newest.take(MARKS)).collect()
}
