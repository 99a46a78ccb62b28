//! What an endpoint usually takes.

/// How many requests must have been seen before one of them can be called slow.
const LEAST: u32 = 50;
/// How many of the last requests the usual duration is that of, about.
const MEMORY: u32 = 1_000;
/// How many times as long as usual is much longer.
const MUCH: f64 = 3.0;
/// The least difference that matters, in milliseconds.
const LEAST_MS: f64 = 1.0;

/// The geometric mean of an endpoint's last durations: outliers hardly move it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct UsualDuration {
    count: u32,
    log: f64,
}

impl UsualDuration {
    /// Adds a duration; true if it is much longer than those before.
    pub(crate) fn add(&mut self, ms: f64) -> bool {
        let usual = self.log.exp();
        let is_slow = self.count >= LEAST && ms > MUCH * usual && ms > usual + LEAST_MS;
        self.count = (self.count + 1).min(MEMORY);
        self.log += (ms.max(0.001).ln() - self.log) / f64::from(self.count);
        is_slow
    }
}
