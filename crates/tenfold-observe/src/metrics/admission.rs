//! The metrics of admission, which counts for itself.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;
use prometheus_client::metrics::MetricType;
use tenfold_admission::{AdmissionFigures, RequestClass};

/// What admission has said last; left out before that, and where it is disabled.
#[derive(Clone, Debug, Default)]
pub(super) struct AdmissionMetrics(Arc<Mutex<Option<AdmissionFigures>>>);

impl AdmissionMetrics {
    pub(super) fn set(&self, figures: AdmissionFigures) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(figures);
    }
}

impl Collector for AdmissionMetrics {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let Some(figures) = *self.0.lock().unwrap_or_else(PoisonError::into_inner) else { return Ok(()) };
        let gauges = [
            ("tenfold_admission_in_flight", "Requests that were admitted and run now.", figures.in_flight),
            ("tenfold_admission_limit", "How many requests may run at once now; it adapts.", figures.limit),
            ("tenfold_admission_waiting", "Requests that wait to be admitted.", figures.waiting),
        ];
        for (name, help, value) in gauges {
            encoder.encode_descriptor(name, help, None, MetricType::Gauge)?.encode_gauge(&(value as u64))?;
        }
        let counters = [
            ("tenfold_admission_admitted_total", "Requests that were admitted, by class.", figures.admitted),
            ("tenfold_admission_refused_total", "Requests that were refused, by class.", figures.refused),
        ];
        for (name, help, counts) in counters {
            // Written like gauges, with the type of a counter: see `TotalMetric`.
            let mut counter = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
            for (class, count) in RequestClass::ALL.into_iter().zip(counts) {
                counter.encode_family(&[("class", class.name())])?.encode_gauge(&count)?;
            }
        }
        let help = "By how much a task that is due every 50 ms came late, in seconds: how long others wait for a thread.";
        encoder
            .encode_descriptor("tenfold_scheduler_lag_seconds", help, None, MetricType::Gauge)?
            .encode_gauge(&figures.scheduler_lag.as_secs_f64())
    }
}
