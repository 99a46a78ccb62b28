//! A report as a table for a terminal.

use std::fmt::Write as _;

use super::{LoadReport, Millis, SHOWN};
use crate::tally::RequestCounts;

impl LoadReport {
    /// For a terminal.
    pub fn table(&self) -> String {
        let names = self.operations.iter().map(|operation| operation.name.len());
        let width = names.max().unwrap_or_default().max("operation".len());
        let mut text = format!("{:width$}", "operation");
        for column in ["sent", "answered", "refused", "failed", "rate/s"] {
            text += &format!("  {column:>9}");
        }
        for (column, _) in SHOWN {
            text += &format!("  {:>8}", format!("{column} ms"));
        }
        text += &format!("  {:>8}\n", "max ms");
        for operation in &self.operations {
            self.row(&mut text, &format!("{:width$}", operation.name), &operation.counts);
        }
        self.row(&mut text, &format!("{:width$}", "all"), &self.total);
        for line in self.remarks() {
            text += &line;
            text.push('\n');
        }
        text
    }

    fn row(&self, text: &mut String, name: &str, counts: &RequestCounts) {
        let RequestCounts { sent, answered, refused, failed, .. } = counts;
        let rate = self.per_second(counts);
        *text += &format!("{name}  {sent:>9}  {answered:>9}  {refused:>9}  {failed:>9}  {rate:>9.1}");
        for (_, share) in SHOWN {
            *text += &format!("  {:>8}", Millis(counts.latencies.quantile(share)));
        }
        let longest = Some(counts.latencies.longest()).filter(|_| counts.latencies.count() > 0);
        *text += &format!("  {:>8}\n", Millis(longest));
    }

    /// What stands beside the table.
    pub(super) fn remarks(&self) -> Vec<String> {
        let mut first = format!(
            "{} requests a second to {} for {:.1} s after {:.1} s of warm-up, seed {}",
            self.rate,
            self.target,
            self.measured.as_secs_f64(),
            self.warm_up.as_secs_f64(),
            self.seed
        );
        if self.is_interrupted {
            first += "; interrupted";
        }
        let mut late = format!("{} of {} could not be sent; sent late by", self.total.unsent, self.total.due);
        for (name, share) in [("p50", 0.5), ("p99", 0.99), ("max", 1.0)] {
            // Writing to a text cannot fail.
            let _ = write!(late, " {name} {} ms", Millis(self.late.quantile(share)));
        }
        late += "; latencies count from the moment at which a request was due";
        let failed = self.failures.iter().map(|failure| {
            format!("failed: {}: {}, {} times", failure.operation, failure.reason, failure.count)
        });
        let left_out = self.left_out.iter().map(|reason| format!("left out: {reason}"));
        [first, late].into_iter().chain(failed).chain(left_out).collect()
    }
}
