//! What a run found out, and whether it says anything.

mod curves;
mod html;
mod json;
mod table;

use std::fmt;
use std::time::Duration;

use crate::arrivals::LoadRate;
use crate::latencies::Latencies;
use crate::request::PreparedStep;
use crate::run::LoadPlan;
use crate::tally::{LoadSlice, RequestCounts, Tally};

/// Above this share of requests that could not be sent, a run is invalid: it had another rate than it says.
const MOST_UNSENT: f64 = 0.001;

/// What became of a run.
#[derive(Debug)]
pub struct LoadReport {
    target: String,
    rate: LoadRate,
    seed: u64,
    connections: usize,
    timeout: Duration,
    warm_up: Duration,
    measured: Duration,
    is_interrupted: bool,
    /// Everything.
    pub total: RequestCounts,
    /// By step of the scenario or by operation.
    pub operations: Vec<OperationCounts>,
    slice: Duration,
    slices: Vec<LoadSlice>,
    late: Latencies,
    failures: Vec<FailureCount>,
    left_out: Vec<String>,
}

/// What became of one kind of request.
#[derive(Debug)]
pub struct OperationCounts {
    /// The operation, with its query.
    pub name: String,
    weight: u32,
    /// Of its requests.
    pub counts: RequestCounts,
}

#[derive(Debug)]
struct FailureCount {
    operation: String,
    reason: String,
    count: u64,
}

/// What a run must keep to.
#[derive(Clone, Copy, Debug, Default)]
pub struct LoadLimits {
    /// The longest p99 of all requests.
    pub p99: Option<Duration>,
    /// The largest share of requests that are refused or fail, 0 to 1.
    pub errors: Option<f64>,
}

/// What is wrong with a run.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LoadFault {
    /// It did not have the load that was asked for.
    #[error("the run is invalid: {0}")]
    Invalid(String),
    /// The application did not keep to a limit.
    #[error("a limit did not hold: {0}")]
    Exceeded(String),
}

impl LoadFault {
    /// The exit status: 3 for a run that is invalid, 4 for a limit.
    pub fn exit_status(&self) -> u8 {
        match self {
            LoadFault::Invalid(_) => 3,
            LoadFault::Exceeded(_) => 4,
        }
    }
}

impl LoadReport {
    pub(crate) fn new(
        plan: &LoadPlan,
        tally: Tally,
        steps: &[PreparedStep],
        left_out: Vec<String>,
        stopped_at: Option<Duration>,
    ) -> Self {
        let names: Vec<String> = steps.iter().map(PreparedStep::name).collect();
        let failures = tally.failures.into_iter().map(|((step, reason), count)| FailureCount {
            operation: names[step].clone(),
            reason,
            count,
        });
        let failures = failures.collect();
        let named = names.into_iter().zip(steps).zip(tally.steps);
        LoadReport {
            target: plan.target.to_string(),
            rate: plan.rate,
            seed: plan.seed,
            connections: plan.connections,
            timeout: plan.timeout,
            warm_up: plan.warm_up,
            measured: tally.end.saturating_sub(tally.begin),
            is_interrupted: stopped_at.is_some(),
            total: tally.total,
            operations: named
                .map(|((name, step), counts)| OperationCounts { name, weight: step.weight, counts })
                .collect(),
            slice: tally.slice,
            slices: tally.slices,
            late: tally.late,
            failures,
            left_out,
        }
    }

    /// Whether the run had the load that it says, and the application kept to the limits.
    ///
    /// # Errors
    /// The first that is not so.
    pub fn judge(&self, limits: &LoadLimits) -> Result<(), LoadFault> {
        self.check_validity().map_err(LoadFault::Invalid)?;
        if let Some(limit) = limits.p99 {
            let exceeded = |what: &str| {
                LoadFault::Exceeded(format!("p99 is {what}, above --max-p99 {} ms", Millis(Some(limit))))
            };
            let p99 = self
                .total
                .latencies
                .quantile(0.99)
                .ok_or_else(|| exceeded("unknown, since nothing was answered"))?;
            if p99 > limit {
                return Err(exceeded(&format!("{} ms", Millis(Some(p99)))));
            }
        }
        let errors = share(self.total.refused + self.total.failed, self.total.sent);
        match limits.errors {
            Some(limit) if errors > limit => Err(LoadFault::Exceeded(format!(
                "{:.3} % of the requests were refused or failed, above --max-errors {:.3}",
                errors * 100.0,
                limit * 100.0
            ))),
            _ => Ok(()),
        }
    }

    fn check_validity(&self) -> Result<(), String> {
        let RequestCounts { due, unsent, .. } = self.total;
        if due == 0 {
            return Err("no request was due in the measured time; raise --rate or --duration".to_owned());
        }
        if share(unsent, due) > MOST_UNSENT {
            return Err(format!(
                "{unsent} of {due} requests could not be sent within a second, which is more than 0.1 %: raise --connections \
                 (now {}) or lower --rate",
                self.connections
            ));
        }
        Ok(())
    }

    /// Answers with success, a second.
    fn per_second(&self, counts: &RequestCounts) -> f64 {
        per(counts.within, self.measured)
    }
}

/// The share of a part in a whole; 0 of nothing.
#[expect(clippy::cast_precision_loss, reason = "counts of requests")]
fn share(part: u64, whole: u64) -> f64 {
    part as f64 / whole.max(1) as f64
}

#[expect(clippy::cast_precision_loss, reason = "counts of requests")]
fn per(count: u64, time: Duration) -> f64 {
    if time.is_zero() { 0.0 } else { count as f64 / time.as_secs_f64() }
}

/// The latencies that are shown: what they are called, and the share of requests that they cover.
const SHOWN: [(&str, f64); 4] = [("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("p99.9", 0.999)];

/// A time in milliseconds, as a person reads it.
struct Millis(Option<Duration>);

impl fmt::Display for Millis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.map(millis) {
            None => f.pad("-"),
            Some(time) if time >= 1000.0 => f.pad(&format!("{time:.0}")),
            Some(time) if time >= 10.0 => f.pad(&format!("{time:.1}")),
            Some(time) => f.pad(&format!("{time:.2}")),
        }
    }
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}
