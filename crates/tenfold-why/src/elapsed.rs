//! Times between two moments of a clock that may be set back.

/// Whether `time_us` have passed from `since_us` to `now_us`, all in microseconds. They have if the clock was set back: what waits for them
/// must not wait until it is there again.
pub fn has_passed(time_us: i64, since_us: i64, now_us: i64) -> bool {
    !(0..time_us).contains(&now_us.saturating_sub(since_us))
}
