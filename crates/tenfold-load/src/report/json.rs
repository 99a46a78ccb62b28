//! A report as JSON.

use std::time::Duration;

use serde_json::{Value, json};

use super::{LoadReport, millis};
use crate::latencies::Latencies;
use crate::tally::RequestCounts;

impl LoadReport {
    /// For programs. Times are in milliseconds; what nothing was measured for is `null`.
    pub fn json(&self) -> Value {
        let operations = self.operations.iter().map(|operation| {
            let mut counts = self.counts(&operation.counts);
            counts["operation"] = operation.name.clone().into();
            counts["weight"] = operation.weight.into();
            counts
        });
        let slices = (0_u32..).zip(&self.slices).map(|(number, slice)| {
            json!({
                "at_seconds": (self.slice * number).as_secs_f64(),
                "due": slice.due,
                "answered": slice.answered,
                "refused": slice.refused,
                "failed": slice.failed,
                "p50_ms": quantile(&slice.latencies, 0.5),
                "p99_ms": quantile(&slice.latencies, 0.99),
            })
        });
        let failures = self.failures.iter().map(|failure| {
            json!({"operation": failure.operation, "reason": failure.reason, "count": failure.count})
        });
        json!({
            "target": self.target,
            "rate": self.rate.to_string(),
            "seed": self.seed,
            "connections": self.connections,
            "timeout_seconds": self.timeout.as_secs_f64(),
            "warm_up_seconds": self.warm_up.as_secs_f64(),
            "seconds": self.measured.as_secs_f64(),
            "valid": self.check_validity().is_ok(),
            "interrupted": self.is_interrupted,
            "total": self.counts(&self.total),
            "operations": operations.collect::<Vec<_>>(),
            "slice_seconds": self.slice.as_secs_f64(),
            "slices": slices.collect::<Vec<_>>(),
            "late_ms": {
                "p50": quantile(&self.late, 0.5),
                "p99": quantile(&self.late, 0.99),
                "max": rounded(self.late.longest()),
            },
            "failures": failures.collect::<Vec<_>>(),
            "left_out": self.left_out,
        })
    }

    fn counts(&self, counts: &RequestCounts) -> Value {
        let latencies = &counts.latencies;
        json!({
            "due": counts.due,
            "sent": counts.sent,
            "answered": counts.answered,
            "refused": counts.refused,
            "failed": counts.failed,
            "unsent": counts.unsent,
            "per_second": (self.per_second(counts) * 10.0).round() / 10.0,
            "p50_ms": quantile(latencies, 0.5),
            "p90_ms": quantile(latencies, 0.9),
            "p99_ms": quantile(latencies, 0.99),
            "p999_ms": quantile(latencies, 0.999),
            "max_ms": Some(rounded(latencies.longest())).filter(|_| latencies.count() > 0),
        })
    }
}

fn quantile(latencies: &Latencies, share: f64) -> Option<f64> {
    latencies.quantile(share).map(rounded)
}

/// To a microsecond.
fn rounded(time: Duration) -> f64 {
    (millis(time) * 1e3).round() / 1e3
}
