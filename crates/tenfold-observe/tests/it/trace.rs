use std::collections::HashSet;

use tenfold_data::trace::{SpanId, TraceContext, TraceId};

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const SPAN: &str = "b7ad6b7169203331";

fn header(version: &str, trace: &str, span: &str, flags: &str) -> String {
    format!("{version}-{trace}-{span}-{flags}")
}

#[test]
fn the_specifications_example_is_read_and_written_back() {
    let text = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let context = TraceContext::parse(text).unwrap();
    assert_eq!(context.trace_id.to_string(), TRACE);
    assert_eq!(context.span_id.to_string(), SPAN);
    assert!(context.sampled);
    assert_eq!(context.header(), text);
}

#[test]
fn only_the_lowest_bit_of_the_flags_says_sampled() {
    for flags in 0..=255_u8 {
        let context = TraceContext::parse(&header("00", TRACE, SPAN, &format!("{flags:02x}"))).unwrap();
        assert_eq!(context.sampled, flags % 2 == 1, "flags {flags:02x}");
        assert!(context.header().ends_with(if context.sampled { "-01" } else { "-00" }));
    }
}

#[test]
fn every_version_but_ff_is_read_by_its_prefix() {
    for version in 0..=255_u8 {
        let text = header(&format!("{version:02x}"), TRACE, SPAN, "01");
        assert_eq!(TraceContext::parse(&text).is_some(), version != 255, "version {version:02x}");
        let longer = TraceContext::parse(&format!("{text}-what-the-future-brings"));
        assert_eq!(longer.is_some(), !matches!(version, 0 | 255), "longer, version {version:02x}");
        assert_eq!(TraceContext::parse(&format!("{text}.future")), None, "no dash, version {version:02x}");
    }
}

#[test]
fn malformed_headers_start_a_new_trace() {
    let good = header("00", TRACE, SPAN, "01");
    let malformed = [
        String::new(),
        "-".repeat(55),
        "é".repeat(28),
        header("00", &"0".repeat(32), SPAN, "01"),
        header("00", TRACE, &"0".repeat(16), "01"),
        header("00", &TRACE.to_uppercase(), SPAN, "01"),
        header("00", TRACE, &SPAN.to_uppercase(), "01"),
        header("00", TRACE, SPAN, "0A"),
        header("0A", TRACE, SPAN, "01"),
        header("0", TRACE, SPAN, "01"),
        header("00", TRACE, SPAN, "1"),
        header("00", &TRACE[1..], SPAN, "001"),
        header("00", &TRACE.replace('0', "+"), SPAN, "01"),
        format!(" {good}"),
        format!("{good} "),
        format!("{good}-"),
        format!("{good}, {good}"),
        good.replace('-', "_"),
    ];
    for text in malformed {
        assert_eq!(TraceContext::parse(&text), None, "{text:?}");
    }
}

#[test]
fn no_change_of_a_single_byte_is_misread() {
    let good = header("00", TRACE, SPAN, "01");
    let original = TraceContext::parse(&good).unwrap();
    for place in 0..good.len() {
        for byte in 0..128_u8 {
            let mut bytes = good.clone().into_bytes();
            bytes[place] = byte;
            let changed = String::from_utf8(bytes).unwrap();
            match TraceContext::parse(&changed) {
                // What is read is what was written: only the version and the other flags are dropped.
                Some(context) if (2..53).contains(&place) => assert_eq!(context.header(), changed),
                Some(context) => assert_eq!(context.trace_id, original.trace_id),
                None => assert_ne!(changed, good),
            }
        }
        assert_eq!(TraceContext::parse(&good[..place]), None, "cut off at {place}");
    }
}

#[test]
fn a_header_written_is_read_back_whatever_the_random_bytes() {
    for seed in 0..=255_u8 {
        let random = std::array::from_fn(|place| (place as u8).wrapping_mul(seed));
        let context = TraceContext::start(random);
        assert_eq!(TraceContext::parse(&context.header()), Some(context), "seed {seed}");
    }
}

#[test]
fn ids_are_never_zero_even_if_the_random_bytes_are() {
    let context = TraceContext::start([0; 24]);
    assert_ne!(context.trace_id.to_bytes(), [0; 16]);
    assert_ne!(context.span_id.to_bytes(), [0; 8]);
    assert_eq!(TraceId::from_bytes([0; 16]), None);
    assert_eq!(SpanId::from_bytes([0; 8]), None);
}

#[test]
fn a_child_keeps_the_trace_and_gets_a_span_id_of_its_own() {
    let parent = TraceContext { sampled: false, ..TraceContext::start_random() };
    let mut seen = HashSet::from([parent.span_id]);
    for _ in 0..10_000 {
        let child = parent.child();
        assert_eq!((child.trace_id, child.sampled), (parent.trace_id, false));
        assert!(seen.insert(child.span_id), "{} came twice", child.span_id);
    }
}

#[test]
fn random_starts_differ_and_are_sampled() {
    let (one, two) = (TraceContext::start_random(), TraceContext::start_random());
    assert_ne!(one.trace_id, two.trace_id);
    assert!(one.sampled && two.sampled);
}

#[test]
fn ids_are_read_from_their_own_text_only() {
    assert_eq!(TraceId::parse(TRACE).unwrap().to_string(), TRACE);
    assert_eq!(SpanId::parse(SPAN).unwrap().to_string(), SPAN);
    assert_eq!(TraceId::from_bytes(TraceId::parse(TRACE).unwrap().to_bytes()), TraceId::parse(TRACE));
    assert_eq!(SpanId::from_bytes(SpanId::parse(SPAN).unwrap().to_bytes()), SpanId::parse(SPAN));
    for text in ["", SPAN, "not an id", &TRACE.to_uppercase(), &TRACE[1..]] {
        assert_eq!(TraceId::parse(text), None, "{text:?}");
    }
    for text in ["", TRACE, "not an id", &SPAN.to_uppercase(), &SPAN[1..]] {
        assert_eq!(SpanId::parse(text), None, "{text:?}");
    }
}
