//! A question, to the memory and to the file.

use std::time::Duration;

use tenfold_data::Timestamp;
use tenfold_observe::telemetry::diagnosis::{
    DAY_S, Diagnosis, DiagnosisState, Journal, JournalLimits, SavedPage, diagnose_long, diagnose_minutes,
    diagnose_within, seconds_of,
};
use tenfold_observe::telemetry::{Telemetry, WhyArchive};

/// How far back the memory reaches.
const REACH: Duration = Duration::from_secs(7_200);
/// Seconds are kept for so long in the file.
const DAY: Duration = Duration::from_secs(DAY_S as u64);
/// A question about the last two hours may come a little late.
const SLACK: Duration = Duration::from_secs(60);

/// What is wrong from `since`, or in the two hours before `until`, until then. `None` if nothing is recorded.
///
/// What is older than two hours is read from `why.history`: its seconds for a day, and its minutes for fourteen. With it an incident
/// of more than two hours is found, too. It computes where that holds up no request.
pub async fn ask(telemetry: &Telemetry, since: Option<Timestamp>, until: Timestamp) -> Option<Diagnosis> {
    let memory = telemetry.clone();
    let asked = tokio::task::spawn_blocking(move || memory.why(since, until)).await.ok().flatten()?;
    let Some(archive) = telemetry.archive() else { return Some(asked) };
    let now = telemetry.clock().now();
    let until = until.min(now);
    let first = since.unwrap_or(until - REACH).max(until - DAY);
    let answer = match first < now - REACH - SLACK {
        true => telemetry.with_kept_traces(of_file(&*archive, first, until).await),
        false => asked,
    };
    if answer.state != DiagnosisState::NoIncident || since.is_some() {
        return Some(answer);
    }
    let long = long(&*archive, until).await.map(|long| telemetry.with_kept_traces(long));
    Some(long.unwrap_or(answer))
}

/// The answer about a time that only the file has.
async fn of_file(archive: &dyn WhyArchive, since: Timestamp, until: Timestamp) -> Diagnosis {
    let (since_us, until_us) = (since.as_microsecond(), until.as_microsecond());
    let pages = archive.pages(second(since)..second(until) + 1).await;
    if pages.is_empty() {
        return of_minutes(archive, until).await;
    }
    let answer = computed(move || diagnose_within(&journal(pages), Some(since_us), until_us, DAY_S)).await;
    answer.unwrap_or_default()
}

/// The answer about a time of which only minutes are kept.
async fn of_minutes(archive: &dyn WhyArchive, until: Timestamp) -> Diagnosis {
    let (first, end) = (second(until - DAY) / 60, second(until) / 60);
    let days = archive.days(None, first..end).await;
    let until_us = until.as_microsecond();
    let mut answer = computed(move || diagnose_minutes(days.minutes, until_us)).await.unwrap_or_default();
    if answer.state != DiagnosisState::NoIncident {
        answer.verdict += " Only minutes are kept of that time: no statement and nobody affected is known.";
    }
    answer
}

/// An incident that began more than two hours before, and still lasts then.
async fn long(archive: &dyn WhyArchive, until: Timestamp) -> Option<Diagnosis> {
    let (first, end) = (second(until - DAY) / 60, second(until) / 60);
    let days = archive.days(None, first..end).await;
    let until_us = until.as_microsecond();
    let coarse = computed(move || diagnose_minutes(days.minutes, until_us)).await?;
    let mut pages = Vec::new();
    for seconds in seconds_of(&coarse, until_us)? {
        pages.extend(archive.pages(seconds).await);
    }
    computed(move || diagnose_long(&coarse, pages, until_us)).await?
}

fn journal(pages: Vec<SavedPage>) -> Journal {
    let mut journal = Journal::new(JournalLimits::default());
    pages.into_iter().for_each(|page| journal.restore(page));
    journal
}

async fn computed<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    tokio::task::spawn_blocking(work).await.ok()
}

fn second(at: Timestamp) -> u32 {
    u32::try_from(at.as_second()).unwrap_or(0)
}
