//! The counter of N+1s, which are rare: a lock and a map are quick enough.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;
use prometheus_client::metrics::MetricType;

use super::family::Place;
use super::{OTHER, SERIES_LIMIT};

/// `tenfold_n_plus_one_total`, by statement and module; left out until there is one.
#[derive(Clone, Debug, Default)]
pub(super) struct Repeated(Arc<Mutex<Counts>>);

/// How often, by module and statement.
type Counts = BTreeMap<(Box<str>, Box<str>), u64>;

impl Repeated {
    /// Counts one piece of work in which the statement repeated.
    pub(super) fn count(&self, module: &str, statement: &str) -> Place {
        let mut series = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let own = (Box::from(statement), Box::from(module));
        let is_full = series.len() + 1 >= SERIES_LIMIT && !series.contains_key(&own);
        let (key, place) =
            if is_full { ((Box::from(OTHER), Box::from(OTHER)), Place::Other) } else { (own, Place::Own) };
        *series.entry(key).or_default() += 1;
        place
    }
}

impl Collector for Repeated {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let series = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if series.is_empty() {
            return Ok(());
        }
        let help = "Requests and jobs in which a statement ran again and again, where one for all would do, by statement \
                    and module.";
        // Written as a gauge is, with the type of a counter: see `Total`.
        let mut counter =
            encoder.encode_descriptor("tenfold_n_plus_one_total", help, None, MetricType::Counter)?;
        for ((statement, module), count) in &*series {
            let labels = [("statement", &**statement), ("module", &**module)];
            counter.encode_family(&labels)?.encode_gauge(count)?;
        }
        Ok(())
    }
}
