//! What changed about when jobs run: schedules that were added or got another text, queues that were paused or resumed.

use tenfold_data::{DataError, SystemContext, Timestamp, sql};

use crate::runner::Jobs;

/// How many changes of each sort are read.
const MOST: i64 = 100;

/// A schedule or a queue that is not as it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobsChange {
    /// What changed, in words.
    pub what: String,
    /// When, by the clock of the process that changed it.
    pub at: Timestamp,
}

/// A row of a schedule: its name, its text before, its text now, and when it changed.
type ChangedSchedule = (String, Option<String>, String, Timestamp);

impl Jobs {
    /// The last change of each schedule and queue after `since`, made by any process. That a schedule is no longer
    /// declared is not among them: processes of the version before may still fire it.
    ///
    /// # Errors
    /// A statement failed.
    pub async fn changes(&self, since: Timestamp) -> Result<Vec<JobsChange>, DataError> {
        let (schedules, queues) = self.0.database.run(None, async |cx| read(&cx, since).await).await?;
        let queue = |(name, is_paused, at): (String, bool, Timestamp)| {
            let verb = if is_paused { "paused" } else { "resumed" };
            JobsChange { what: format!("the queue {name} was {verb}"), at }
        };
        Ok(schedules.into_iter().filter_map(schedule).chain(queues.into_iter().map(queue)).collect())
    }
}

async fn read(
    cx: &SystemContext,
    since: Timestamp,
) -> Result<(Vec<ChangedSchedule>, Vec<(String, bool, Timestamp)>), DataError> {
    let schedules = sql!(
        "tenfold_job_schedules.changed",
        "SELECT name, spec_before, spec, changed_at FROM tenfold_job_schedules
         WHERE changed_at > $1 ORDER BY changed_at LIMIT $2"
    );
    let queues = sql!(
        "tenfold_job_queues.changed",
        "SELECT name, paused, changed_at FROM tenfold_job_queues
         WHERE changed_at > $1 ORDER BY changed_at LIMIT $2"
    );
    let schedules = schedules.bind(since).bind(MOST).bounded().all(cx).await?;
    Ok((schedules, queues.bind(since).bind(MOST).bounded().all(cx).await?))
}

/// The change in words; `None` if it says the same in other words, as a time zone does that a period has no use for.
fn schedule((name, before, now, at): ChangedSchedule) -> Option<JobsChange> {
    let now = in_words(&now);
    let what = match before.as_deref().map(in_words) {
        None => format!("the schedule {name} was added: {now}"),
        Some(before) if before == now => return None,
        Some(before) => format!("the schedule {name} changed from {before} to {now}"),
    };
    Some(JobsChange { what, at })
}

/// A schedule's stored text in words, if it is a simple one. It ends with the time zone of the process, which a text with a zone of its own
/// ignores.
fn in_words(stored: &str) -> String {
    let fields: Vec<&str> = stored.split_whitespace().collect();
    let number = |text: &str| text.parse::<u8>();
    match fields[..] {
        [period, _] => format!("every {period}"),
        ["*", "*", "*", "*", "*", ..] => "every minute".to_owned(),
        [minute, hour, "*", "*", "*", zone, ..] => match (number(minute), number(hour)) {
            (Ok(minute), Ok(hour)) => format!("every day at {hour:02}:{minute:02} {zone}"),
            (Ok(minute), Err(_)) if hour == "*" => format!("every hour at minute {minute} {zone}"),
            _ => format!("{minute} {hour} * * * {zone}"),
        },
        [minute, hour, day, month, weekday, zone, ..] => {
            format!("{minute} {hour} {day} {month} {weekday} {zone}")
        }
        _ => stored.to_owned(),
    }
}
