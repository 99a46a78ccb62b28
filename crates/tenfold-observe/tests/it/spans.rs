use serde_json::{Value, json};
use tenfold_data::trace::{SpanId, TraceContext};
use tenfold_observe::logs::{Colour, LogFormat};
use tracing::field::Empty;
use tracing::{Span, debug_span, info, info_span};

use crate::sink::{json, logged};

fn context() -> TraceContext {
    TraceContext::parse("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01").unwrap()
}

/// The span as the HTTP layer opens it.
fn request_span() -> Span {
    let TraceContext { trace_id, span_id, .. } = context();
    info_span!("http.request", %trace_id, %span_id, http.route = "/orders/{id}")
}

fn ids(line: &Value) -> (&Value, &Value) {
    (&line["trace_id"], &line["span_id"])
}

#[test]
fn a_line_carries_the_ids_and_the_name_of_the_span_around_it() {
    let lines = json("info", || request_span().in_scope(|| info!("hello")));
    assert_eq!(lines.len(), 1);
    assert_eq!(ids(&lines[0]), (&json!("0af7651916cd43dd8448eb211c80319c"), &json!("b7ad6b7169203331")));
    assert_eq!(lines[0]["span"], json!("http.request"));
    assert!(lines[0].get("http.route").is_none(), "a span's fields stand on its closing line alone");
}

#[test]
fn a_line_outside_a_trace_has_no_ids() {
    let lines = json("info", || {
        info!("outside");
        info_span!("start").in_scope(|| info!("inside a span without a trace"));
    });
    assert_eq!((lines[0].get("trace_id"), lines[0].get("span_id"), lines[0].get("span")), (None, None, None));
    assert_eq!((lines[1].get("trace_id"), lines[1].get("span_id")), (None, None));
    assert_eq!(lines[1]["span"], json!("start"));
}

#[test]
fn a_nested_span_inherits_the_trace_and_has_a_span_id_of_its_own() {
    let lines = json("info", || {
        let _request = request_span().entered();
        info_span!("call").in_scope(|| {
            info!("first in call");
            info_span!("statement").in_scope(|| info!("in statement"));
            info!("second in call");
        });
        info!("in request");
    });
    let names: Vec<_> = lines.iter().map(|line| line["span"].as_str().unwrap()).collect();
    assert_eq!(names, ["call", "statement", "call", "http.request"]);
    assert!(lines.iter().all(|line| line["trace_id"] == json!(context().trace_id.to_string())));
    let spans: Vec<_> = lines.iter().map(|line| line["span_id"].as_str().unwrap()).collect();
    assert_eq!(spans[0], spans[2]);
    assert_eq!(spans[3], context().span_id.to_string());
    assert!(spans[0] != spans[1] && spans[1] != spans[3] && spans[0] != spans[3], "{spans:?}");
    assert!(spans.iter().all(|id| SpanId::parse(id).is_some()), "{spans:?}");
}

#[test]
fn a_span_id_that_a_nested_span_brings_is_kept() {
    let child = context().child();
    let lines = json("info", || {
        let _request = request_span().entered();
        info_span!("call", span_id = %child.span_id).in_scope(|| info!("here"));
    });
    assert_eq!(ids(&lines[0]), (&json!(child.trace_id.to_string()), &json!(child.span_id.to_string())));
}

#[test]
fn ids_recorded_after_the_span_was_opened_count() {
    let lines = json("info", || {
        let span = info_span!("http.request", trace_id = Empty, span_id = Empty);
        let _entered = span.clone().entered();
        let _inner = info_span!("call").entered();
        info!("before");
        span.record("trace_id", context().trace_id.to_string());
        span.record("span_id", tracing::field::display(context().span_id));
        info!("after");
        drop(_inner);
        info!("outside the call");
    });
    assert!(lines[0].get("trace_id").is_none());
    assert_eq!(lines[1]["trace_id"], json!(context().trace_id.to_string()));
    assert_eq!(lines[2]["span_id"], json!(context().span_id.to_string()));
}

#[test]
fn recording_another_field_leaves_the_ids_as_they_are() {
    let lines = json("info", || {
        let _request = request_span().entered();
        let call = info_span!("call", rows = Empty).entered();
        info!("before");
        call.record("rows", 1);
        info!("after");
    });
    assert_eq!(ids(&lines[0]), ids(&lines[1]));
}

#[test]
fn what_is_no_id_is_a_field_like_any_other() {
    let lines = json("debug", || {
        info_span!("http.request", trace_id = "forged\n", span_id = 7).in_scope(|| info!("hello"));
    });
    assert!(lines[0].get("trace_id").is_none());
    assert_eq!(lines[1]["field.trace_id"], json!("forged\n"));
    assert_eq!(lines[1]["field.span_id"], json!(7));
}

#[test]
fn a_span_that_bears_ids_gives_them_to_its_lines_whatever_the_filter() {
    let lines = json("off,shop=warn", || {
        let _request = request_span().entered();
        let _hidden = debug_span!("statement").entered();
        tracing::warn!(target: "shop", "almost sold out");
    });
    assert_eq!(lines.len(), 1, "neither span's closing passes the filter: {lines:?}");
    assert_eq!(
        ids(&lines[0]),
        (&json!(context().trace_id.to_string()), &json!(context().span_id.to_string()))
    );
    assert_eq!(lines[0]["span"], json!("http.request"));
}

#[test]
fn a_closing_span_says_what_it_was_and_how_long_it_took() {
    let lines = json("debug", || {
        let span = debug_span!(
            "statement",
            name = "orders.by_id",
            rows = Empty,
            duration_ms = "mine",
            message = "my own"
        );
        span.in_scope(|| {});
        span.record("rows", 2);
        span.record("rows", 3);
    });
    let line = lines[0].as_object().unwrap();
    assert_eq!((&line["level"], &line["message"]), (&json!("DEBUG"), &json!("span closed")));
    assert_eq!((&line["span"], &line["target"]), (&json!("statement"), &json!(module_path!())));
    assert_eq!((&line["name"], &line["rows"]), (&json!("orders.by_id"), &json!(3)));
    assert_eq!((&line["field.duration_ms"], &line["field.message"]), (&json!("mine"), &json!("my own")));
    assert!(line["duration_ms"].as_f64().unwrap() >= 0.0);
}

#[test]
fn spans_close_from_the_inside_out_each_with_its_own_ids() {
    let lines = json("debug", || {
        let _request = request_span().entered();
        let _statement = debug_span!("statement").entered();
    });
    let names: Vec<_> = lines.iter().map(|line| line["span"].as_str().unwrap()).collect();
    assert_eq!(names, ["statement", "http.request"]);
    assert_eq!(lines[0]["trace_id"], lines[1]["trace_id"]);
    assert_ne!(lines[0]["span_id"], lines[1]["span_id"]);
    assert_eq!(lines[1]["span_id"], json!(context().span_id.to_string()));
    assert_eq!(lines[1]["http.route"], json!("/orders/{id}"));
}

#[test]
fn closing_is_reported_at_debug_so_a_filter_for_info_hides_it() {
    assert_eq!(json("info", || drop(request_span())).len(), 0);
    assert_eq!(json("debug", || drop(request_span())).len(), 1);
    let trace_span = || drop(tracing::trace_span!("byte"));
    assert_eq!(json("debug", trace_span).len(), 0);
    assert_eq!(json("trace", trace_span)[0]["level"], json!("TRACE"));
}

#[test]
fn a_pretty_line_ends_with_its_span_and_trace() {
    let text = logged(LogFormat::Pretty(Colour::Never), "info", || {
        request_span().in_scope(|| info!(target: "shop", "hi"));
    });
    let ending = " span=http.request trace_id=0af7651916cd43dd8448eb211c80319c span_id=b7ad6b7169203331\n";
    assert!(text.ends_with(ending), "{text}");
}

#[test]
fn a_value_that_logs_while_it_is_formatted_does_no_harm() {
    struct Chatty;
    impl std::fmt::Debug for Chatty {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            info!("from within");
            f.write_str("chatty")
        }
    }
    let lines = json("debug", || {
        let span = info_span!("outer", value = ?Chatty, later = Empty).entered();
        span.record("later", tracing::field::debug(Chatty));
        info!(value = ?Chatty, "line");
    });
    assert_eq!(lines.last().unwrap()["later"], json!("chatty"));
}

#[test]
fn lines_of_many_threads_never_mix() {
    let lines = json("info", || {
        tracing::dispatcher::get_default(|dispatch| {
            std::thread::scope(|scope| {
                for thread in 0..4 {
                    scope.spawn(move || {
                        tracing::dispatcher::with_default(dispatch, || {
                            let _request = request_span().entered();
                            (0..500).for_each(|number| info!(thread, number, "line"));
                        });
                    });
                }
            });
        });
    });
    assert_eq!(lines.len(), 2_000);
    for thread in 0..4 {
        let own = lines.iter().filter(|line| line["thread"] == json!(thread));
        assert!(own.map(|line| line["number"].as_u64().unwrap()).eq(0..500), "thread {thread} out of order");
    }
}
