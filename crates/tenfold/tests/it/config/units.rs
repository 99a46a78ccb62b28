use std::time::Duration;

use serde::Deserialize;
use tenfold::config::{ByteSize, InvalidByteSize, InvalidTimeSpan, Loader, TimeSpan};

use super::refusal;

#[test]
fn sizes_are_read_with_and_without_a_unit() {
    for (text, bytes) in [
        ("1048576", 1 << 20),
        ("64 KiB", 64 << 10),
        ("64kib", 64 << 10),
        (" 10 MB ", 10_000_000),
        ("3GB", 3_000_000_000),
        ("1 TiB", 1 << 40),
        ("0", 0),
        ("18446744073709551615", u64::MAX),
    ] {
        assert_eq!(text.parse(), Ok(ByteSize::bytes(bytes)), "{text}");
    }
}

#[test]
fn sizes_that_are_no_size_are_refused() {
    for text in [
        "",
        "KiB",
        "64 K",
        "64 M",
        "1.5 MiB",
        "-1",
        "+1",
        "1 KiB 2",
        "1e3",
        "٣",
        "18446744073709551616",
        "16777216 TiB",
        "1\u{a0}Ki",
    ] {
        assert_eq!(text.parse::<ByteSize>(), Err(InvalidByteSize { input: text.to_owned() }), "{text}");
    }
}

#[test]
fn a_size_is_shown_in_the_largest_unit_that_is_exact_and_can_be_read_again() {
    for (bytes, shown) in [
        (0, "0 B"),
        (1, "1 B"),
        (1536, "1536 B"),
        (65536, "64 KiB"),
        (1000, "1 kB"),
        (10_000_000, "10 MB"),
        (1 << 40, "1 TiB"),
        (u64::MAX, "18446744073709551615 B"),
    ] {
        assert_eq!(ByteSize::bytes(bytes).to_string(), shown);
        assert_eq!(shown.parse(), Ok(ByteSize::bytes(bytes)));
    }
    assert_eq!(ByteSize::gib(u64::MAX).as_u64(), u64::MAX);
    assert_eq!(ByteSize::kib(2).as_usize(), 2048);
}

#[test]
fn spans_are_read_with_a_unit_and_shown_in_the_largest_exact_one() {
    for (text, milliseconds, shown) in [
        ("250ms", 250, "250ms"),
        ("30s", 30_000, "30s"),
        ("90 s", 90_000, "90s"),
        ("120s", 120_000, "2m"),
        ("2h", 7_200_000, "2h"),
        (" 7d ", 604_800_000, "7d"),
        ("36500d", 3_153_600_000_000, "36500d"),
    ] {
        let span: TimeSpan = text.parse().unwrap();
        assert_eq!(span.as_std(), Duration::from_millis(milliseconds), "{text}");
        assert_eq!(span.to_string(), shown);
        assert_eq!(shown.parse(), Ok(span));
    }
    assert_eq!(TimeSpan::ZERO.to_string(), "0s");
    assert_eq!(Duration::from(TimeSpan::minutes(2)), TimeSpan::seconds(120).as_std());
    assert_eq!(TimeSpan::hours(u64::MAX).to_string(), "36500d");
}

#[test]
fn spans_that_are_no_span_are_refused() {
    let input = |text: &str| text.to_owned();
    for text in ["", "s", "30", "30 seconds", "1.5s", "-1s", "1m30s", "5M", "030"] {
        assert_eq!(
            text.parse::<TimeSpan>(),
            Err(InvalidTimeSpan::Malformed { input: input(text) }),
            "{text}"
        );
    }
    for text in ["0", "0s", "000ms"] {
        assert_eq!(text.parse::<TimeSpan>(), Err(InvalidTimeSpan::Zero { input: input(text) }), "{text}");
    }
    for text in ["36501d", "99999999999999999999s", "18446744073709551615h"] {
        assert_eq!(text.parse::<TimeSpan>(), Err(InvalidTimeSpan::TooLong { input: input(text) }), "{text}");
    }
}

#[test]
fn zero_is_a_span_only_where_the_field_says_so() {
    #[derive(Debug, Deserialize)]
    struct Times {
        wait: TimeSpan,
        #[serde(deserialize_with = "TimeSpan::or_zero")]
        pause: TimeSpan,
    }
    let times = |wait, pause| {
        Loader::new("defaults.toml", "[times]\nwait = \"1s\" # a\npause = \"1s\" # b, 0 is off\n")
            .unwrap()
            .flag("--wait", "times.wait", Some(wait))
            .unwrap()
            .flag("--pause", "times.pause", Some(pause))
            .unwrap()
            .load()
            .section::<Times>("times")
    };
    let read = times("5m", "0").unwrap();
    assert_eq!((read.wait, read.pause), (TimeSpan::minutes(5), TimeSpan::ZERO));
    assert_eq!(times("5m", "2s").unwrap().pause, TimeSpan::seconds(2));
    assert_eq!(
        refusal(times("0s", "0s")),
        "`times.wait` = \"0s\" (option --wait) is refused: `0s` is zero: write at least `1ms` (the default is \"1s\")"
    );
    assert!(refusal(times("1s", "soon")).contains("`soon` is not a duration"));
}
