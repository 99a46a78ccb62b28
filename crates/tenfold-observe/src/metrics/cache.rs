//! The metrics of the cache of rows, which counts for itself.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;
use prometheus_client::metrics::MetricType;
use tenfold_data::CacheFigures;

/// What the cache has said last; left out before that.
#[derive(Clone, Debug, Default)]
pub(super) struct CacheMetrics(Arc<Mutex<Option<CacheFigures>>>);

impl CacheMetrics {
    pub(super) fn set(&self, figures: CacheFigures) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(figures);
    }
}

impl Collector for CacheMetrics {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let Some(figures) = *self.0.lock().unwrap_or_else(PoisonError::into_inner) else { return Ok(()) };
        encode_reads(&figures, &mut encoder)?;
        let counters = [
            (
                "tenfold_cache_expired_total",
                "Rows that were loaded again because of their age.",
                figures.expired,
            ),
            ("tenfold_cache_load_statements_total", "Statements that loaded rows.", figures.load_statements),
        ];
        for (name, help, value) in counters {
            encoder.encode_descriptor(name, help, None, MetricType::Counter)?.encode_gauge(&value)?;
        }
        let help = "How long these statements took, all together, in seconds.";
        encoder
            .encode_descriptor("tenfold_cache_load_seconds_total", help, None, MetricType::Counter)?
            .encode_gauge(&figures.load_time.as_secs_f64())?;
        let gauges = [
            ("tenfold_cache_loads_under_way", "Loads under way.", figures.loading),
            ("tenfold_cache_rows", "Rows in the cache.", figures.rows),
            ("tenfold_cache_bytes", "What they take, in bytes, about.", figures.bytes),
            (
                "tenfold_cache_max_bytes",
                "What they may take, in bytes; 0 without a cache.",
                figures.max_bytes,
            ),
        ];
        for (name, help, value) in gauges {
            encoder.encode_descriptor(name, help, None, MetricType::Gauge)?.encode_gauge(&value)?;
        }
        if let Some(coherence) = figures.coherence() {
            let help = "Which part of the samples was the same, from 0 to 1.";
            encoder
                .encode_descriptor("tenfold_cache_coherence", help, None, MetricType::Gauge)?
                .encode_gauge(&coherence)?;
        }
        let Some(age) = figures.certificate_age else { return Ok(()) };
        let help = "For how long the process has not known what others have changed, in seconds.";
        encoder
            .encode_descriptor("tenfold_cache_certificate_age_seconds", help, None, MetricType::Gauge)?
            .encode_gauge(&age.as_secs_f64())
    }
}

/// A counter's name, help and label, and its counts by the label's values.
type CountsByLabel<'a> = (&'static str, &'static str, &'static str, &'a [(&'static str, u64)]);

/// What is counted by how it went.
fn encode_reads(figures: &CacheFigures, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
    let reads: &[_] = &[
        ("hit", figures.hits),
        ("load", figures.loads),
        ("shared", figures.shared),
        ("fenced", figures.fenced),
        ("uncertified", figures.uncertified),
    ];
    let families: [CountsByLabel<'_>; 3] = [
        (
            "tenfold_cache_reads_total",
            "Rows of cached entities that were asked for by key, by where they came from.",
            "result",
            reads,
        ),
        (
            "tenfold_cache_refused_fills_total",
            "Loads whose rows were not kept, because they may have changed meanwhile, or are too large.",
            "reason",
            &[("changed", figures.refused), ("large", figures.large)],
        ),
        (
            "tenfold_cache_samples_total",
            "Rows from memory that were read again from the database, by whether they were the same.",
            "result",
            &[("same", figures.samples - figures.stale), ("stale", figures.stale)],
        ),
    ];
    for (name, help, label, counts) in families {
        // Written like gauges, with the type of a counter: see `TotalMetric`.
        let mut counter = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
        for (value, count) in counts {
            counter.encode_family(&[(label, *value)])?.encode_gauge(count)?;
        }
    }
    Ok(())
}
