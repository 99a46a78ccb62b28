//! Durations in buckets whose width grows with the duration: small, mergeable, and never more than 6 % off.
//!
//! Eight buckets per power of two, like HDR Histogram (Gil Tene, <http://hdrhistogram.org>) with three significant
//! bits, from one microsecond to about five hours. Only used buckets take space, since a route or a statement uses
//! few.

use std::time::Duration;

/// How many buckets a power of two has, as a power of two.
const BITS: u32 = 3;
const LAST: u64 = 255;

/// Counted durations.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Histogram {
    /// Bucket and count, by bucket.
    counts: Vec<(u8, u32)>,
    /// The longest duration, exactly.
    longest: Duration,
}

impl Histogram {
    /// Counts a duration.
    pub fn record(&mut self, duration: Duration) {
        self.add(bucket(duration), 1);
        self.longest = self.longest.max(duration);
    }

    /// Adds the counts of another histogram.
    pub fn merge(&mut self, other: &Histogram) {
        for (bucket, count) in &other.counts {
            self.add(*bucket, *count);
        }
        self.longest = self.longest.max(other.longest);
    }

    /// How many durations were counted.
    pub fn count(&self) -> u64 {
        self.counts.iter().map(|(_, count)| u64::from(*count)).sum()
    }

    /// The duration that this share of all durations, 0 to 1, does not exceed; `None` when nothing was counted.
    pub fn quantile(&self, share: f64) -> Option<Duration> {
        let total = self.count();
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a rank among counts; the share lies between 0 and 1"
        )]
        let rank = ((total as f64 * share).ceil() as u64).clamp(1, total.max(1));
        let mut seen = 0;
        for (bucket, count) in &self.counts {
            let before = seen;
            seen += u64::from(*count);
            if seen >= rank {
                return Some(within(*bucket, rank - before, u64::from(*count)).min(self.longest));
            }
        }
        None
    }

    /// The counts by powers of two, the shortest first: the power of the microseconds from which on, and how many. Powers without any
    /// are left out.
    pub fn powers(&self) -> Vec<(u32, u64)> {
        let mut powers: Vec<(u32, u64)> = Vec::new();
        for (bucket, count) in &self.counts {
            let power = lowest(u64::from(*bucket)).max(1).ilog2();
            match powers.last_mut().filter(|(known, _)| *known == power) {
                Some((_, counted)) => *counted += u64::from(*count),
                None => powers.push((power, u64::from(*count))),
            }
        }
        powers
    }

    fn add(&mut self, bucket: u8, count: u32) {
        match self.counts.binary_search_by_key(&bucket, |(bucket, _)| *bucket) {
            Ok(place) => self.counts[place].1 = self.counts[place].1.saturating_add(count),
            Err(place) => self.counts.insert(place, (bucket, count)),
        }
    }
}

/// The bucket of a duration.
pub(super) fn bucket(duration: Duration) -> u8 {
    let micros = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
    let number = match micros.checked_ilog2() {
        Some(power) if power >= BITS => u64::from(power - BITS + 1) * 8 + ((micros >> (power - BITS)) & 7),
        _ => micros,
    };
    u8::try_from(number.min(LAST)).unwrap_or(u8::MAX)
}

/// The least number of microseconds in a bucket.
fn lowest(bucket: u64) -> u64 {
    match bucket.checked_sub(8) {
        Some(above) => (8 + above % 8) << (above / 8),
        None => bucket,
    }
}

/// The position of the `rank`-th of `count` durations of a bucket, assuming that they are spread evenly.
fn within(bucket: u8, rank: u64, count: u64) -> Duration {
    let bucket = u64::from(bucket);
    let (low, high) = (lowest(bucket) * 1000, lowest(bucket + 1) * 1000);
    Duration::from_nanos(low + (high - low) * (2 * rank - 1) / (2 * count))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_follow_each_other_without_a_gap() {
        for number in 0..LAST {
            let edge = lowest(number + 1);
            assert_eq!(u64::from(bucket(Duration::from_micros(edge))), number + 1);
            assert_eq!(u64::from(bucket(Duration::from_micros(edge - 1))), number);
        }
        assert_eq!(bucket(Duration::MAX), 255);
    }

    #[test]
    fn powers_of_two_hold_what_is_at_least_as_long() {
        let mut histogram = Histogram::default();
        for micros in [0, 1, 1_023, 1_024, 1_500, 2_048] {
            histogram.record(Duration::from_micros(micros));
        }
        assert_eq!(histogram.powers(), [(0, 2), (9, 1), (10, 2), (11, 1)]);
    }
}
