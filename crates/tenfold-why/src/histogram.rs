//! Durations in buckets whose width grows with the duration.
//!
//! Eight buckets a power of two (Gil Tene's HDR Histogram with three significant bits), from one microsecond to about
//! five hours: a quantile is off by 6 % at most. 256 counters are 1 KB, whatever is recorded, and two add up.

use crate::statistics::Moments;

const BITS: u32 = 3;
const BUCKETS: usize = 256;

/// Counted durations in 1 KB.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogHistogram(Box<[u32; BUCKETS]>);

impl Default for LogHistogram {
    fn default() -> Self {
        LogHistogram(Box::new([0; BUCKETS]))
    }
}

impl LogHistogram {
    /// Counts a duration in microseconds.
    pub fn record(&mut self, micros: u64) {
        let count = &mut self.0[bucket(micros)];
        *count = count.saturating_add(1);
    }

    /// Adds the counts of another histogram.
    pub fn merge(&mut self, other: &LogHistogram) {
        for (count, more) in self.0.iter_mut().zip(other.0.iter()) {
            *count = count.saturating_add(*more);
        }
    }

    /// The buckets in which something was counted, with their counts.
    pub fn buckets(&self) -> impl Iterator<Item = (u8, u32)> + '_ {
        let all = self.0.iter().enumerate().filter(|(_, count)| **count > 0);
        all.map(|(bucket, count)| (bucket as u8, *count))
    }

    /// Adds this many durations to a bucket.
    pub fn add(&mut self, bucket: u8, times: u32) {
        let count = &mut self.0[usize::from(bucket)];
        *count = count.saturating_add(times);
    }

    /// The sum of the natural logarithms of the durations in milliseconds, each as the middle of its bucket.
    pub(crate) fn sum_of_logarithms(&self) -> f64 {
        self.buckets().map(|(bucket, count)| f64::from(count) * middle_ms(bucket).ln()).sum()
    }

    /// Mean and variance of the same logarithms.
    pub(crate) fn logarithms(&self) -> Moments {
        let count = self.count() as f64;
        let mean = self.sum_of_logarithms() / count.max(1.0);
        let square = |bucket: u8| (middle_ms(bucket).ln() - mean).powi(2);
        let squares: f64 = self.buckets().map(|(bucket, times)| f64::from(times) * square(bucket)).sum();
        Moments { count, mean, variance: if count > 1.0 { squares / (count - 1.0) } else { 0.0 } }
    }

    /// How many durations were counted.
    pub fn count(&self) -> u64 {
        self.0.iter().map(|count| u64::from(*count)).sum()
    }

    /// The duration in microseconds that this share of all, 0 to 1, does not exceed; `None` if nothing was counted.
    pub fn quantile(&self, share: f64) -> Option<u64> {
        let total = self.count();
        let rank = ((total as f64 * share).ceil() as u64).clamp(1, total.max(1));
        let mut seen = 0;
        let found = self.0.iter().position(|count| {
            seen += u64::from(*count);
            seen >= rank
        });
        found.map(|bucket| (lowest(bucket) + lowest(bucket + 1) - 1).div_ceil(2))
    }
}

fn bucket(micros: u64) -> usize {
    let number = match micros.checked_ilog2() {
        Some(power) if power >= BITS => u64::from(power - BITS + 1) * 8 + ((micros >> (power - BITS)) & 7),
        _ => micros,
    };
    (number as usize).min(BUCKETS - 1)
}

/// The duration in the middle of a bucket, in milliseconds.
fn middle_ms(bucket: u8) -> f64 {
    let bucket = usize::from(bucket);
    ((lowest(bucket) + lowest(bucket + 1)) as f64 / 2_000.0).max(0.001)
}

/// The least number of microseconds in a bucket.
fn lowest(bucket: usize) -> u64 {
    match (bucket as u64).checked_sub(8) {
        Some(above) => (8 + above % 8) << (above / 8),
        None => bucket as u64,
    }
}
