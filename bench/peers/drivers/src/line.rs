//! What was measured, as one JSON object a line for the program that started this one.

use std::time::Duration;

use serde_json::Value;

/// One line.
pub struct Line(Vec<(&'static str, Value)>);

impl Line {
    /// Begins the line of a case.
    pub fn new(case: &str) -> Self {
        Line(vec![("case", case.into())])
    }

    /// Adds a field.
    #[must_use]
    pub fn with(mut self, field: &'static str, value: impl Into<Value>) -> Self {
        self.0.push((field, value.into()));
        self
    }

    /// Adds `n`, `median_us` and `p99_us`.
    #[must_use]
    pub fn times(self, times: &[Duration]) -> Self {
        let line = self.with("n", times.len()).with("median_us", micros(times, 0.5));
        line.with("p99_us", micros(times, 0.99))
    }

    /// Prints it.
    pub fn print(self) {
        let fields: Vec<String> = self.0.iter().map(|(name, value)| format!("\"{name}\": {value}")).collect();
        println!("{{{}}}", fields.join(", "));
    }
}

/// The time below which this part of them lies.
pub fn quantile(times: &[Duration], part: f64) -> Duration {
    let mut sorted = times.to_vec();
    sorted.sort_unstable();
    let rank = (sorted.len() as f64 * part).ceil() as usize;
    sorted.get(rank.saturating_sub(1)).copied().unwrap_or_default()
}

/// A quantile in microseconds, with one digit.
pub fn micros(times: &[Duration], part: f64) -> f64 {
    (quantile(times, part).as_nanos() as f64 / 100.0).round() / 10.0
}
