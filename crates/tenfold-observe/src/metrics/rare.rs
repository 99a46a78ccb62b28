//! Counters of rare events, such as program errors: a lock and a map are fast enough.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;
use prometheus_client::metrics::MetricType;

use super::family::{Destination, OTHER, SERIES_LIMIT};

/// A counter with two labels; left out until there is something to count.
#[derive(Clone, Debug)]
pub(super) struct Rare {
    name: &'static str,
    help: &'static str,
    labels: [&'static str; 2],
    counts: Arc<Mutex<LabelCounts>>,
}

/// How often, by the labels' values.
type LabelCounts = BTreeMap<[Box<str>; 2], u64>;

impl Rare {
    /// The help text ends with a full stop, like those of the library.
    pub(super) fn new(name: &'static str, help: &'static str, labels: [&'static str; 2]) -> Self {
        Rare { name, help, labels, counts: Arc::default() }
    }

    pub(super) fn count(&self, values: [&str; 2]) -> Destination {
        let mut series = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let own = values.map(Box::from);
        let is_full = series.len() + 1 >= SERIES_LIMIT && !series.contains_key(&own);
        let (key, place) = if is_full {
            ([OTHER, OTHER].map(Box::from), Destination::Other)
        } else {
            (own, Destination::Own)
        };
        *series.entry(key).or_default() += 1;
        place
    }
}

impl Collector for Rare {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let series = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        if series.is_empty() {
            return Ok(());
        }
        // Written like a gauge, with the type of a counter: see `Total`.
        let mut counter = encoder.encode_descriptor(self.name, self.help, None, MetricType::Counter)?;
        for ([first, second], count) in &*series {
            let labels = [(self.labels[0], &**first), (self.labels[1], &**second)];
            counter.encode_family(&labels)?.encode_gauge(count)?;
        }
        Ok(())
    }
}
