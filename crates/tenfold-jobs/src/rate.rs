//! Limits on how many jobs of a key start in a time.
//!
//! The generic cell rate algorithm (ATM Forum, 1996), with one row for each key. A job that exceeds the limit gets its
//! turn at once and waits for it, so it asks once, if the turn is near. A turn that is far off is given to nobody: it would
//! belong to the organization whose jobs asked first, before those of others that come later.

use std::time::Duration;

use tenfold_data::{DataError, SystemContext, Timestamp, sql};

use crate::due;

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
}

/// How far ahead turns are given.
pub(crate) const HORIZON: Duration = Duration::from_secs(60);

/// When a job may start.
pub(crate) enum RateTurn {
    /// At once.
    Now,
    /// At this time, which is its own.
    At(Timestamp),
    /// Too far ahead to say.
    Later,
}

/// Gives a job its turn.
pub(crate) async fn turn(cx: &SystemContext, limit: &RateLimit) -> Result<RateTurn, DataError> {
    let (every, burst) = (limit.every, limit.burst);
    let now = due::now(cx).await?;
    let taken: Option<(i64,)> = cx
        .transaction(async |tx| {
            sql!(
                "tenfold_job_rates.take",
                "INSERT INTO tenfold_job_rates (key, next_at) VALUES ($1, CAST($2 AS bigint) + CAST($3 AS bigint))
                 ON CONFLICT (key) DO UPDATE SET next_at = CAST($3 AS bigint) +
                     CASE WHEN tenfold_job_rates.next_at > $2 THEN tenfold_job_rates.next_at ELSE $2 END
                 WHERE tenfold_job_rates.next_at <= $4
                 RETURNING next_at"
            )
            .bind(limit.key.clone())
            .bind(now.as_microsecond())
            .bind(i64::try_from(every.as_micros()).unwrap_or(i64::MAX / 4))
            .bind((now + HORIZON + every * (burst - 1)).as_microsecond())
            .first(tx)
            .await
        })
        .await?;
    let Some((next,)) = taken else { return Ok(RateTurn::Later) };
    let turn = Timestamp::from_microsecond(next).unwrap_or(now) - every * burst;
    Ok(if turn > now { RateTurn::At(turn) } else { RateTurn::Now })
}
