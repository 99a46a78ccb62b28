//! Catches what is logged.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;
use tenfold_observe::logs::{LogFilter, LogFormat, LogLayer};
use tracing_subscriber::layer::SubscriberExt;

/// Long enough that only a lost wake-up reaches it.
pub const LIMIT: Duration = Duration::from_secs(30);

/// A writer whose clones write to the same text.
#[derive(Clone, Default)]
pub struct TestSink(Arc<Mutex<Vec<u8>>>);

impl TestSink {
    pub fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl Write for TestSink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The text that `work` logs, at a time that stands still.
pub fn logged(format: LogFormat, filter: &str, work: impl FnOnce()) -> String {
    let sink = TestSink::default();
    let layer = LogLayer::new(format, sink.clone()).unwrap().with_clock(noon);
    let output = layer.output();
    let filter = LogFilter::parse(filter).unwrap();
    let subscriber = tracing_subscriber::registry().with(layer.filtered(filter));
    tracing::subscriber::with_default(subscriber, work);
    assert!(output.flush(LIMIT), "the lines were not written within {LIMIT:?}");
    sink.text()
}

/// The JSON lines that `work` logs.
pub fn json(filter: &str, work: impl FnOnce()) -> Vec<Value> {
    let text = logged(LogFormat::Json, filter, work);
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
        .collect()
}

pub fn noon() -> Timestamp {
    "2026-03-01T12:00:00.000042Z".parse().unwrap()
}
