//! Latencies in buckets whose width grows with the latency, as in HDR Histogram (Gil Tene,
//! <http://hdrhistogram.org>): exact to a microsecond below 256 µs, and never more than 0.8 % too high above.

use std::time::Duration;

/// How many buckets a power of two has, as a power of two.
const BITS: u32 = 7;
const BUCKETS: u64 = 1 << BITS;

/// Counted latencies.
#[derive(Clone, Debug, Default)]
pub struct Latencies {
    /// By bucket, up to the highest that was used.
    counts: Vec<u64>,
    count: u64,
    longest: Duration,
}

impl Latencies {
    /// Counts a latency.
    pub fn record(&mut self, latency: Duration) {
        let bucket = bucket(latency);
        if self.counts.len() <= bucket {
            self.counts.resize(bucket + 1, 0);
        }
        self.counts[bucket] += 1;
        self.count += 1;
        self.longest = self.longest.max(latency);
    }

    /// How many were counted.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The longest, exactly; zero when nothing was counted.
    pub fn longest(&self) -> Duration {
        self.longest
    }

    /// The latency that this share of all, 0 to 1, does not exceed; `None` when nothing was counted.
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a rank among counts; the share lies between 0 and 1"
    )]
    pub fn quantile(&self, share: f64) -> Option<Duration> {
        let rank = ((self.count as f64 * share).ceil() as u64).max(1);
        let mut seen = 0;
        let bucket = self.counts.iter().position(|count| {
            seen += count;
            seen >= rank
        })?;
        Some(highest(bucket).min(self.longest))
    }
}

fn bucket(latency: Duration) -> usize {
    let micros = u64::try_from(latency.as_micros()).unwrap_or(u64::MAX);
    let shift = micros.max(BUCKETS).ilog2() - BITS;
    usize::try_from(u64::from(shift) * BUCKETS + (micros >> shift)).unwrap_or(usize::MAX)
}

/// The highest latency of a bucket.
fn highest(bucket: usize) -> Duration {
    let bucket = bucket as u64;
    let shift = (bucket / BUCKETS).saturating_sub(1);
    let next = bucket - shift * BUCKETS + 1;
    Duration::from_micros((next << shift) - 1)
}
