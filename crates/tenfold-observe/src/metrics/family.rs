//! Histograms of one name with different labels, up to a limit.

use std::collections::HashMap;
use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::sync::{OnceLock, PoisonError, RwLock, RwLockReadGuard};

use prometheus_client::encoding::{EncodeMetric, MetricEncoder};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::histogram::Histogram;

/// The maximum number of series of a family, including `other`.
pub const SERIES_LIMIT: usize = 1_000;

/// The value of every label of the overflow series. Once a family has [`SERIES_LIMIT`] series,
/// further label sets are counted together here.
pub const OTHER: &str = "other";

/// Upper bounds in seconds: OpenTelemetry's recommendation for durations, plus four smaller ones for
/// statements of an in-process database and calls between modules.
pub(super) const BOUNDS: [f64; 18] = [
    0.0001, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5,
    10.0,
];

/// Histograms with the same `N` labels.
pub(super) struct Family<const N: usize> {
    labels: [&'static str; N],
    table: RwLock<MetricTable<N>>,
    /// The overflow series; created when it is first needed.
    other: OnceLock<Histogram>,
    hasher: RandomState,
}

/// Where an observation was recorded.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Destination {
    /// To the series of its labels.
    Own,
    /// To the overflow series.
    Other,
}

/// Series by the hash of their values, so that borrowed values find them; the values resolve hash collisions.
#[derive(Default)]
struct MetricTable<const N: usize> {
    series: HashMap<u64, Vec<MetricSeries<N>>>,
    count: usize,
}

struct MetricSeries<const N: usize> {
    values: [Box<str>; N],
    histogram: Histogram,
}

impl<const N: usize> Family<N> {
    /// A family without series, its labels named.
    pub(super) fn new(labels: [&'static str; N]) -> Self {
        Self { labels, table: RwLock::default(), other: OnceLock::new(), hasher: RandomState::new() }
    }

    /// Records into the series of these values, or into `other` if that series would exceed the limit.
    pub(super) fn observe(&self, values: [&str; N], seconds: f64) -> Destination {
        if !seconds.is_finite() {
            return Destination::Own;
        }
        let seconds = seconds.max(0.0);
        let hash = self.hasher.hash_one(values);
        let table = self.read();
        if let Some(histogram) = table.find(hash, values) {
            histogram.observe(seconds);
            return Destination::Own;
        }
        // Read under the same lock as the lookup: a full table never gains a missing series.
        let may_add = !table.is_full() && values != [OTHER; N];
        drop(table);
        match may_add.then(|| self.add(hash, values)).flatten() {
            Some(histogram) => {
                histogram.observe(seconds);
                Destination::Own
            }
            None => {
                self.other.get_or_init(|| Histogram::new(BOUNDS)).observe(seconds);
                Destination::Other
            }
        }
    }

    fn add(&self, hash: u64, values: [&str; N]) -> Option<Histogram> {
        self.table.write().unwrap_or_else(PoisonError::into_inner).find_or_add(hash, values)
    }

    fn read(&self) -> RwLockReadGuard<'_, MetricTable<N>> {
        self.table.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Names and values of a series; a label with an empty value is left out.
    fn label_set<'a>(&self, values: [&'a str; N]) -> Vec<(&'static str, &'a str)> {
        self.labels.into_iter().zip(values).filter(|(_, value)| !value.is_empty()).collect()
    }
}

impl<const N: usize> MetricTable<N> {
    /// One place is reserved for `other`.
    fn is_full(&self) -> bool {
        self.count + 1 >= SERIES_LIMIT
    }

    fn find(&self, hash: u64, values: [&str; N]) -> Option<&Histogram> {
        let same_hash = self.series.get(&hash)?;
        same_hash.iter().find(|series| series.values() == values).map(|series| &series.histogram)
    }

    /// Another thread may have added this series, or the last one allowed, before this thread got the lock.
    fn find_or_add(&mut self, hash: u64, values: [&str; N]) -> Option<Histogram> {
        if let Some(histogram) = self.find(hash, values) {
            return Some(histogram.clone());
        }
        if self.is_full() {
            return None;
        }
        let histogram = Histogram::new(BOUNDS);
        let series = MetricSeries { values: values.map(Box::from), histogram: histogram.clone() };
        self.series.entry(hash).or_default().push(series);
        self.count += 1;
        Some(histogram)
    }
}

impl<const N: usize> MetricSeries<N> {
    fn values(&self) -> [&str; N] {
        self.values.each_ref().map(|value| &**value)
    }
}

impl<const N: usize> EncodeMetric for Family<N> {
    /// Ordered by value, so that two scrapes can be compared line by line.
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> fmt::Result {
        let table = self.read();
        let mut all: Vec<&MetricSeries<N>> = table.series.values().flatten().collect();
        all.sort_unstable_by_key(|series| series.values());
        for series in all {
            let labels = self.label_set(series.values());
            series.histogram.encode(encoder.encode_family(&labels)?)?;
        }
        if let Some(other) = self.other.get() {
            let labels = self.label_set([OTHER; N]);
            other.encode(encoder.encode_family(&labels)?)?;
        }
        Ok(())
    }

    fn metric_type(&self) -> MetricType {
        MetricType::Histogram
    }

    fn is_empty(&self) -> bool {
        self.read().count == 0 && self.other.get().is_none()
    }
}

impl<const N: usize> fmt::Debug for Family<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Family").field("labels", &self.labels).finish_non_exhaustive()
    }
}
