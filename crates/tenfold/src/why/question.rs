//! A question, to the memory and to the file.

use std::time::Duration;

use tenfold_data::Timestamp;
use tenfold_observe::telemetry::diagnosis::{
    DAY_S, Diagnosis, DiagnosisState, Journal, diagnose_long, diagnose_within, seconds_of,
};
use tenfold_observe::telemetry::{Telemetry, WhyArchive, WhyQuestion};

/// How far back the memory reaches.
const REACH: Duration = Duration::from_secs(7_200);
/// Seconds are kept for so long in the file.
const DAY: Duration = Duration::from_secs(DAY_S as u64);
/// A question about the last two hours may come a little late.
const SLACK: Duration = Duration::from_secs(60);
/// How often the minutes of a day are read for questions about now, in seconds: what they may show began more than two hours ago.
const LONG_EVERY_S: u32 = 300;

/// What is wrong from `since`, or in the two hours before `until`, until then, as the question says. `None` if nothing is recorded.
///
/// What is older than two hours is read from `why.history`: its seconds for a day, and its minutes for fourteen. With it an incident
/// of more than two hours is found, too. It computes where that holds up no request.
pub(crate) async fn ask(telemetry: &Telemetry, question: &WhyQuestion) -> Option<Diagnosis> {
    let asked = recent(telemetry, question).await?;
    let WhyQuestion { since, until, .. } = *question;
    let Some(archive) = telemetry.archive() else { return Some(asked) };
    let now = telemetry.clock().now();
    let until = until.min(now);
    let first = since.unwrap_or(before(until, REACH)).max(before(until, DAY));
    let is_old = first < before(now, REACH + SLACK);
    let mut answer = if is_old { telemetry.completed(of_file(&*archive, first, until).await) } else { asked };
    if answer.state != DiagnosisState::NoIncident || (since.is_some() && !is_old) {
        return Some(answer);
    }
    match long(&*archive, until).await {
        Ok(Some(long)) if since.is_none_or(|since| long.since_us >= Some(since.as_microsecond())) => {
            return Some(telemetry.completed(long));
        }
        Ok(_) => {}
        Err(NotRead) => {
            answer.verdict +=
                " What began earlier is not known: the history could not be read, and the log says why."
        }
    }
    Some(answer)
}

/// The same by the memory alone, which is two hours: for the task that takes plans.
pub(super) async fn recent(telemetry: &Telemetry, question: &WhyQuestion) -> Option<Diagnosis> {
    let (telemetry, question) = (telemetry.clone(), question.clone());
    computed(move || telemetry.answer(&question)).await.flatten()
}

/// The answer about a time that only the file has.
async fn of_file(archive: &dyn WhyArchive, since: Timestamp, until: Timestamp) -> Diagnosis {
    let (since_us, until_us) = (since.as_microsecond(), until.as_microsecond());
    let pages = archive.pages(second(since)..second(until).saturating_add(1)).await;
    if pages.is_empty() {
        return of_minutes(archive, until).await;
    }
    let answer = move || {
        let journal = Journal::of(pages);
        let mut answer = diagnose_within(&journal, Some(since_us), until_us, DAY_S);
        if let (DiagnosisState::NoIncident, Some(dropped)) = (answer.state, journal.dropped()) {
            let from = Timestamp::from_second(i64::from(dropped) + 1).unwrap_or(until);
            answer.verdict = format!(
                "No incident that began after {from}: of some endpoints or statements the seconds before do not fit into memory. Ask with \
                 a later --since, or with an earlier --until."
            );
            answer.confidence = 0.0;
        }
        answer
    };
    computed(answer).await.unwrap_or_default()
}

/// The answer about a time of which only minutes are kept.
async fn of_minutes(archive: &dyn WhyArchive, until: Timestamp) -> Diagnosis {
    let Some(mut answer) = archive.coarse(second(until), 0).await else {
        let verdict = "The history of that time could not be read; the log says why.".to_owned();
        return Diagnosis { verdict, ..Diagnosis::default() };
    };
    if answer.state != DiagnosisState::NoIncident {
        answer.verdict += " Only minutes are kept of that time: no statement and nobody affected is known.";
    }
    answer
}

/// The file cannot be read.
struct NotRead;

/// An incident that began more than two hours before, and still lasts then.
async fn long(archive: &dyn WhyArchive, until: Timestamp) -> Result<Option<Diagnosis>, NotRead> {
    let until_us = until.as_microsecond();
    let coarse = archive.coarse(second(until), LONG_EVERY_S).await.ok_or(NotRead)?;
    let Some(ranges) = seconds_of(&coarse, until_us) else { return Ok(None) };
    let mut pages = Vec::new();
    for seconds in ranges {
        pages.extend(archive.pages(seconds).await);
    }
    Ok(computed(move || diagnose_long(&coarse, pages, until_us)).await.flatten())
}

async fn computed<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    tokio::task::spawn_blocking(work).await.ok()
}

/// So long before; the first of all times if there is no such.
fn before(at: Timestamp, by: Duration) -> Timestamp {
    at.checked_sub(by).unwrap_or(Timestamp::MIN)
}

fn second(at: Timestamp) -> u32 {
    u32::try_from(at.as_second().max(0)).unwrap_or(u32::MAX)
}
