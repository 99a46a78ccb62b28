//! Small charts as SVG: attributes only, since the page's policy forbids inline styles.

use std::time::Duration;

use maud::{Markup, html};
use tenfold::telemetry::Summary;

use crate::words;

const WIDTH: usize = 960;
const HEIGHT: usize = 120;

/// A moment that the chart shows by a line, such as a deploy.
pub(crate) struct ChartMark {
    /// How many minutes before the newest one.
    pub ago: usize,
    /// What it was.
    pub text: String,
    /// Whether something got worse then.
    pub is_onset: bool,
}

/// Requests per minute: a bar for the count, its darker foot for the failed ones, an empty box on top of it for those that were `refused`, a
/// line for the 95th percentile. A dashed line for each mark.
pub(crate) fn requests(minutes: &[Summary], refused: &[u64], marks: &[ChartMark]) -> Markup {
    let refused_in = |index: usize| refused.get(index).copied().unwrap_or(0);
    let is_refused = refused.iter().any(|count| *count > 0);
    let came = minutes.iter().enumerate().map(|(index, minute)| minute.count + refused_in(index));
    let most = came.max().unwrap_or(0).max(1);
    let slowest = minutes.iter().filter_map(p95).max().unwrap_or_default();
    let step = WIDTH / minutes.len().max(1);
    let height = |count: u64| scaled(count, most);
    html! {
        figure.chart {
            svg viewBox={ "0 0 " (WIDTH) " " (HEIGHT + 4) } preserveAspectRatio="none" role="img"
                aria-label="Requests per minute; the table below has the numbers" {
                @for (index, minute) in minutes.iter().enumerate() {
                    @let top = HEIGHT - height(minute.count);
                    rect.bar x=(index * step + 1) y=(top) width=(step - 2) height=(height(minute.count)) {
                        title { (minute_text(minute)) }
                    }
                    @if refused_in(index) > 0 {
                        @let tall = height(refused_in(index)).max(3);
                        rect.refused x=(index * step + 1) y=(top.saturating_sub(tall)) width=(step - 2) height=(tall) {
                            title { (words::counted(refused_in(index), "refused", "refused")) }
                        }
                    }
                    @if minute.errors > 0 {
                        @let foot = height(minute.errors).max(3);
                        rect.bad x=(index * step + 1) y=(HEIGHT - foot) width=(step - 2) height=(foot) {}
                    }
                }
                line.axis x1="0" y1=(HEIGHT) x2=(WIDTH) y2=(HEIGHT) {}
                @if !slowest.is_zero() { polyline.latency points=(line(minutes, step, slowest)) {} }
                @for mark in marks.iter().filter(|mark| mark.ago < minutes.len()) {
                    @let x = (minutes.len() - 1 - mark.ago) * step + step / 2;
                    line.mark.onset[mark.is_onset] x1=(x) y1="0" x2=(x) y2=(HEIGHT) { title { (mark.text) } }
                }
            }
            figcaption {
                span.key-bar {} " requests, up to " (words::count(most)) " a minute "
                span.key-bad {} " failed "
                @if is_refused { span.key-refused {} " refused " }
                span.key-line {} " 95th percentile, up to " (words::duration(slowest))
                @if !marks.is_empty() { " " span.key-mark {} " " a href="/console/deploys" { "what changed" } }
            }
            @if !marks.is_empty() {
                ul.marks { @for mark in marks { li.bad[mark.is_onset] { (ago(mark.ago)) ": " (mark.text) } } }
            }
            (table(minutes, refused))
        }
    }
}

fn ago(minutes: usize) -> String {
    match minutes {
        0 => "In this minute".to_owned(),
        1 => "1 minute ago".to_owned(),
        more => format!("{more} minutes ago"),
    }
}

/// How long requests took, minute by minute: the stronger a field's colour, the more of the minute's requests took so long. Rows are powers of two.
pub(crate) fn durations(minutes: &[Summary]) -> Markup {
    let columns: Vec<Vec<(u32, u64)>> = minutes.iter().map(|minute| minute.durations.powers()).collect();
    let powers = || columns.iter().flatten().map(|(power, _)| *power);
    let (Some(lowest), Some(highest)) = (powers().min(), powers().max()) else { return html! {} };
    let rows = (highest - lowest + 1) as usize;
    let (step, row) = (WIDTH / minutes.len().max(1), HEIGHT / rows);
    html! {
        figure.chart.heat {
            svg viewBox={ "0 0 " (WIDTH) " " (rows * row) } preserveAspectRatio="none" role="img"
                aria-label="How long requests took, minute by minute; the table above has percentiles" {
                @for (index, (minute, column)) in minutes.iter().zip(&columns).enumerate() {
                    @for (power, count) in column {
                        @let top = (highest - power) as usize * row;
                        rect.field x=(index * step) y=(top) width=(step) height=(row) fill-opacity=(shade(*count, minute.count)) {
                            title { (words::counted(*count, "request", "requests")) " of " (from(*power)) " to " (from(power + 1)) }
                        }
                    }
                }
            }
            figcaption {
                "How long requests took: from " (from(lowest)) " at the bottom to " (from(highest + 1))
                " at the top. The stronger the colour, the more of a minute's requests."
            }
        }
    }
}

/// The duration of two to this power microseconds.
fn from(power: u32) -> String {
    words::duration(Duration::from_micros(1 << power.min(62)))
}

/// Few requests can be seen, too.
fn shade(count: u64, all: u64) -> String {
    #[expect(clippy::cast_precision_loss, reason = "a shade")]
    let share = count as f64 / all.max(1) as f64;
    format!("{:.2}", 0.15 + 0.85 * share.sqrt())
}

/// The same data as a table, for readers who cannot see the chart.
fn table(minutes: &[Summary], refused: &[u64]) -> Markup {
    let rows = || minutes.iter().zip(refused).rev().enumerate();
    html! {
        details {
            summary { "In numbers" }
            table {
                thead { tr { th { "Minutes ago" } th.number { "Requests" } th.number { "Failed" } th.number { "Refused" } th.number { "p95" } } }
                tbody {
                    @for (ago, (minute, refused)) in rows().filter(|(_, (minute, refused))| minute.count + **refused > 0) {
                        tr {
                            td { (ago) }
                            td.number { (words::count(minute.count)) }
                            td.number { (words::count(minute.errors)) }
                            td.number { (words::count(*refused)) }
                            td.number { (words::maybe(p95(minute))) }
                        }
                    }
                }
            }
        }
    }
}

fn line(minutes: &[Summary], step: usize, slowest: Duration) -> String {
    let points = minutes.iter().enumerate().filter_map(|(index, minute)| {
        let share = p95(minute)?.as_secs_f64() / slowest.as_secs_f64();
        #[expect(clippy::cast_precision_loss, reason = "a place in a picture")]
        let y = HEIGHT as f64 - share * (HEIGHT as f64 - 8.0);
        Some(format!("{},{y:.1}", index * step + step / 2))
    });
    points.collect::<Vec<_>>().join(" ")
}

fn p95(minute: &Summary) -> Option<Duration> {
    minute.durations.quantile(0.95)
}

fn minute_text(minute: &Summary) -> String {
    format!(
        "{}, {} failed, p95 {}",
        words::counted(minute.count, "request", "requests"),
        minute.errors,
        words::maybe(p95(minute))
    )
}

/// A share of the chart's height; anything above zero stays visible.
fn scaled(count: u64, most: u64) -> usize {
    let height = usize::try_from(count * HEIGHT as u64 / most).unwrap_or(HEIGHT);
    if count > 0 { height.max(2) } else { 0 }
}

/// Position and length within a longer time: a bar as wide as its column.
pub(crate) fn bar(start: Duration, length: Duration, whole: Duration, class: &str) -> Markup {
    let place = |part: Duration| 1000.0 * part.as_secs_f64() / whole.as_secs_f64().max(1e-9);
    let x = place(start).clamp(0.0, 998.0);
    let width = place(length).clamp(2.0, 1000.0 - x);
    html! {
        svg.span viewBox="0 0 1000 10" preserveAspectRatio="none" aria-hidden="true" {
            rect class=(class) x=(format!("{x:.1}")) y="0" width=(format!("{width:.1}")) height="10" {}
        }
    }
}
