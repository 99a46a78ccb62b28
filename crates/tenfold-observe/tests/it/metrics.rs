use std::io::Write;
use std::process::{Command, Stdio};
use std::time::Duration;

use tenfold_data::CacheFigures;
use tenfold_observe::metrics::{Build, CONTENT_TYPE, MetricOutcome, Metrics, SERIES_LIMIT};

use crate::sink::noon;

fn metrics() -> Metrics {
    Metrics::new(&Build { application: "shop", version: "1.2.3", started_at: noon() })
}

/// The value of the sample that is written exactly so.
fn sample(text: &str, name: &str) -> Option<f64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.map(|value| value.parse().unwrap())
}

fn count(text: &str, start: &str) -> usize {
    text.lines().filter(|line| line.starts_with(start)).count()
}

/// Every kind of metric, with label values that need escaping.
fn busy() -> Metrics {
    let metrics = metrics();
    metrics.request("GET", "/orders/{id}", 200, 0.012);
    metrics.request("POST", "", 404, 0.000_01);
    metrics.statement("orders", "orders.by_id", "sqlite", MetricOutcome::Ok, 0.000_2);
    metrics.statement(
        "orders",
        "a \"quoted\\\" name\nof two lines",
        "postgresql",
        MetricOutcome::Failed("timeout"),
        30.0,
    );
    metrics.call("billing", "charge", MetricOutcome::Failed("unavailable"), 0.1);
    metrics.job("orders.ship", MetricOutcome::Failed("job"), 0.2, 1.5);
    metrics.jobs_queued(&[("retryable", 3)]);
    metrics.cache(CacheFigures { certificate_age: Some(Duration::ZERO), ..CacheFigures::default() });
    metrics
}

#[test]
fn jobs_are_timed_by_kind_and_counted_by_state_once_somebody_has_counted() {
    let metrics = metrics();
    assert_eq!(count(&metrics.render(), "tenfold_jobs"), 0);
    metrics.job("orders.ship", MetricOutcome::Ok, 0.2, 1.5);
    metrics.job("orders.ship", MetricOutcome::Failed("job"), 0.0, 0.5);
    metrics.jobs_queued(&[("available", 1), ("running", 7)]);
    metrics.jobs_queued(&[("retryable", 3)]);
    let text = metrics.render();
    for (name, value) in [
        (r#"tenfold_job_duration_seconds_sum{kind="orders.ship"}"#, 1.5),
        (r#"tenfold_job_duration_seconds_count{kind="orders.ship",error_type="job"}"#, 1.0),
        (r#"tenfold_job_wait_seconds_count{kind="orders.ship"}"#, 2.0),
        (r#"tenfold_jobs{state="available"}"#, 0.0),
        (r#"tenfold_jobs{state="retryable"}"#, 3.0),
    ] {
        assert_eq!(sample(&text, name), Some(value), "{name}\n{text}");
    }
}

#[test]
fn the_cache_is_shown_once_it_has_said_what_it_did() {
    let metrics = metrics();
    assert_eq!(count(&metrics.render(), "tenfold_cache_reads_total"), 0);
    let certificate_age = Some(Duration::from_millis(250));
    metrics.cache(CacheFigures {
        hits: 7,
        samples: 4,
        stale: 1,
        refused: 2,
        large: 1,
        rows: 3,
        certificate_age,
        ..CacheFigures::default()
    });
    let text = metrics.render();
    for (name, value) in [
        (r#"tenfold_cache_reads_total{result="hit"}"#, 7.0),
        (r#"tenfold_cache_reads_total{result="fenced"}"#, 0.0),
        (r#"tenfold_cache_refused_fills_total{reason="changed"}"#, 2.0),
        (r#"tenfold_cache_refused_fills_total{reason="large"}"#, 1.0),
        (r#"tenfold_cache_samples_total{result="same"}"#, 3.0),
        (r#"tenfold_cache_samples_total{result="stale"}"#, 1.0),
        ("tenfold_cache_coherence", 0.75),
        ("tenfold_cache_load_seconds_total", 0.0),
        ("tenfold_cache_rows", 3.0),
        ("tenfold_cache_certificate_age_seconds", 0.25),
    ] {
        assert_eq!(sample(&text, name), Some(value), "{name}\n{text}");
    }
}

#[test]
fn a_request_is_counted_by_method_route_and_status() {
    let metrics = metrics();
    metrics.request("GET", "/orders/{id}", 200, 0.012);
    metrics.clone().request("GET", "/orders/{id}", 200, 0.5);
    metrics.request("GET", "/orders/{id}", 500, 0.5);
    let text = metrics.render();
    let name = "http_server_request_duration_seconds";
    let labels = r#"http_request_method="GET",http_route="/orders/{id}",http_response_status_code="200""#;
    assert_eq!(sample(&text, &format!("{name}_count{{{labels}}}")), Some(2.0), "{text}");
    assert_eq!(sample(&text, &format!("{name}_sum{{{labels}}}")), Some(0.512));
    for (bound, below) in [("0.01", 0.0), ("0.025", 1.0), ("0.5", 2.0), ("+Inf", 2.0)] {
        let bucket = format!("{name}_bucket{{le=\"{bound}\",{labels}}}");
        assert_eq!(sample(&text, &bucket), Some(below), "{bucket}\n{text}");
    }
    assert_eq!(count(&text, &format!("{name}_count")), 2);
}

#[test]
fn the_buckets_are_opentelemetrys_and_four_below() {
    let metrics = metrics();
    metrics.request("GET", "/", 200, 1.0);
    let bounds: Vec<String> = metrics
        .render()
        .lines()
        .filter_map(|line| Some(line.split_once("le=\"")?.1.split_once('"')?.0.to_owned()))
        .collect();
    let expected = [
        "0.0001", "0.0005", "0.001", "0.0025", "0.005", "0.01", "0.025", "0.05", "0.075", "0.1", "0.25",
        "0.5", "0.75", "1.0", "2.5", "5.0", "7.5", "10.0", "+Inf",
    ];
    assert_eq!(bounds, expected);
}

#[test]
fn a_method_that_a_client_invented_makes_no_series_of_its_own() {
    let metrics = metrics();
    for number in 0..10 {
        metrics.request(&format!("BREW{number}"), "/", 405, 0.1);
    }
    let text = metrics.render();
    assert_eq!(count(&text, "http_server_request_duration_seconds_count"), 1, "{text}");
    assert!(text.contains(r#"http_request_method="_OTHER""#), "{text}");
}

#[test]
fn every_status_is_written_as_the_number_it_is() {
    for status in [0, 7, 42, 200, 599, 1_000, u16::MAX] {
        let metrics = metrics();
        metrics.request("GET", "/", status, 0.1);
        let text = metrics.render();
        assert!(text.contains(&format!("http_response_status_code=\"{status}\"")), "{status}\n{text}");
    }
}

#[test]
fn an_error_type_stands_only_where_there_was_an_error() {
    let text = busy().render();
    let ok = r#"{db_system_name="sqlite",db_query_summary="orders.by_id",module="orders"}"#;
    assert_eq!(
        sample(&text, &format!("db_client_operation_duration_seconds_count{ok}")),
        Some(1.0),
        "{text}"
    );
    let failed = r#"{module="billing",method="charge",error_type="unavailable"}"#;
    assert_eq!(
        sample(&text, &format!("tenfold_module_call_duration_seconds_count{failed}")),
        Some(1.0),
        "{text}"
    );
}

#[test]
fn a_request_is_in_flight_until_its_guard_is_dropped() {
    let metrics = metrics();
    let active = || sample(&metrics.render(), "http_server_active_requests");
    assert_eq!(active(), Some(0.0));
    let (one, two) = (metrics.request_started(), metrics.request_started());
    assert_eq!(active(), Some(2.0));
    drop(one);
    assert_eq!(active(), Some(1.0));
    let unwound = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        let _in_flight = two;
        std::panic::resume_unwind(Box::new("a handler's bug"));
    }));
    assert!(unwound.is_err());
    assert_eq!(active(), Some(0.0));
}

#[test]
fn past_the_limit_observations_go_to_other_and_are_counted() {
    let metrics = metrics();
    let name = "db_client_operation_duration_seconds_count";
    for number in 0..SERIES_LIMIT - 1 {
        metrics.statement("orders", &format!("statement {number}"), "sqlite", MetricOutcome::Ok, 0.001);
    }
    let text = metrics.render();
    assert_eq!(count(&text, name), SERIES_LIMIT - 1);
    assert_eq!(sample(&text, "tenfold_metrics_overflow_total"), Some(0.0));
    for number in 0..50 {
        metrics.statement("orders", &format!("one more {number}"), "sqlite", MetricOutcome::Ok, 0.001);
        metrics.statement("orders", "statement 7", "sqlite", MetricOutcome::Ok, 0.001);
    }
    metrics.call("billing", "charge", MetricOutcome::Ok, 0.1);
    let text = metrics.render();
    assert_eq!(count(&text, name), SERIES_LIMIT);
    let other = r#"{db_system_name="other",db_query_summary="other",module="other",error_type="other"}"#;
    assert_eq!(sample(&text, &format!("{name}{other}")), Some(50.0));
    let known = r#"{db_system_name="sqlite",db_query_summary="statement 7",module="orders"}"#;
    assert_eq!(sample(&text, &format!("{name}{known}")), Some(51.0));
    assert_eq!(sample(&text, "tenfold_metrics_overflow_total"), Some(50.0));
    assert_eq!(
        count(&text, "tenfold_module_call_duration_seconds_count"),
        1,
        "families fill up each by itself"
    );
}

#[test]
fn values_that_are_all_called_other_never_make_a_series_twice() {
    let metrics = metrics();
    for _ in 0..2 {
        metrics.call("other", "other", MetricOutcome::Failed("other"), 0.1);
        for number in 0..SERIES_LIMIT {
            metrics.call("billing", &number.to_string(), MetricOutcome::Ok, 0.1);
        }
    }
    let text = metrics.render();
    assert_eq!(count(&text, "tenfold_module_call_duration_seconds_count"), SERIES_LIMIT);
    assert_eq!(count(&text, "tenfold_module_call_duration_seconds_count{module=\"other\""), 1);
}

#[test]
fn threads_that_fill_a_family_together_lose_no_observation() {
    let metrics = metrics();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for number in 0..2 * SERIES_LIMIT {
                    metrics.call("billing", &number.to_string(), MetricOutcome::Ok, 0.1);
                }
            });
        }
    });
    let text = metrics.render();
    let name = "tenfold_module_call_duration_seconds_count";
    let counts = text.lines().filter(|line| line.starts_with(name));
    let sum: f64 = counts.map(|line| line.rsplit_once(' ').unwrap().1.parse::<f64>().unwrap()).sum();
    assert_eq!(sum, 8.0 * SERIES_LIMIT as f64);
    assert_eq!(count(&text, name), SERIES_LIMIT);
    assert_eq!(sample(&text, "tenfold_metrics_overflow_total"), Some(4.0 * (SERIES_LIMIT + 1) as f64));
}

#[test]
fn a_duration_that_is_none_spoils_no_sum() {
    let metrics = metrics();
    for seconds in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -1.0, 0.5] {
        metrics.call("billing", "charge", MetricOutcome::Ok, seconds);
    }
    let text = metrics.render();
    let labels = r#"{module="billing",method="charge"}"#;
    assert_eq!(sample(&text, &format!("tenfold_module_call_duration_seconds_sum{labels}")), Some(0.5));
    assert_eq!(sample(&text, &format!("tenfold_module_call_duration_seconds_count{labels}")), Some(2.0));
}

#[test]
fn the_process_says_what_it_is_since_when_and_how_much_memory_it_holds() {
    let text = metrics().render();
    assert_eq!(
        sample(&text, r#"tenfold_build_info{application="shop",version="1.2.3"}"#),
        Some(1.0),
        "{text}"
    );
    assert_eq!(sample(&text, "process_start_time_seconds"), Some(1_772_366_400.000_042));
    let memory = sample(&text, "process_resident_memory_bytes");
    if std::path::Path::new("/proc/self/status").exists() {
        assert!(memory.is_some_and(|bytes| bytes > 100_000.0), "{memory:?}");
    } else {
        assert_eq!(memory, None);
    }
}

#[test]
fn series_are_written_in_the_same_order_whenever_they_were_met() {
    let without_memory = |metrics: &Metrics| -> Vec<String> {
        let text = metrics.render();
        text.lines().filter(|line| !line.starts_with("process_resident")).map(str::to_owned).collect()
    };
    let (forwards, backwards) = (metrics(), metrics());
    for number in 0..100 {
        forwards.call("billing", &number.to_string(), MetricOutcome::Ok, 0.5);
        backwards.call("billing", &(99 - number).to_string(), MetricOutcome::Ok, 0.5);
    }
    assert_eq!(without_memory(&forwards), without_memory(&backwards));
}

#[test]
#[expect(clippy::print_stdout, reason = "who runs the tests should see what was not tested")]
fn promtool_has_nothing_to_say_about_the_metrics() {
    assert_eq!(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8");
    let check = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let mut promtool = match check {
        Ok(promtool) => promtool,
        Err(error) => {
            let required = std::env::var("TENFOLD_TEST_REQUIRE_TOOLS").is_ok_and(|value| value == "1");
            assert!(!required, "promtool is required, but: {error}");
            println!("skipped: promtool could not be run: {error}");
            return;
        }
    };
    let metrics = busy();
    for number in 0..2 * SERIES_LIMIT {
        metrics.call("billing", &number.to_string(), MetricOutcome::Ok, 0.1);
    }
    promtool.stdin.take().unwrap().write_all(metrics.render().as_bytes()).unwrap();
    let said = promtool.wait_with_output().unwrap();
    let text = format!("{}{}", String::from_utf8_lossy(&said.stdout), String::from_utf8_lossy(&said.stderr));
    assert!(said.status.success(), "{text}");
    assert_eq!(text, "");
}
