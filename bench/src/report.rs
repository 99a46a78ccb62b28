//! What a benchmark has measured: a table for people, or one JSON object a line.

use std::io::Write as _;
use std::time::Duration;

use serde_json::Value;
use tenfold::data::Dialect;

/// One row: a case on a database. The fields that all benchmarks share are `n`, `median_us`, `p99_us`, `per_second`,
/// `statements` and `ratio`; what does not apply is left out, and a benchmark adds fields of its own.
pub struct ReportRow(Vec<(String, Value)>);

/// The rows so far. JSON goes out row by row, a table when it is complete.
pub struct BenchReport {
    json: bool,
    rows: Vec<ReportRow>,
}

impl ReportRow {
    /// Begins a row.
    pub fn new(bench: &str, database: Dialect, case: &str) -> Self {
        let database = match database {
            Dialect::Sqlite => "sqlite",
            Dialect::Postgres => "postgres",
        };
        ReportRow(Vec::new()).with("bench", bench).with("database", database).with("case", case)
    }

    /// Begins a row of what needs no database.
    pub fn without_database(bench: &str, case: &str) -> Self {
        ReportRow(Vec::new()).with("bench", bench).with("case", case)
    }

    /// Adds a field.
    pub fn with(mut self, field: &str, value: impl Into<Value>) -> Self {
        self.0.push((field.to_owned(), value.into()));
        self
    }

    fn fields(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(field, _)| field.as_str())
    }

    /// A field for people; empty when the row has none of this name.
    fn cell(&self, column: &str) -> String {
        match self.0.iter().find(|(field, _)| field == column) {
            None => String::new(),
            Some((_, Value::Null)) => String::new(),
            Some((_, Value::String(text))) => text.clone(),
            Some((_, value)) => value.to_string(),
        }
    }

    /// One line of JSON, its fields in their order.
    fn json(&self) -> String {
        let fields: Vec<String> =
            self.0.iter().map(|(field, value)| format!("\"{field}\": {value}")).collect();
        format!("{{{}}}\n", fields.join(", "))
    }

    /// Adds `n`, `median_us` and `p99_us` of times.
    pub fn times(self, times: &[Duration]) -> Self {
        let row = self.with("n", times.len());
        match (quantile(times, 0.5), quantile(times, 0.99)) {
            (Some(median), Some(p99)) => row.with("median_us", micros(median)).with("p99_us", micros(p99)),
            _ => row,
        }
    }
}

impl BenchReport {
    /// An empty one.
    pub fn new(json: bool) -> Self {
        BenchReport { json, rows: Vec::new() }
    }

    /// Adds a row.
    pub fn add(&mut self, row: ReportRow) {
        if self.json {
            say(&row.json());
        }
        self.rows.push(row);
    }

    /// Prints the table.
    pub fn finish(&self) {
        if !self.json && !self.rows.is_empty() {
            say(&self.table());
        }
    }

    /// A column for each field that any row has, numbers to the right.
    fn table(&self) -> String {
        let mut columns: Vec<&str> = Vec::new();
        for field in self.rows.iter().flat_map(ReportRow::fields).filter(|field| *field != "bench") {
            if !columns.contains(&field) {
                columns.push(field);
            }
        }
        let lines: Vec<Vec<String>> =
            self.rows.iter().map(|row| columns.iter().map(|column| row.cell(column)).collect()).collect();
        let head: Vec<String> = columns.iter().map(|column| (*column).to_owned()).collect();
        let width = |index: usize| {
            let cells = lines.iter().chain([&head]).map(|line| line[index].chars().count());
            cells.max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..columns.len()).map(width).collect();
        let mut text = String::new();
        for line in [&head].into_iter().chain(&lines) {
            for (index, (cell, width)) in line.iter().zip(&widths).enumerate() {
                let padded = if index < 2 { format!("{cell:<width$}") } else { format!("{cell:>width$}") };
                text.push_str(if index == 0 { "" } else { "  " });
                text.push_str(&padded);
            }
            text.push('\n');
        }
        text
    }
}

/// The value below which this part of the times lies; they need not be sorted.
pub fn quantile(times: &[Duration], part: f64) -> Option<Duration> {
    let mut sorted = times.to_vec();
    sorted.sort();
    let rank = (sorted.len() as f64 * part).ceil() as usize;
    sorted.get(rank.saturating_sub(1)).copied()
}

/// Whole microseconds.
pub fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

/// Prints results.
fn say(text: &str) {
    let mut out = std::io::stdout().lock();
    // A reader that has gone away is no failure.
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

/// Prints what goes on, or wrong, beside the results.
pub fn complain(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}
