//! One request of the load, from the moment at which it is due.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::Request;
use http::header::HeaderValue;
use http_body_util::Full;
use tokio::sync::watch;

use crate::arrivals::Arrival;
use crate::connections::{Connections, ExchangeError};
use crate::request::PreparedStep;

/// A request that cannot be sent this long after it was due is not sent: then the generator, or the number of its
/// connections, limits the load.
pub(crate) const SEND_WITHIN: Duration = Duration::from_secs(1);

/// What all requests of a run share.
pub(crate) struct Exchanges {
    pub connections: Connections,
    pub steps: Vec<PreparedStep>,
    pub host: HeaderValue,
    pub start: Instant,
    pub timeout: Duration,
    /// Becomes true at the end, when streams are closed.
    pub over: watch::Receiver<bool>,
}

/// What became of a request.
pub(crate) struct Observation {
    pub arrival: Arrival,
    /// From the moment at which it was due until it was sent, or given up.
    pub late: Duration,
    /// When it was over, since the start.
    pub over_at: Duration,
    pub end: RequestEnd,
}

pub(crate) enum RequestEnd {
    /// With the latency, from the moment at which it was due.
    Answered(Duration),
    /// 503 or 429.
    Refused,
    Failed(String),
    Unsent,
}

impl Exchanges {
    /// Sends a request and reads the answer.
    pub(crate) async fn exchange(self: Arc<Self>, arrival: Arrival) -> Observation {
        let due = self.start + arrival.at;
        let last = due + SEND_WITHIN;
        // The place is kept until the answer is read.
        let place = self.connections.place(last).await;
        let late = due.elapsed();
        let end = match place {
            Some(_) if late <= SEND_WITHIN => self.send(&arrival, due).await,
            _ => RequestEnd::Unsent,
        };
        Observation { arrival, late, over_at: self.start.elapsed(), end }
    }

    async fn send(&self, arrival: &Arrival, due: Instant) -> RequestEnd {
        let step = &self.steps[arrival.step];
        let request = match step.request(arrival, &self.host) {
            Ok(request) => request,
            Err(error) => return RequestEnd::Failed(format!("request cannot be made ({error})")),
        };
        let end = match step.operation.is_stream {
            true => self.stream(request, step.hold, due).await,
            false => self.in_time(self.answer(request, due)).await,
        };
        end.unwrap_or_else(|error| match error {
            ExchangeError::NoSocket(_) => RequestEnd::Unsent,
            error => RequestEnd::Failed(error.to_string()),
        })
    }

    async fn answer(&self, request: Request<Full<Bytes>>, due: Instant) -> Result<RequestEnd, ExchangeError> {
        let answered = self.connections.send(request).await?;
        let status = answered.status();
        answered.finish(&self.connections).await?;
        Ok(ended(status, due.elapsed()))
    }

    /// It is answered once its head is there. Then it stays open for a while, to its end, or to the end of the run.
    async fn stream(
        &self,
        request: Request<Full<Bytes>>,
        hold: Duration,
        due: Instant,
    ) -> Result<RequestEnd, ExchangeError> {
        let answered = self.in_time(self.connections.send(request)).await?;
        let end = ended(answered.status(), due.elapsed());
        let mut over = self.over.clone();
        tokio::select! {
            finished = answered.finish(&self.connections) => finished?,
            () = tokio::time::sleep(hold) => {}
            // An error means that the run is over, too.
            _ = over.wait_for(|over| *over) => {}
        }
        Ok(end)
    }

    async fn in_time<T>(
        &self,
        exchange: impl Future<Output = Result<T, ExchangeError>>,
    ) -> Result<T, ExchangeError> {
        tokio::time::timeout(self.timeout, exchange).await.unwrap_or(Err(ExchangeError::TooLate))
    }
}

fn ended(status: u16, latency: Duration) -> RequestEnd {
    match status {
        429 | 503 => RequestEnd::Refused,
        200..400 => RequestEnd::Answered(latency),
        status => RequestEnd::Failed(format!("status {status}")),
    }
}
