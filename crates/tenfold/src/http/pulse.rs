//! Whether the runtime of the service still does its work, for a thread that is not one of its own.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

/// How often a task of the runtime leaves its mark.
const BEAT: Duration = Duration::from_millis(50);
/// After so long without a mark the service answers nobody: send it no requests.
const NOT_READY_AFTER: Duration = Duration::from_secs(5);
/// After so long it is not busy but stuck: restart it.
const DEAD_AFTER: Duration = Duration::from_secs(60);

/// When a task of the service's runtime last ran.
pub(crate) struct RuntimePulse {
    began: Instant,
    /// Milliseconds after `began`.
    last: AtomicU64,
}

/// The service's runtime has run none of its tasks for so long.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the threads that serve requests have run no task for {} s", .0.as_secs())]
pub(super) struct NoPulse(Duration);

impl RuntimePulse {
    /// Begins to watch the runtime that this is called on, until the last [`Arc`] is dropped.
    pub(crate) fn begin() -> Arc<Self> {
        let pulse = Arc::new(RuntimePulse { began: Instant::now(), last: AtomicU64::new(0) });
        #[expect(clippy::disallowed_methods, reason = "it belongs to the process, not to a request")]
        tokio::spawn(beat(Arc::downgrade(&pulse)));
        pulse
    }

    /// Whether the service answers requests.
    ///
    /// # Errors
    /// It has not for five seconds.
    pub(super) fn is_ready(&self) -> Result<(), NoPulse> {
        self.within(NOT_READY_AFTER, Instant::now())
    }

    /// Whether the process can be left alone.
    ///
    /// # Errors
    /// It has answered no request for a minute.
    pub(super) fn is_alive(&self) -> Result<(), NoPulse> {
        self.within(DEAD_AFTER, Instant::now())
    }

    fn within(&self, limit: Duration, now: Instant) -> Result<(), NoPulse> {
        let last = Duration::from_millis(self.last.load(Ordering::Relaxed));
        let silent = now.duration_since(self.began).saturating_sub(last);
        if silent < limit { Ok(()) } else { Err(NoPulse(silent)) }
    }

    fn mark(&self) {
        let now = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.last.store(now, Ordering::Relaxed);
    }
}

async fn beat(pulse: Weak<RuntimePulse>) {
    while let Some(pulse) = pulse.upgrade() {
        pulse.mark();
        drop(pulse);
        tokio::time::sleep(BEAT).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_is_first_not_ready_and_then_dead() {
        let began = Instant::now();
        let pulse = RuntimePulse { began, last: AtomicU64::new(1000) };
        let after = |seconds| began + Duration::from_secs(seconds);
        assert_eq!(pulse.within(NOT_READY_AFTER, after(5)), Ok(()));
        assert_eq!(pulse.within(NOT_READY_AFTER, after(6)), Err(NoPulse(Duration::from_secs(5))));
        assert_eq!(pulse.within(DEAD_AFTER, after(60)), Ok(()));
        let dead = pulse.within(DEAD_AFTER, after(61)).expect_err("it is dead");
        assert_eq!(dead.to_string(), "the threads that serve requests have run no task for 60 s");
    }
}
