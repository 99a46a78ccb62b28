//! `/console/endpoints/days`: the last fourteen days of an endpoint, by the day and by the hour.

use std::collections::BTreeMap;
use std::ops::Range;
use std::time::Duration;

use axum::extract::Query;
use maud::{Markup, html};
use serde::Deserialize;
use tenfold::axum;
use tenfold::http::{Response, ServerState, State};
use tenfold::prelude::Timestamp;
use tenfold::telemetry::diagnosis::{ChangeKind, LedgerChange, MinuteCell, SavedMinute};
use tenfold::telemetry::{ArchivedDays, Telemetry};

use super::why::history;
use crate::access::Operator;
use crate::layout::{errors, nothing, page};
use crate::words;

/// How many days the file of `why.history` has, and the page shows.
pub(super) const DAYS: u32 = 14;
/// How many minutes are shown without a file.
const REACH: u32 = 120;
/// A day and an hour, in minutes.
const DAY: u32 = 1_440;
const HOUR: u32 = 60;

/// The endpoint that is looked at.
#[derive(Deserialize)]
pub(crate) struct DaysOf {
    name: String,
}

pub(crate) async fn days(
    _: Operator,
    State(state): State<ServerState>,
    Query(of): Query<DaysOf>,
) -> Response {
    let telemetry = state.telemetry();
    let now = u32::try_from(telemetry.clock().now().as_second().div_euclid(60)).unwrap_or(0);
    let is_kept = telemetry.archive().is_some();
    let minutes = now.saturating_sub(if is_kept { DAYS * DAY } else { REACH })..now + 1;
    let found = minutes_of(telemetry, &of.name, minutes).await;
    let content = html! {
        p { code { (of.name) } " " a href={ "/console/traces?name=" (super::endpoints::encoded(&of.name)) } { "Traces" } }
        @if !is_kept {
            p.quiet { "The last two hours of this process: set " code { "why.history" } " to a file to keep fourteen days." }
        }
        (history(telemetry))
        @if found.minutes.is_empty() { (nothing("Nothing in this time.")) } @else { (tables(&found)) }
    };
    page("Endpoint", "/console/endpoints", &content)
}

/// Its minutes, from the file and from memory. What is in both is counted once.
async fn minutes_of(telemetry: &Telemetry, name: &str, minutes: Range<u32>) -> ArchivedDays {
    let memory = {
        let (telemetry, name, minutes) = (telemetry.clone(), name.to_owned(), minutes.clone());
        tokio::task::spawn_blocking(move || {
            let changes = telemetry.changes();
            (telemetry.minutes_for_why(Some(&name), minutes), changes)
        })
    };
    let (recorded, noted) = memory.await.unwrap_or_default();
    let Some(archive) = telemetry.archive() else {
        return ArchivedDays { minutes: recorded, written: 0, changes: noted };
    };
    let mut found = archive.days(name, minutes).await;
    let written = found.written;
    found.minutes.extend(recorded.into_iter().filter(|minute| minute.minute >= written));
    let known: Vec<i64> = found.changes.iter().map(|change| change.at_us).collect();
    found.changes.extend(noted.into_iter().filter(|change| !known.contains(&change.at_us)));
    found
}

/// Minutes added up in groups of `length`, by the first minute of each group.
fn by(minutes: &[SavedMinute], length: u32) -> BTreeMap<u32, MinuteCell> {
    let mut sums: BTreeMap<u32, MinuteCell> = BTreeMap::new();
    for saved in minutes {
        sums.entry(saved.minute / length * length).or_default().merge(&saved.cell);
    }
    sums
}

fn tables(found: &ArchivedDays) -> Markup {
    let hours = by(&found.minutes, HOUR);
    html! {
        div.wide { table { (head("Day")) tbody {
            @for (first, day) in by(&found.minutes, DAY).iter().rev() { (row(*first, DAY, day, &found.changes)) }
        } } }
        details open[hours.len() <= 48] {
            summary { "By the hour" }
            div.wide { table { (head("Hour")) tbody {
                @for (first, hour) in hours.iter().rev() { (row(*first, HOUR, hour, &found.changes)) }
            } } }
        }
    }
}

fn head(title: &str) -> Markup {
    html! {
        thead { tr {
            th { (title) } th.number { "Count" } th.number { "Failed" } th.number { "Mean" } th.number { "p50" }
            th.number { "p99" } th { "Started and migrated" }
        } }
    }
}

fn row(first: u32, length: u32, cell: &MinuteCell, changes: &[LedgerChange]) -> Markup {
    let at = Timestamp::from_second(i64::from(first) * 60).unwrap_or_default();
    let shown = if length == DAY { "%Y-%m-%d" } else { "%Y-%m-%d %H:%M" };
    let count = cell.count();
    let quantile = |share| words::maybe(cell.durations.quantile(share).map(Duration::from_micros));
    #[expect(clippy::cast_precision_loss, reason = "a share that people read")]
    let failed = f64::from(cell.errors) / count.max(1) as f64;
    html! {
        tr id=[(length == HOUR).then(|| format!("hour-{}", first / HOUR))] {
            td { time datetime=(at) { (at.strftime(shown).to_string()) } }
            td.number { (words::count(count)) }
            td.number { (errors(u64::from(cell.errors), failed)) }
            td.number { (words::duration(Duration::from_micros(cell.sum_us / count.max(1)))) }
            td.number { (quantile(0.5)) }
            td.number { (quantile(0.99)) }
            td { @for change in within(changes, first, length) { p { (change) } } }
        }
    }
}

/// What was started and migrated in this time, each once, with how often.
fn within(changes: &[LedgerChange], first: u32, length: u32) -> Vec<String> {
    let time = i64::from(first) * 60_000_000..i64::from(first + length) * 60_000_000;
    let mut times: BTreeMap<&str, u32> = BTreeMap::new();
    let is_shown = |change: &&LedgerChange| matches!(change.kind, ChangeKind::Deploy | ChangeKind::Migration);
    for change in changes.iter().filter(is_shown).filter(|change| time.contains(&change.at_us)) {
        *times.entry(&change.what).or_default() += change.times;
    }
    let text = |(what, times): (&str, u32)| match times {
        1 => what.to_owned(),
        more => format!("{what} ({more} times)"),
    };
    times.into_iter().map(text).collect()
}
