//! What the file has of the future, by the clock of now.
//!
//! Either the clock was ahead when it was written, or it is behind now: many machines boot with a clock of the past. So such rows are set
//! aside: they are not read, and do not count against the bounds of the others. They are removed once the clock has run for an hour
//! without being set. Neither is anything too old before that.

use std::time::Duration;

use tenfold_data::{Clock, DataError, SystemTx, Timestamp, sql};

use super::{days, noted};

/// What is recorded of a later time than now and this is of the future.
const AHEAD: Duration = Duration::from_secs(60);
/// How long the clock must have run until it is believed that something is of the future.
const STEADY: Duration = Duration::from_secs(3_600);

/// The last second that is not of the future, since 1970.
pub(super) fn latest(clock: &Clock) -> i64 {
    let now = clock.now();
    now.checked_add(AHEAD).unwrap_or(Timestamp::MAX).as_second()
}

/// The first minute since 1970 after this second.
pub(super) fn end_minute(second: i64) -> u32 {
    u32::try_from(second / 60 + 1).unwrap_or(u32::MAX)
}

/// The first microsecond since 1970 after this second.
pub(super) fn end_us(second: i64) -> i64 {
    second.saturating_add(1).saturating_mul(1_000_000)
}

/// How long the clock has run without being set, by a time that nothing sets.
pub(super) struct ClockRun {
    clock: Clock,
    since: Duration,
    /// How far the clock was ahead of that time then, in microseconds.
    ahead_us: i64,
}

impl ClockRun {
    pub(super) fn new(clock: Clock) -> Self {
        let since = clock.since_boot();
        let ahead_us = ahead_us(&clock, since);
        ClockRun { clock, since, ahead_us }
    }

    /// Begins anew if the clock was set.
    pub(super) fn look(&mut self) {
        let now = self.clock.since_boot();
        let ahead_us = ahead_us(&self.clock, now);
        if u128::from(ahead_us.abs_diff(self.ahead_us)) > AHEAD.as_micros() {
            (self.since, self.ahead_us) = (now, ahead_us);
        }
    }

    /// Whether it has run for long enough.
    pub(super) fn is_steady(&self) -> bool {
        self.clock.since_boot().saturating_sub(self.since) >= STEADY
    }
}

fn ahead_us(clock: &Clock, steady: Duration) -> i64 {
    clock.now().as_microsecond().saturating_sub(i64::try_from(steady.as_micros()).unwrap_or(i64::MAX))
}

/// Removes what is of the time after this second, since 1970.
pub(super) async fn forget_future(tx: &mut SystemTx<'_>, latest: i64) -> Result<(), DataError> {
    sql!("tenfold_why_pages.forget_future", "DELETE FROM tenfold_why_pages WHERE ends_at > $1")
        .bind(latest)
        .execute(tx)
        .await?;
    days::forget_future(tx, latest).await?;
    noted::forget_future(tx, latest).await
}
