//! A report as one page of HTML that loads nothing and runs no script.

use super::curves::{AxisKind, CurveLine, Curves, escaped, step};
use super::{LoadLimits, LoadReport, LoadSlice, Millis, SHOWN, millis, per};
use crate::latencies::Latencies;
use crate::tally::RequestCounts;

const STYLE: &str = include_str!("page.css");
/// The operations with the most requests that have a curve of their own.
const CURVES: usize = 6;
/// The curve of latencies has this many points up to each further nine: 90 %, 99 %, 99.9 %.
const POINTS: u32 = 20;

impl LoadReport {
    /// For a browser. `title` says what was measured, and when.
    pub fn html(&self, title: &str, limits: &LoadLimits) -> String {
        let title = escaped(title);
        let verdict = match self.judge(limits) {
            Ok(()) => "<p class=\"verdict good\">The run is valid, and its limits held.</p>".to_owned(),
            Err(fault) => {
                format!("<p class=\"verdict bad\">{}</p>", escaped(&capitalized(&fault.to_string())))
            }
        };
        let remarks: String =
            self.remarks().iter().map(|line| format!("<p>{}</p>\n", escaped(&capitalized(line)))).collect();
        let pictures = [self.latency_curves(), self.latencies_over_time(), self.rates_over_time()];
        let pictures: String = pictures.iter().map(Curves::html).collect();
        format!(
            "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" content=\"width=device-width\">\n\
             <title>{title}</title>\n<style>\n{STYLE}</style>\n<h1>{title}</h1>\n{verdict}\n{}{pictures}{remarks}</html>\n",
            self.html_table()
        )
    }

    fn html_table(&self) -> String {
        let shown: String = SHOWN.iter().map(|(name, _)| format!("<th>{name} ms")).collect();
        let rows =
            self.operations.iter().map(|operation| self.html_row("", &operation.name, &operation.counts));
        let rows: String = rows.collect();
        format!(
            "<div class=\"wide\"><table>\n<tr><th>operation<th>sent<th>answered<th>refused<th>failed<th>rate/s{shown}<th>max ms\n\
             {rows}{}</table></div>\n",
            self.html_row(" class=\"all\"", "all", &self.total)
        )
    }

    fn html_row(&self, class: &str, name: &str, counts: &RequestCounts) -> String {
        let RequestCounts { sent, answered, refused, failed, latencies, .. } = counts;
        let quantile = |(_, share): &(&str, f64)| format!("<td>{}", Millis(latencies.quantile(*share)));
        let shown: String = SHOWN.iter().map(quantile).collect();
        let longest = Some(latencies.longest()).filter(|_| latencies.count() > 0);
        format!(
            "<tr{class}><td>{}<td>{sent}<td>{answered}<td>{refused}<td>{failed}<td>{:.1}{shown}<td>{}\n",
            escaped(name),
            self.per_second(counts),
            Millis(longest)
        )
    }

    /// Latency by the share of requests that it covers, with one more nine at each mark.
    fn latency_curves(&self) -> Curves {
        let mut operations: Vec<_> = self.operations.iter().collect();
        operations.sort_by_key(|operation| std::cmp::Reverse(operation.counts.answered));
        let own = operations.iter().take(CURVES).filter(|operation| operation.counts.answered > 0);
        let own = own.map(|operation| line(&operation.name, by_share(&operation.counts.latencies)));
        let marks = ["0 %", "90 %", "99 %", "99.9 %", "99.99 %", "99.999 %"];
        let nines = nines(self.total.latencies.count());
        let marks = (0_u32..=nines).zip(marks).map(|(nine, mark)| (f64::from(nine), mark.to_owned()));
        Curves {
            title: "Latency by share of requests",
            x_label: "share of requests that were answered in this time",
            y_label: "ms",
            x_marks: marks.collect(),
            y_axis: AxisKind::Logarithmic,
            lines: [line("all", by_share(&self.total.latencies))].into_iter().chain(own).collect(),
        }
    }

    fn latencies_over_time(&self) -> Curves {
        let of = |share: f64| self.over_time(|slice| slice.latencies.quantile(share).map(millis));
        Curves {
            title: "Latency over time",
            x_label: "seconds, by the moment at which a request was due",
            y_label: "ms",
            x_marks: self.seconds(),
            y_axis: AxisKind::Logarithmic,
            lines: vec![line("p50", of(0.5)), line("p99", of(0.99)), line("max", of(1.0))],
        }
    }

    fn rates_over_time(&self) -> Curves {
        let of = |count: fn(&LoadSlice) -> u64| self.over_time(|slice| Some(per(count(slice), self.slice)));
        Curves {
            title: "Rate over time",
            x_label: "seconds",
            y_label: "requests a second",
            x_marks: self.seconds(),
            y_axis: AxisKind::Linear,
            lines: vec![
                line("due", of(|slice| slice.due)),
                line("answered", of(|slice| slice.answered)),
                line("refused", of(|slice| slice.refused)),
                line("failed", of(|slice| slice.failed)),
            ],
        }
    }

    /// A point in the middle of each slice; the last one, which may be shorter, is left out unless it is the only one.
    fn over_time(&self, value: impl Fn(&LoadSlice) -> Option<f64>) -> Vec<(f64, f64)> {
        let whole = (self.measured.as_nanos() / self.slice.as_nanos()).max(1);
        let whole = usize::try_from(whole).unwrap_or(usize::MAX);
        let slices = (0_u32..).zip(self.slices.iter().take(whole));
        let middle = |number: u32| (self.slice * number + self.slice / 2).as_secs_f64();
        slices.filter_map(|(number, slice)| Some((middle(number), value(slice)?))).collect()
    }

    fn seconds(&self) -> Vec<(f64, String)> {
        let end = self.measured.as_secs_f64();
        let step = step((end / 10.0).max(0.1));
        let marks = (0..=10).map(|number| step * f64::from(number)).filter(|mark| *mark <= end);
        marks.map(|mark| (mark, format!("{}", (mark * 10.0).round() / 10.0))).collect()
    }
}

fn line(name: &str, points: Vec<(f64, f64)>) -> CurveLine {
    CurveLine { name: name.to_owned(), points }
}

/// How many nines a number of requests can tell apart from each other.
fn nines(count: u64) -> u32 {
    count.max(1).ilog10().clamp(1, 5)
}

/// `x` nines are the share 1 − 10^−x.
fn by_share(latencies: &Latencies) -> Vec<(f64, f64)> {
    let places = (0..=nines(latencies.count()) * POINTS).map(|place| f64::from(place) / f64::from(POINTS));
    places.filter_map(|nines| Some((nines, millis(latencies.quantile(1.0 - 10_f64.powf(-nines))?)))).collect()
}

fn capitalized(line: &str) -> String {
    let mut letters = line.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}
