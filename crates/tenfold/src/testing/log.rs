//! What a test logs, line by line.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;
use tenfold_observe::logs::{LogFilter, LogFormat, LogLayer, LogOutput};
use tenfold_observe::telemetry::{Telemetry, TelemetryLayer};
use tracing::subscriber::DefaultGuard;
use tracing_subscriber::Layer as _;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::layer::SubscriberExt as _;

/// What is logged on a test's thread, as the application writes it.
pub struct Log {
    sink: LogSink,
    output: LogOutput,
    logging: DefaultGuard,
}

impl Log {
    /// Takes what is logged from now on; `filter` is a level such as `info`, or as `log.filter` has it.
    ///
    /// # Panics
    /// When the filter is none.
    pub fn start(filter: &str) -> Self {
        let sink = LogSink::default();
        let layer = LogLayer::new(LogFormat::Json, sink.clone()).expect("the thread that writes starts");
        let output = layer.output();
        let filter = LogFilter::parse(filter).expect("the test's filter is one");
        let subscriber = tracing_subscriber::registry().with(layer.filtered(filter));
        Log { sink, output, logging: tracing::subscriber::set_default(subscriber) }
    }

    /// The lines since the start.
    ///
    /// # Panics
    /// When they cannot be written.
    pub fn end(self) -> Vec<Value> {
        drop(self.logging);
        assert!(self.output.flush(Duration::from_secs(30)), "the lines are written");
        let text = self.sink.0.lock().expect("no writer panicked").clone();
        let lines = String::from_utf8(text).expect("the log is text");
        lines.lines().map(|line| serde_json::from_str(line).expect("a line is JSON")).collect()
    }
}

/// Adds what happens on a test's thread to telemetry until it is dropped.
pub struct RecordedSpans {
    _recording: DefaultGuard,
}

impl RecordedSpans {
    pub(super) fn start(telemetry: &Telemetry) -> Self {
        let layer = telemetry.layer().with_filter(filter_fn(TelemetryLayer::wants));
        let subscriber = tracing_subscriber::registry().with(layer);
        RecordedSpans { _recording: tracing::subscriber::set_default(subscriber) }
    }
}

/// A writer whose clones write to the same text.
#[derive(Clone, Default)]
struct LogSink(Arc<Mutex<Vec<u8>>>);

impl Write for LogSink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("no writer panicked").write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
