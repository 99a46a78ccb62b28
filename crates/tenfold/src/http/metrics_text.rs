//! The text of the metrics, which is made for one request at a time.

use bytes::Bytes;
use tenfold_observe::metrics::Metrics;
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::problem::Problem;

/// The last text, and when it was begun.
#[derive(Default)]
pub(crate) struct MetricsText(Mutex<Option<(Instant, Bytes)>>);

impl MetricsText {
    /// The metrics as text, not older than this call. Requests that come while a text is made share the next one: with every series
    /// in use it is megabytes long, and however many ask, it is made for one at a time.
    ///
    /// # Errors
    /// When it cannot be made.
    pub(super) async fn get(&self, metrics: &Metrics) -> Result<Bytes, Problem> {
        let arrived = Instant::now();
        let mut last = self.0.lock().await;
        if let Some((begun, text)) = last.as_ref()
            && *begun > arrived
        {
            return Ok(text.clone());
        }
        let (begun, metrics) = (Instant::now(), metrics.clone());
        // Not on a thread that serves requests.
        let made = tokio::task::spawn_blocking(move || metrics.render()).await.map_err(Problem::internal)?;
        let text = Bytes::from(made);
        *last = Some((begun, text.clone()));
        Ok(text)
    }
}
