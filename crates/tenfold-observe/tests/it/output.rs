use std::io::{self, Write};
use std::process::Command;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use tenfold_observe::logs::{self, Colour, InstallError, LogFormat, LogLayer};
use tracing_subscriber::layer::SubscriberExt;

use crate::sink::{LIMIT, TestSink};

fn telemetry() -> tenfold_observe::telemetry::Telemetry {
    tenfold_observe::telemetry::Telemetry::new(tenfold_data::Clock::system())
}

/// Fails as often as told, then writes.
struct Flaky {
    failures: usize,
    sink: TestSink,
}

impl Write for Flaky {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.failures > 0 {
            self.failures -= 1;
            return Err(io::Error::other("disk full"));
        }
        self.sink.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Writes nothing until the other end of the channel is dropped.
struct Stuck {
    until: Receiver<()>,
    sink: TestSink,
}

impl Write for Stuck {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let _ = self.until.recv();
        self.sink.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn layer(writer: impl Write + Send + 'static) -> LogLayer {
    LogLayer::new(LogFormat::Json, writer).unwrap()
}

#[test]
fn a_writer_that_fails_costs_lines_and_says_how_many_once_it_works_again() {
    let sink = TestSink::default();
    let layer = layer(Flaky { failures: 2, sink: sink.clone() });
    let output = layer.output();
    tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
        for (number, lost) in [(1, 1), (2, 2), (3, 2)] {
            tracing::info!(number, "line");
            assert!(output.flush(LIMIT));
            assert_eq!(output.lost(), lost, "after line {number}");
        }
    });
    let lines: Vec<serde_json::Value> =
        sink.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert_eq!((&lines[0]["level"], &lines[0]["lost"]), (&"WARN".into(), &2.into()));
    assert_eq!(lines[1]["number"], 3);
}

#[test]
fn a_writer_that_is_stuck_holds_nobody_up_and_every_line_is_written_or_counted() {
    const LINES: u64 = 20_000;
    let (release, until) = channel();
    let sink = TestSink::default();
    let layer = layer(Stuck { until, sink: sink.clone() });
    let output = layer.output();
    let padding = "x".repeat(1_000);
    let subscriber = tracing_subscriber::registry().with(layer);
    tracing::subscriber::with_default(subscriber, || {
        for number in 0..LINES {
            tracing::info!(number, padding, "line");
        }
        assert!(output.lost() > 0, "20 MB cannot all wait");
        assert!(!output.flush(Duration::ZERO));
        drop(release);
        assert!(output.flush(LIMIT));
        tracing::info!("recovered");
        assert!(output.flush(LIMIT));
    });
    let text = sink.text();
    let written = text.lines().filter(|line| line.contains("\"number\":")).count() as u64;
    assert_eq!(written + output.lost(), LINES);
    let reports: Vec<_> = text.lines().filter(|line| line.contains("\"lost\":")).collect();
    assert_eq!(reports.len(), 1, "{reports:?}");
    assert!(reports[0].contains(&format!("\"lost\":{}", output.lost())), "{}", reports[0]);
}

#[test]
fn a_writer_that_panics_leaves_the_application_alone() {
    struct Bomb;
    impl Write for Bomb {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            panic!("a bug in a writer (expected in this test)")
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    tracing::subscriber::with_default(tracing_subscriber::registry().with(layer(Bomb)), || {
        (0..100_000).for_each(|number| tracing::info!(number, "line"));
    });
}

#[test]
fn two_layers_write_the_same_ids() {
    let (json, pretty) = (TestSink::default(), TestSink::default());
    let json_layer = layer(json.clone());
    let pretty_layer = LogLayer::new(LogFormat::Pretty(Colour::Never), pretty.clone()).unwrap();
    let outputs = [json_layer.output(), pretty_layer.output()];
    let subscriber = tracing_subscriber::registry().with(json_layer).with(pretty_layer);
    tracing::subscriber::with_default(subscriber, || {
        let trace = tenfold_data::trace::TraceContext::start_random();
        let _request = tracing::info_span!("http.request", trace_id = %trace.trace_id).entered();
        tracing::info!("line");
    });
    assert!(outputs.iter().all(|output| output.flush(LIMIT)));
    let line: serde_json::Value = serde_json::from_str(json.text().lines().next().unwrap()).unwrap();
    let span_id = line["span_id"].as_str().unwrap();
    assert!(pretty.text().contains(span_id), "{span_id} is not in {}", pretty.text());
}

/// Runs itself in a process of its own, since a subscriber is installed once for the whole process.
#[test]
fn installed_logs_go_to_standard_error_and_a_second_installation_is_refused() {
    const CHILD: &str = "TENFOLD_TEST_INSTALL";
    if std::env::var_os(CHILD).is_some() {
        logs::install(LogFormat::Json, "warn", &telemetry()).unwrap();
        let trace_id = "0af7651916cd43dd8448eb211c80319c";
        tracing::info_span!("http.request", trace_id).in_scope(|| tracing::warn!("first installed"));
        tracing::info!("hidden");
        let again = logs::install(LogFormat::Json, "info", &telemetry());
        assert!(matches!(again, Err(InstallError::AlreadyInstalled)), "{again:?}");
        tracing::warn!("still the first");
        assert!(logs::flush(LIMIT));
        return;
    }
    let name = "output::installed_logs_go_to_standard_error_and_a_second_installation_is_refused";
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", name, "--nocapture"])
        .env(CHILD, "1")
        .output()
        .unwrap();
    let text = String::from_utf8(child.stderr).unwrap();
    assert!(child.status.success(), "{text}");
    let first = r#""message":"first installed","trace_id":"0af7651916cd43dd8448eb211c80319c""#;
    assert!(text.contains(first), "{text}");
    assert!(!text.contains("hidden"), "{text}");
    assert!(text.contains("\"message\":\"still the first\""), "{text}");
}

#[test]
fn a_bad_filter_is_refused_before_anything_is_installed() {
    let refused = logs::install(LogFormat::Json, "loud", &telemetry());
    assert!(matches!(refused, Err(InstallError::Filter { .. })), "{refused:?}");
}
