//! What several processes have recorded, put together and answered where it was asked for.

use std::ops::Range;

use anyhow::Context as _;
use serde::{Deserialize, Serialize};
use tenfold_data::Timestamp;
use tenfold_observe::telemetry::Telemetry;
use tenfold_observe::telemetry::diagnosis::{Diagnosis, Journal, SavedPage, WideEvent, diagnose};

use super::page::PageText;
use super::unfinished::UnfinishedText;

/// How many seconds a page has.
const PAGE_S: usize = 10;
/// How far back records reach, in seconds.
const REACH_S: u32 = 7_200;

/// A page, by its first second.
type RecordPage = (u32, PageText);

/// What a process says.
#[derive(Serialize, Deserialize)]
struct RecordsText {
    pages: Vec<RecordPage>,
    /// The requests that had no answer when it was asked.
    unfinished: Vec<UnfinishedText>,
}

/// What this process has recorded since then, or in two hours, as JSON that `app why` reads. It computes for up to a second, so call
/// it where that blocks nobody.
///
/// # Errors
/// The records cannot be written, which is a program error.
pub fn records(telemetry: &Telemetry, since: Option<Timestamp>, until: Timestamp) -> anyhow::Result<String> {
    let mut pages: Vec<RecordPage> = Vec::new();
    for first in seconds(since, until).step_by(PAGE_S) {
        let end = first + u32::try_from(PAGE_S)?;
        if let Some(saved) = telemetry.save_for_why(first, end) {
            pages.push((first, saved.into()));
        }
    }
    let question = telemetry.question(since, until);
    let unfinished = question.unfinished.iter().cloned().map(UnfinishedText::from);
    Ok(serde_json::to_string(&RecordsText { pages, unfinished: unfinished.collect() })?)
}

/// From which second to before which one.
fn seconds(since: Option<Timestamp>, until: Timestamp) -> Range<u32> {
    let second = |at: Timestamp| u32::try_from(at.as_second()).unwrap_or(0);
    let end = second(until).saturating_add(1);
    since.map_or(0, second).max(end.saturating_sub(REACH_S))..end
}

/// What is wrong until then, by the records of several processes.
///
/// # Errors
/// A process has written its records in another way, because it is of another version.
pub(crate) fn merged(records: &[String], until: Timestamp) -> anyhow::Result<Diagnosis> {
    let (mut pages, mut unfinished): (Vec<(u32, SavedPage)>, Vec<WideEvent>) = (Vec::new(), Vec::new());
    for text in records {
        let of_process: RecordsText = serde_json::from_str(text).context(OTHER_VERSION)?;
        for (first, text) in of_process.pages {
            pages.push((first, text.page().context(OTHER_VERSION)?));
        }
        for text in of_process.unfinished {
            unfinished.push(text.event().context(OTHER_VERSION)?);
        }
    }
    pages.sort_by_key(|(first, _)| *first);
    let journal = Journal::of(pages.into_iter().map(|(_, page)| page));
    Ok(diagnose(&journal.with_unfinished(&unfinished), None, until.as_microsecond()))
}

const OTHER_VERSION: &str = "its records are those of another version of Tenfold";
