//! Numbers, times and places in readable form.

use std::time::Duration;

use tenfold::data::CallSite;
use tenfold::prelude::Timestamp;

/// A duration with three digits: `850 µs`, `12.3 ms`, `1.24 s`, `3 min`.
pub(crate) fn duration(duration: Duration) -> String {
    let seconds = duration.as_secs_f64();
    match seconds {
        0.0 => "0".to_owned(),
        s if s < 0.001 => format!("{} µs", digits(s * 1e6)),
        s if s < 1.0 => format!("{} ms", digits(s * 1e3)),
        s if s < 120.0 => format!("{} s", digits(s)),
        s if s < 7200.0 => format!("{} min", digits(s / 60.0)),
        s => format!("{} h", digits(s / 3600.0)),
    }
}

/// The same for a duration that may not have been measured.
pub(crate) fn maybe(length: Option<Duration>) -> String {
    length.map_or_else(|| "–".to_owned(), duration)
}

fn digits(number: f64) -> String {
    match number {
        n if n < 9.995 => format!("{n:.2}"),
        n if n < 99.95 => format!("{n:.1}"),
        n => format!("{n:.0}"),
    }
}

/// A count with thousands separators.
pub(crate) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A count with its noun.
pub(crate) fn counted(number: u64, one: &str, many: &str) -> String {
    format!("{} {}", count(number), if number == 1 { one } else { many })
}

/// A rate per second, or per minute if it is low, over this many minutes.
pub(crate) fn rate(number: u64, minutes: usize) -> String {
    rate_in(number, u32::try_from(60 * minutes).unwrap_or(u32::MAX))
}

/// The same over this many seconds.
pub(crate) fn rate_in(number: u64, seconds: u32) -> String {
    #[expect(clippy::cast_precision_loss, reason = "a rate that people read")]
    let a_minute = 60.0 * number as f64 / f64::from(seconds.max(1));
    if a_minute < 60.0 {
        format!("{}/min", digits(a_minute))
    } else {
        format!("{}/s", digits(a_minute / 60.0))
    }
}

/// A share in percent; a small share is not rounded to zero.
pub(crate) fn percent(share: f64) -> String {
    match share * 100.0 {
        0.0 => "0 %".to_owned(),
        p if p < 0.1 => "< 0.1 %".to_owned(),
        p if p < 9.95 => format!("{p:.1} %"),
        p => format!("{p:.0} %"),
    }
}

/// Time of day in UTC, to the second.
pub(crate) fn clock(at: Timestamp) -> String {
    at.strftime("%H:%M:%S").to_string()
}

/// Date and time in UTC, to the second.
pub(crate) fn moment(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%S").to_string()
}

/// A file and line of the author's code.
pub(crate) fn site(site: CallSite) -> String {
    format!("{}:{}", site.file(), site.line())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_keep_three_digits_in_every_unit() {
        let micros = [0, 4, 850, 12_340, 999_949, 1_240_000, 180_000_000, 7_200_000_000];
        let words: Vec<_> =
            micros.into_iter().map(|micros| duration(Duration::from_micros(micros))).collect();
        assert_eq!(words, ["0", "4.00 µs", "850 µs", "12.3 ms", "1000 ms", "1.24 s", "3.00 min", "2.00 h"]);
    }

    #[test]
    fn what_is_seldom_is_counted_by_the_minute() {
        assert_eq!(
            [(19, 15), (900, 15), (90_000, 15)].map(|(n, m)| rate(n, m)),
            ["1.27/min", "1.00/s", "100/s"]
        );
    }

    #[test]
    fn thousands_stand_apart() {
        assert_eq!([0, 999, 1_000, 1_234_567].map(count), ["0", "999", "1,000", "1,234,567"]);
    }

    #[test]
    fn a_small_share_is_not_called_nothing() {
        assert_eq!([0.0, 0.0004, 0.021, 0.5].map(percent), ["0 %", "< 0.1 %", "2.1 %", "50 %"]);
    }
}
