//! Limits on how many jobs of a key start in a time.
//!
//! The generic cell rate algorithm (ATM Forum, 1996), with one row for each key. A job that exceeds the limit gets its
//! turn at once and waits for it, so it asks once, if the turn is near. A turn that is far off is given to nobody: it would
//! belong to the organization whose jobs asked first, before those of others that come later.
//!
//! An organization that has a turn gets others in the first half of what is near. So the second half is left to those that have none,
//! however many jobs of the others ask.

use std::time::Duration;

use tenfold_data::{DataError, SystemContext, SystemTx, Timestamp, sql};

use crate::due;
use crate::later::NotYourTurn;
use crate::rows::QueuedJob;

/// At most so many starts in a time, of all jobs with the same key: `RateLimit::per_minute("mail", 60)`. The key holds in
/// the whole cluster, for all kinds.
#[derive(Clone, Debug)]
pub struct RateLimit {
    key: String,
    /// The time for one job.
    every: Duration,
    burst: u32,
}

impl RateLimit {
    /// So many jobs in a second.
    pub fn per_second(key: impl Into<String>, jobs: u32) -> Self {
        RateLimit::per(key, jobs, Duration::from_secs(1))
    }

    /// So many jobs in a minute.
    pub fn per_minute(key: impl Into<String>, jobs: u32) -> Self {
        RateLimit::per(key, jobs, Duration::from_secs(60))
    }

    /// So many jobs in a period, evenly spread.
    pub fn per(key: impl Into<String>, jobs: u32, period: Duration) -> Self {
        RateLimit { key: key.into(), every: period / jobs.max(1), burst: 1 }
    }

    /// Lets so many jobs start at once after a time without any.
    pub fn burst(mut self, jobs: u32) -> Self {
        self.burst = jobs.max(1);
        self
    }

    /// How far ahead turns are given: two of them at least.
    fn horizon(&self) -> Duration {
        HORIZON.max(self.every.saturating_mul(2))
    }

    /// Up to when an organization gets a turn whose last one was at `last`, or is: half the horizon ahead, and farther by what has
    /// passed since then. So those that have waited longest are first.
    fn reach(&self, last: Option<Timestamp>, now: Timestamp) -> Timestamp {
        let half = self.horizon() / 2;
        let passed = |last: Timestamp| Duration::try_from(now.duration_since(last)).unwrap_or_default();
        now + half + last.map_or(half, |last| passed(last).min(half))
    }

    /// When a job asks again that got no turn, if others of its organization ask until `asked`. They ask one after the other, as often
    /// as the limit lets jobs start. It is within half the horizon if there are few, so that no turn lapses.
    fn ask_again(&self, asked: Option<Timestamp>, now: Timestamp) -> Timestamp {
        let first = now + self.horizon() * 3 / 8;
        asked.map_or(first, |asked| first.max(asked + self.every))
    }

    /// When a job asks again at the latest. A part that differs from job to job keeps thousands from asking at once.
    fn ask_at_last(&self, job: &QueuedJob, now: Timestamp) -> Timestamp {
        let longest = LONGEST_PAUSE.max(self.horizon() / 2);
        now + longest - longest * u32::from(job.id.0.as_bytes()[15]) / 1024
    }
}

/// How far ahead turns are given.
const HORIZON: Duration = Duration::from_secs(60);

/// How long a job does not ask, however many of its organization wait.
const LONGEST_PAUSE: Duration = Duration::from_secs(300);

/// Gives a job its turn. None if that is now.
pub(crate) async fn turn(
    cx: &SystemContext,
    limit: &RateLimit,
    job: &QueuedJob,
) -> Result<Option<NotYourTurn>, DataError> {
    let now = due::now(cx).await?;
    // Jobs of no organization share these.
    let turns = format!("{}|{}", limit.key, job.lane);
    let asks = format!("{turns}|ask");
    cx.transaction(async |tx| {
        let next = lock(tx, &limit.key).await?.map_or(now, |next| next.max(now));
        let (last, asked) = last_of(tx, &turns, &asks).await?;
        let turn = now.max(next - limit.every.saturating_mul(limit.burst - 1));
        if turn <= limit.reach(last, now) {
            set(tx, &limit.key, next + limit.every).await?;
            set(tx, &turns, turn).await?;
            return Ok((turn > now).then_some(NotYourTurn::Wait(turn)));
        }
        let (at, at_last) = (limit.ask_again(asked, now), limit.ask_at_last(job, now));
        if at <= at_last {
            set(tx, &asks, at).await?;
        }
        Ok(Some(NotYourTurn::AskAgain(at.min(at_last))))
    })
    .await
}

/// When the next job of a key may start. Locks the key until the transaction ends.
async fn lock(tx: &SystemTx<'_>, key: &str) -> Result<Option<Timestamp>, DataError> {
    let next: Option<(i64,)> = sql!(
        "tenfold_job_rates.lock",
        "INSERT INTO tenfold_job_rates (key, next_at) VALUES ($1, 0)
         ON CONFLICT (key) DO UPDATE SET next_at = tenfold_job_rates.next_at RETURNING next_at"
    )
    .bind(key.to_owned())
    .first(tx)
    .await?;
    Ok(next.and_then(|(next,)| Timestamp::from_microsecond(next).ok()))
}

/// The last turn that an organization got, and until when its jobs ask for another.
async fn last_of(
    tx: &SystemTx<'_>,
    turns: &str,
    asks: &str,
) -> Result<(Option<Timestamp>, Option<Timestamp>), DataError> {
    let last: Option<(Option<i64>, Option<i64>)> = sql!(
        "tenfold_job_rates.last",
        "SELECT (SELECT next_at FROM tenfold_job_rates WHERE key = $1),
                (SELECT next_at FROM tenfold_job_rates WHERE key = $2)"
    )
    .bind(turns.to_owned())
    .bind(asks.to_owned())
    .bounded()
    .first(tx)
    .await?;
    let (last, asked) = last.unwrap_or_default();
    let time = |micros: i64| Timestamp::from_microsecond(micros).ok();
    Ok((last.and_then(time), asked.and_then(time)))
}

async fn set(tx: &SystemTx<'_>, key: &str, at: Timestamp) -> Result<(), DataError> {
    sql!(
        "tenfold_job_rates.set",
        "INSERT INTO tenfold_job_rates (key, next_at) VALUES ($1, $2)
         ON CONFLICT (key) DO UPDATE SET next_at = excluded.next_at"
    )
    .bind(key.to_owned())
    .bind(at.as_microsecond())
    .execute(tx)
    .await?;
    Ok(())
}
