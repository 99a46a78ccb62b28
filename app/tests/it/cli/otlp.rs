//! Telemetry that a process sends to a collector (OTLP/HTTP), which the standard variables name.

use super::collector::{Collector, ProtoMessage};
use super::place::Place;
use super::process::{Process, wait_for};
use super::wire::HttpRequest;
use super::{in_both_places, new_person, sign_up};

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const PARENT: &str = "b7ad6b7169203331";
/// From a request to the records of its signal: resource, scope, records.
const RECORDS: [u64; 3] = [1, 2, 2];
const SPAN_ATTRIBUTES: u64 = 9;

fn start(place: &Place, collector: &Collector) -> Process {
    place
        .app(&["serve"])
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", &format!("http://{}/", collector.address))
        .env("OTEL_EXPORTER_OTLP_HEADERS", "x-api-key=a%20secret%20key")
        .env("OTEL_SERVICE_NAME", "shop")
        .env("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=test")
        .env("OTEL_BSP_SCHEDULE_DELAY", "50")
        .env("OTEL_METRIC_EXPORT_INTERVAL", "50")
        .start()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The spans of the trace in the message that has the request's own; none in another message.
fn of_trace(message: &ProtoMessage) -> Option<Vec<ProtoMessage>> {
    let spans = message.at(&RECORDS).into_iter().filter(|span| hex(&span.bytes(1)) == TRACE);
    let has_root = |spans: &Vec<ProtoMessage>| spans.iter().any(|span| hex(&span.bytes(4)) == PARENT);
    Some(spans.collect::<Vec<_>>()).filter(has_root)
}

in_both_places!(fn a_collector_receives_traces_lines_and_metrics(place) {
    let collector = Collector::start(&[]);
    let mut process = start(place, &collector);
    let header = format!("00-{TRACE}-{PARENT}-01");
    let sign_up = HttpRequest::post("/v1/auth/sign-up").json(&new_person("ada")).header("traceparent", &header);
    assert_eq!(process.ask(&sign_up).status, 201);
    let explain = || process.err();
    let spans = wait_for(explain, || collector.find("/v1/traces", of_trace));
    let root = spans.iter().find(|span| hex(&span.bytes(4)) == PARENT).expect("the request's span has the caller's as parent");
    assert_eq!(root.text(5), "POST /v1/auth/sign-up");
    assert_eq!(root.attribute(SPAN_ATTRIBUTES, "http.response.status_code").as_deref(), Some("201"));
    assert!(root.number(7) < root.number(8), "it ends after it began");
    // The mail of the sign-up is a job of the same trace.
    let is_own = |span: &&ProtoMessage| span.bytes(4) == root.bytes(2);
    let has_text = |span: &&ProtoMessage| span.attribute(SPAN_ATTRIBUTES, "db.query.text").is_some();
    let statements: Vec<&ProtoMessage> = spans.iter().filter(is_own).filter(has_text).collect();
    let system = place.dialect().system_name();
    for statement in &statements {
        assert_eq!(statement.attribute(SPAN_ATTRIBUTES, "db.system.name").as_deref(), Some(system));
        let file = statement.attribute(SPAN_ATTRIBUTES, "code.file.path").expect("a statement has a line");
        assert!(file.ends_with(".rs"), "{file}");
    }
    assert!(statements.len() > 2, "a sign-up has statements");

    let resource = wait_for(explain, || collector.find("/v1/traces", |message| message.at(&[1, 1]).pop()));
    assert_eq!(resource.attribute(1, "service.name").as_deref(), Some("shop"));
    assert_eq!(resource.attribute(1, "deployment.environment.name").as_deref(), Some("test"));

    // A slow machine has warnings in the same trace.
    let is_request = |record: &ProtoMessage| hex(&record.bytes(9)) == TRACE && record.all(5)[0].text(1) == "request";
    let line = |message: &ProtoMessage| message.at(&RECORDS).into_iter().find(is_request);
    let line = wait_for(explain, || collector.find("/v1/logs", line));
    assert_eq!((line.text(3).as_str(), line.bytes(10)), ("INFO", root.bytes(2)));

    // Field 9 of a metric is a histogram, field 1 of that a point, field 9 of that its attributes.
    let is_sign_up = |point: &ProtoMessage| point.attribute(9, "http.route").as_deref() == Some("/v1/auth/sign-up");
    let durations = |message: &ProtoMessage| {
        let metrics = message.at(&RECORDS).into_iter();
        let mut durations = metrics.filter(|metric| metric.text(1) == "http.server.request.duration" && metric.text(3) == "s");
        durations.find_map(|metric| metric.at(&[9, 1]).into_iter().find(is_sign_up))
    };
    let point = wait_for(explain, || collector.find("/v1/metrics", durations));
    assert_eq!(point.number(4), Some(1), "one sign-up");
    assert_eq!(point.packed(6).iter().sum::<u64>(), 1, "in one bucket");
    assert_eq!(point.packed(6).len(), point.packed(7).len() + 1, "one bucket is above the last bound");

    process.stop();
    assert!(collector.heads().iter().all(|head| head.contains("x-api-key: a secret key")), "the key is sent");
    assert!(!process.err().contains("secret key"), "and not logged: {}", process.err());
});

in_both_places!(fn what_a_busy_collector_refuses_is_sent_again(place) {
    let busy = ("/v1/traces", "503 Busy");
    let collector = Collector::start(&[busy, busy, busy]);
    let mut process = start(place, &collector);
    sign_up(&process, "ada");
    let wanted = |message: &ProtoMessage| {
        message.at(&RECORDS).into_iter().find(|span| span.text(5) == "POST /v1/auth/sign-up")
    };
    wait_for(|| process.err(), || collector.find("/v1/traces", wanted));
    assert!(collector.has_answered());
    process.stop();
    let err = process.err();
    assert_eq!(err.matches("telemetry is not delivered").count(), 1, "said once: {err}");
    assert!(err.contains("telemetry is delivered again"), "{err}");
});

#[test]
fn what_ends_with_the_process_is_sent_before_it_ends() {
    let (place, collector) = (Place::sqlite(), Collector::start(&[]));
    let mut process = place
        .app(&["serve"])
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", &format!("http://{}", collector.address))
        .env("OTEL_BSP_SCHEDULE_DELAY", "3600000")
        .start();
    sign_up(&process, "ada");
    assert!(collector.heads().is_empty());
    process.stop();
    let name = |message: &ProtoMessage| {
        message.at(&RECORDS).into_iter().find(|span| span.text(5) == "POST /v1/auth/sign-up")
    };
    assert!(collector.find("/v1/traces", name).is_some(), "{}", process.err());
    assert!(
        collector.find("/v1/metrics", |message| message.at(&RECORDS).pop()).is_some(),
        "{}",
        process.err()
    );
}

#[test]
fn a_collector_that_is_away_costs_no_request() {
    let place = Place::sqlite();
    let mut process = place
        .app(&["serve"])
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")
        .env("OTEL_BSP_SCHEDULE_DELAY", "20")
        .start();
    sign_up(&process, "ada");
    let is_said = || process.err().contains("telemetry is not delivered: 127.0.0.1 cannot be asked");
    wait_for(|| process.err(), || is_said().then_some(()));
    sign_up(&process, "bea");
    process.stop();
}

#[test]
fn a_variable_that_cannot_be_followed_is_refused_by_its_name() {
    let endpoint = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4318");
    for (variable, value, allowed) in [
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc", "http/protobuf"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "127.0.0.1:4318", "http://localhost:4318"),
        ("OTEL_TRACES_SAMPLER", "sometimes", "traceidratio"),
        ("OTEL_METRIC_EXPORT_INTERVAL", "1m", "milliseconds"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "the-secret", "key=value"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "x-key=the-secret%0A", "no header"),
    ] {
        let place = Place::sqlite();
        let ended = place.app(&["serve"]).env(endpoint.0, endpoint.1).env(variable, value).finish();
        assert!(!ended.status.success(), "{variable}");
        assert!(ended.err.contains(variable) && ended.err.contains(allowed), "{variable}: {}", ended.err);
        assert!(!ended.err.contains("the-secret"), "{}", ended.err);
    }
}
