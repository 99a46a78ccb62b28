use std::fmt;

use serde_json::json;
use tenfold_observe::logs::{Colour, LogFormat};

use crate::sink::{json, logged};

const PLAIN: LogFormat = LogFormat::Pretty(Colour::Never);

/// Everything that could end a line, a string or a colour: both control ranges, quotes, separators,
/// marks of direction, and an innocent rest.
fn nasty() -> String {
    let low = (0..=0x00ff).filter_map(char::from_u32);
    low.chain("\u{200e}\u{2028}\u{2029}\u{202e}\u{2066}\u{061c} ünï😀".chars()).collect()
}

fn is_safe(line: &str) -> bool {
    !line.contains(|c: char| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{202e}' | '\u{2066}'))
}

#[test]
fn a_json_line_has_its_own_keys_first_and_then_the_fields() {
    let text = logged(LogFormat::Json, "info", || {
        tracing::info!(target: "shop", items = 3, "order placed");
    });
    let expected = r#"{"timestamp":"2026-03-01T12:00:00.000042Z","level":"INFO","target":"shop","message":"order placed","items":3}"#;
    assert_eq!(text, format!("{expected}\n"));
}

#[test]
fn numbers_and_truth_values_stay_what_they_are() {
    let lines = json("info", || {
        tracing::info!(
            small = -3_i8,
            big = u64::MAX,
            bigger = u128::MAX,
            whole = 1.0,
            tiny = 1e-300,
            nothing = f64::NAN,
            endless = f64::NEG_INFINITY,
            yes = true,
            text = "3",
            shown = %4,
            none = Option::<u8>::None,
            some = Some(5),
        );
    });
    let line = lines[0].as_object().unwrap();
    assert_eq!(line["small"], json!(-3));
    assert_eq!(line["big"], json!(u64::MAX));
    assert!(line["bigger"].is_number());
    assert_eq!(line["whole"], json!(1.0));
    assert_eq!(line["tiny"], json!(1e-300));
    assert_eq!(line["nothing"], json!("NaN"));
    assert_eq!(line["endless"], json!("-inf"));
    assert_eq!(line["yes"], json!(true));
    assert_eq!(line["text"], json!("3"));
    assert_eq!(line["shown"], json!("4"));
    assert_eq!(line["some"], json!(5));
    assert!(!line.contains_key("none"));
}

#[test]
fn whatever_is_in_a_text_comes_back_from_json_on_a_single_safe_line() {
    let nasty = nasty();
    let text = logged(LogFormat::Json, "info", || {
        tracing::info!(shown = %nasty, text = nasty, "{nasty}");
    });
    assert_eq!(text.lines().count(), 1);
    assert!(is_safe(text.trim_end_matches('\n')), "{text:?}");
    let line: serde_json::Value = serde_json::from_str(&text).unwrap();
    for key in ["message", "text", "shown"] {
        assert_eq!(line[key], json!(nasty), "{key}");
    }
}

#[test]
fn a_forged_line_stays_inside_the_message_it_came_in() {
    let forged = "bye\n2026-03-01T12:00:00.000042Z ERROR shop admin logged in\r\x1b[2K\u{9b}31m";
    for format in [LogFormat::Json, PLAIN] {
        let text = logged(format, "info", || tracing::info!(user = forged, "user {forged}"));
        assert_eq!(text.lines().count(), 1, "{text}");
        assert!(is_safe(text.trim_end_matches('\n')), "{text:?}");
    }
    let text = logged(PLAIN, "info", || tracing::info!(target: "shop", user = "a\nb", "see\x1b[2K"));
    assert!(text.contains(r"see\u{1b}[2K"), "{text}");
    assert!(text.contains(r#"user="a\nb""#), "{text}");
}

#[test]
fn a_field_that_clashes_with_a_lines_own_key_gets_a_prefix() {
    let lines = json("info", || {
        tracing::info!(
            timestamp = 1,
            level = 2,
            target = 3,
            trace_id = 4,
            span_id = 5,
            span = 6,
            field.level = 7,
            duration_ms = 8,
            "clash"
        );
    });
    let line = lines[0].as_object().unwrap();
    assert_eq!(line["level"], json!("INFO"));
    assert_eq!(line["message"], json!("clash"));
    for (name, value) in
        [("timestamp", 1), ("level", 2), ("target", 3), ("trace_id", 4), ("span_id", 5), ("span", 6)]
    {
        assert_eq!(line[&format!("field.{name}")], json!(value), "{name}");
    }
    assert_eq!(line["field.field.level"], json!(7));
    assert_eq!(line["duration_ms"], json!(8));
    assert_eq!(line.len(), 12, "{line:?}");
}

#[test]
fn a_raw_identifier_is_written_without_its_mark() {
    let lines = json("info", || tracing::info!(r#type = "invoice", "sent"));
    assert_eq!(lines[0]["type"], json!("invoice"));
}

#[test]
fn an_error_is_logged_with_its_sources() {
    #[derive(Debug, thiserror::Error)]
    #[error("the order could not be saved")]
    struct Unsaved(#[source] fmt::Error);
    let lines = json("info", || {
        let error: &(dyn std::error::Error + 'static) = &Unsaved(fmt::Error);
        tracing::error!(error, "request failed");
    });
    assert_eq!(lines[0]["error"], json!(format!("the order could not be saved: {}", fmt::Error)));
}

#[test]
fn a_huge_text_is_cut_and_says_so() {
    let huge = "ä".repeat(1 << 20);
    let lines = json("info", || tracing::info!(huge, "{huge}"));
    for key in ["message", "huge"] {
        let text = lines[0][key].as_str().unwrap();
        assert!(text.len() <= (16 << 10) + '…'.len_utf8(), "{key}: {} bytes", text.len());
        assert!(text.ends_with("ä…"), "{key}");
    }
}

#[test]
fn a_pretty_line_stands_in_columns() {
    let text = logged(PLAIN, "info", || {
        tracing::info!(target: "shop", items = 3, paid = true, by = "Ann Lee", via = "card", "order placed");
        tracing::error!(target: "shop::billing", "no answer");
    });
    let expected = concat!(
        "2026-03-01T12:00:00.000042Z  INFO shop                 order placed                     ",
        "items=3 paid=true by=\"Ann Lee\" via=card\n",
        "2026-03-01T12:00:00.000042Z ERROR shop::billing        no answer\n",
    );
    assert_eq!(text, expected);
}

#[test]
fn colour_comes_only_when_told_so_and_changes_nothing_else() {
    let work = || {
        let _span = tracing::info_span!("http.request").entered();
        tracing::warn!(target: "shop", left = 1, "almost sold out");
    };
    let plain = logged(PLAIN, "info", work);
    let mut coloured = logged(LogFormat::Pretty(Colour::Always), "info", work);
    assert!(!plain.contains('\x1b'), "{plain:?}");
    assert!(coloured.contains("\x1b[33m WARN\x1b[0m"), "{coloured:?}");
    for code in ["\x1b[33m", "\x1b[2m", "\x1b[0m"] {
        coloured = coloured.replace(code, "");
    }
    assert_eq!(coloured, plain);
}
