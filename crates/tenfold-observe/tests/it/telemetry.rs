//! Roll-ups and traces, through what an application calls.

use std::panic::Location;
use std::time::Duration;

use tenfold_data::{
    Clock, DatabaseWaits, Dialect, OrgId, Outcome, RepeatKind, RepeatedRecord, StatementRecord, Timestamp,
    TraceContext, Uuid,
};
use tenfold_observe::telemetry::{
    Beginning, Ending, Histogram, Kept, SERIES_LIMIT, SPAN_LIMIT, Telemetry, TelemetryLayer, Totals, What,
    WorkKind,
};
use tracing_subscriber::Layer as _;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::layer::SubscriberExt as _;

fn telemetry() -> (Telemetry, Clock) {
    let clock = Clock::manual(Timestamp::from_second(1_767_225_600).unwrap());
    (Telemetry::new(clock.clone()), clock)
}

fn beginning(telemetry: &Telemetry, name: &str, trace: TraceContext) -> Beginning {
    Beginning::of_request(name.to_owned(), trace, telemetry.clock().now())
}

fn request(telemetry: &Telemetry, name: &str, status: u16) -> TraceContext {
    let trace = TraceContext::start_random();
    telemetry.begin(beginning(telemetry, name, trace)).end(Ending::Answered(status), Totals::default());
    trace
}

#[track_caller]
fn statement(name: &'static str, trace: TraceContext, elapsed: Duration) -> StatementRecord {
    StatementRecord {
        name: name.into(),
        module: "shop",
        text: "SELECT 1".into(),
        trace,
        dialect: Dialect::Sqlite,
        site: Location::caller(),
        elapsed,
        waits: DatabaseWaits::default(),
        rows: 3,
        said: None,
        outcome: Outcome::Ok,
        by_key: false,
    }
}

#[test]
fn a_quantile_is_off_by_no_more_than_six_percent() {
    let mut histogram = Histogram::default();
    let exact: Vec<u64> = (1..=10_000).map(|step| step * step).collect();
    exact.iter().for_each(|micros| histogram.record(Duration::from_micros(*micros)));
    for share in [0.01, 0.5, 0.9, 0.95, 0.99, 0.999] {
        let index = (exact.len() as f64 * share).ceil() as usize - 1;
        let (found, exact) = (histogram.quantile(share).unwrap().as_secs_f64(), exact[index] as f64 / 1e6);
        assert!((found / exact - 1.0).abs() < 0.065, "{share}: {found} and not {exact}");
    }
    assert_eq!(histogram.quantile(1.0), Some(Duration::from_secs(100)));
    assert_eq!(Histogram::default().quantile(0.5), None);
}

#[test]
fn two_histograms_merged_are_one_of_both() {
    let (mut both, mut first, mut second) =
        (Histogram::default(), Histogram::default(), Histogram::default());
    for micros in 0..1_000 {
        let duration = Duration::from_micros(micros * 37);
        both.record(duration);
        if micros % 3 == 0 { first.record(duration) } else { second.record(duration) }
    }
    first.merge(&second);
    assert_eq!(first, both);
}

#[test]
fn requests_are_counted_for_each_route_and_forgotten_after_an_hour() {
    let (telemetry, clock) = telemetry();
    for _ in 0..3 {
        request(&telemetry, "GET /a", 200);
    }
    request(&telemetry, "GET /b", 503);
    let rows = telemetry.works(WorkKind::Request, 5);
    let mut counted: Vec<_> =
        rows.iter().map(|row| (&*row.name, row.summary.count, row.summary.errors)).collect();
    counted.sort_unstable();
    assert_eq!(counted, [("GET /a", 3, 0), ("GET /b", 1, 1)]);
    assert!(telemetry.works(WorkKind::Job, 5).is_empty());
    clock.advance(Duration::from_secs(5 * 60));
    assert!(telemetry.works(WorkKind::Request, 5).is_empty());
    assert_eq!(telemetry.works(WorkKind::Request, 60).len(), 2);
    let minutes = telemetry.requests_by_minute(60);
    assert_eq!((minutes.len(), minutes[54].count, minutes[59].count), (60, 4, 0));
    clock.advance(Duration::from_secs(55 * 60));
    request(&telemetry, "GET /a", 200);
    assert_eq!(telemetry.requests_by_minute(60).iter().map(|minute| minute.count).sum::<u64>(), 1);
}

#[test]
fn names_beyond_the_bound_are_counted_as_one() {
    let (telemetry, _) = telemetry();
    for number in 0..SERIES_LIMIT + 5 {
        request(&telemetry, &format!("GET /{number}"), 200);
    }
    let rows = telemetry.works(WorkKind::Request, 5);
    assert_eq!(rows.len(), SERIES_LIMIT + 1);
    assert_eq!(rows.iter().find(|row| row.name == "other").map(|row| row.summary.count), Some(5));
}

#[test]
fn a_statement_is_told_apart_by_name_and_place_and_stands_in_its_requests_trace() {
    let (telemetry, _) = telemetry();
    let trace = TraceContext::start_random();
    let recording = telemetry.begin(beginning(&telemetry, "GET /a", trace));
    for _ in 0..2 {
        telemetry.statement(&statement("shop.get", trace, Duration::from_micros(40)));
    }
    telemetry.statement(&statement("shop.get", trace, Duration::from_micros(10)));
    telemetry.statement(&statement("shop.list", TraceContext::start_random(), Duration::from_micros(5)));
    recording.end(Ending::Answered(200), Totals::default());
    let rows = telemetry.statements(5);
    assert_eq!(rows.iter().map(|row| row.summary.count).collect::<Vec<_>>(), [2, 1, 1]);
    assert!(rows[0].statement.site.is_some_and(|site| site.file().ends_with("telemetry.rs")));
    assert_eq!(rows[0].statement.text, "SELECT 1");
    let works = telemetry.trace(trace.trace_id);
    assert_eq!(works.len(), 1);
    let names = works[0].spans.iter().map(|span| match &span.what {
        What::Statement(key, rows) => (&*key.name, *rows),
        other => panic!("{other:?}"),
    });
    assert_eq!(names.collect::<Vec<_>>(), [("shop.get", 3); 3]);
}

#[test]
fn a_trace_keeps_a_bounded_number_of_spans_and_counts_the_rest() {
    let (telemetry, _) = telemetry();
    let trace = TraceContext::start_random();
    let recording = telemetry.begin(beginning(&telemetry, "GET /a", trace));
    for _ in 0..SPAN_LIMIT + 7 {
        telemetry.statement(&statement("shop.get", trace, Duration::from_micros(1)));
    }
    recording.end(Ending::Answered(200), Totals::default());
    let work = &telemetry.trace(trace.trace_id)[0];
    assert_eq!((work.spans.len(), work.dropped), (SPAN_LIMIT, 7));
}

#[test]
fn errors_are_kept_and_a_flood_of_them_pushes_out_errors_only() {
    let (telemetry, _) = telemetry();
    let good = request(&telemetry, "GET /good", 200);
    let first = request(&telemetry, "GET /bad", 500);
    assert_eq!(telemetry.trace(first.trace_id)[0].kept, Kept::Error);
    for _ in 0..1_000 {
        request(&telemetry, "GET /bad", 500);
    }
    assert!(telemetry.trace(first.trace_id).is_empty(), "the oldest error had to go");
    assert_eq!(telemetry.trace(good.trace_id).len(), 1);
    assert!(telemetry.newest(usize::MAX, |work| work.kept == Kept::Error).len() <= 250);
}

#[test]
fn of_requests_that_are_alike_one_a_minute_is_kept() {
    let (telemetry, clock) = telemetry();
    // Some take a little longer than others, so a few buckets are in use, but never a hundred.
    for _ in 0..100 {
        request(&telemetry, "GET /a", 200);
    }
    let kept = telemetry.newest(usize::MAX, |_| true).len();
    assert!((1..50).contains(&kept), "{kept}");
    clock.advance(Duration::from_secs(60));
    request(&telemetry, "GET /a", 200);
    assert_eq!(telemetry.newest(usize::MAX, |_| true).len(), kept + 1);
}

#[test]
fn what_belongs_to_a_kept_trace_is_kept_with_it() {
    let (telemetry, _) = telemetry();
    let trace = request(&telemetry, "POST /a", 500);
    // So many that most are not kept for their own sake.
    for _ in 0..100 {
        let child = trace.child();
        let mut job = beginning(&telemetry, "mail.send", child);
        (job.kind, job.parent) = (WorkKind::Job, Some(trace.span_id));
        let recording = telemetry.begin(job);
        telemetry.acts_for(child.span_id, OrgId(Uuid::nil()), None);
        recording.end(Ending::Completed, Totals::default());
    }
    let works = telemetry.trace(trace.trace_id);
    assert_eq!(works.len(), 101);
    assert_eq!(works[2].organization, Some(OrgId(Uuid::nil())));
    assert_eq!(works[2].beginning.parent, Some(trace.span_id));
}

#[test]
fn work_that_is_broken_off_is_abandoned_and_work_that_is_discarded_was_never_there() {
    let (telemetry, _) = telemetry();
    let (left, ours) = (TraceContext::start_random(), TraceContext::start_random());
    drop(telemetry.begin(beginning(&telemetry, "GET /a", left)));
    telemetry.begin(beginning(&telemetry, "GET /console", ours)).discard();
    assert_eq!(telemetry.trace(left.trace_id)[0].ending, Ending::Abandoned);
    assert!(telemetry.trace(ours.trace_id).is_empty());
    assert_eq!(telemetry.works(WorkKind::Request, 5).len(), 1);
}

#[test]
fn authors_spans_and_warnings_stand_in_the_work_that_they_happen_in() {
    let (telemetry, _) = telemetry();
    let layer = telemetry.layer().with_filter(filter_fn(TelemetryLayer::wants));
    let trace = TraceContext::start_random();
    tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
        tracing::info_span!("nobody's work").in_scope(|| tracing::warn!("heard by nobody"));
        let recording = telemetry.begin(beginning(&telemetry, "GET /a", trace));
        let work = tracing::info_span!("http.request", span_id = %trace.span_id);
        work.in_scope(|| {
            tracing::info_span!("resize").in_scope(|| tracing::warn!(width = 9, "too wide"));
            tracing::debug_span!("not for the console").in_scope(|| tracing::info!("nor this"));
        });
        drop(work);
        recording.end(Ending::Answered(200), Totals::default());
    });
    let works = telemetry.trace(trace.trace_id);
    let spans: Vec<String> = works[0]
        .spans
        .iter()
        .map(|span| match &span.what {
            What::Line(line) => line.clone(),
            What::Code { name, .. } => (*name).to_owned(),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(spans, ["too wide width=9", "resize"]);
}

#[test]
fn spans_of_clients_are_calls_to_other_services() {
    let (telemetry, _) = telemetry();
    let layer = telemetry.layer().with_filter(filter_fn(TelemetryLayer::wants));
    let trace = TraceContext::start_random();
    tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
        let recording = telemetry.begin(beginning(&telemetry, "GET /a", trace));
        let work = tracing::info_span!("http.request", span_id = %trace.span_id);
        work.in_scope(|| {
            // Whatever the client is, and in whatever order it gives its fields.
            let call = tracing::info_span!(
                "client",
                server.address = "api.example.com",
                server.port = 443,
                url.full = "https://api.example.com/v1/charges/17?key=secret",
                otel.status_code = tracing::field::Empty,
                otel.kind = "Client"
            );
            call.in_scope(|| {
                tracing::info_span!("attempt", server.address = "10.0.0.1", otel.kind = "client")
                    .in_scope(|| ())
            });
            call.record("otel.status_code", "ERROR");
            drop(call);
            let kind = tracing::field::display("client");
            tracing::info_span!("cache", otel.kind = kind, server.address = %"::1", server.port = 6379)
                .in_scope(|| ());
            tracing::info_span!("served", otel.kind = "server", server.address = "shop.example.com")
                .in_scope(|| ());
        });
        drop(work);
        recording.end(Ending::Answered(200), Totals::default());
    });
    let spans = &telemetry.trace(trace.trace_id)[0].spans;
    let told: Vec<String> = spans
        .iter()
        .map(|span| match &span.what {
            What::Outbound(call) => format!("{call}: {}", if span.failed { "failed" } else { "done" }),
            What::Code { name, .. } => (*name).to_owned(),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(told, ["attempt", "api.example.com: failed", "[::1]:6379: done", "served"]);
}

#[test]
fn of_repeats_one_trace_a_minute_is_kept_however_many_come() {
    let (telemetry, clock) = telemetry();
    let site = Location::caller();
    let request = || {
        let trace = TraceContext::start_random();
        let recording = telemetry.begin(beginning(&telemetry, "GET /loop", trace));
        telemetry
            .statement(&StatementRecord { site, ..statement("shop.one", trace, Duration::from_micros(7)) });
        let (name, text) = ("shop.one".into(), "SELECT 1".into());
        let (kind, callers) = (RepeatKind::Read, Vec::new());
        telemetry.repeated(&RepeatedRecord {
            kind,
            name,
            module: "shop",
            text,
            trace,
            site,
            callers,
            times: 9,
        });
        recording.end(Ending::Answered(200), Totals::default());
    };
    (0..50).for_each(|_| request());
    let kept = || telemetry.newest(usize::MAX, |work| work.kept == Kept::Repeated);
    assert_eq!(kept().len(), 1);
    assert_eq!((&*kept()[0].repeats[0].name, kept()[0].repeats[0].times), ("shop.one", 9));
    clock.advance(Duration::from_secs(60));
    request();
    assert_eq!(kept().len(), 2);
    let [endpoint] = &*telemetry.works(WorkKind::Request, 5) else { panic!("one name") };
    let [statement] = &*telemetry.statements(5) else { panic!("one statement") };
    assert_eq!((endpoint.summary.repeats, statement.summary.repeats), (51, 51));
}
