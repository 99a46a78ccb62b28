//! The body of a request, which must arrive at a minimum rate and within `http.body_timeout`.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body as HttpBody, Frame, Incoming, SizeHint};
use tokio::sync::futures::OwnedNotified;
use tokio::time::{Instant, Sleep};

use super::buffers::{BodyWait, BufferCharge, BufferRefusal, ConnectionBuffers};
use super::settings::HttpSettings;

/// Why a body was not read to its end.
#[derive(Debug, thiserror::Error)]
pub(super) enum BodyError {
    /// Fewer bytes than `http.least_pace` arrived while the service waited for them.
    #[error(
        "it came too slowly: {least} bytes in {window:?} are the least (http.least_pace, http.pace_window)"
    )]
    TooSlow { least: u64, window: Duration },
    #[error("it took longer than {0:?} (http.body_timeout)")]
    TooLong(Duration),
    #[error(transparent)]
    NoRoom(BufferRefusal),
    #[error(transparent)]
    Broken(hyper::Error),
}

/// A body that is given up when its client is too slow. Only the time during which the handler waits for bytes counts:
/// what a handler does between two pieces is not the client's fault.
pub(super) struct Paced {
    body: Incoming,
    least: u64,
    window: Duration,
    timeout: Duration,
    until: Instant,
    /// In the current window: the bytes that came, and how long the handler waited for them.
    came: u64,
    waited: Duration,
    waiting_since: Option<Instant>,
    /// While the handler waits.
    wait: Option<BodyWait>,
    alarm: Option<Pin<Box<Sleep>>>,
    buffers: Arc<ConnectionBuffers>,
    /// What the request takes until its body is complete.
    unfinished: Option<BufferCharge>,
    cut: Option<Pin<Box<OwnedNotified>>>,
}

impl Paced {
    pub(super) fn new(body: Incoming, settings: &HttpSettings, buffers: &Arc<ConnectionBuffers>) -> Self {
        let length = body.size_hint().upper().unwrap_or(u64::MAX);
        let unfinished = (!body.is_end_stream()).then(|| buffers.unfinished(length));
        Paced {
            body,
            least: settings.least_in_a_window(),
            window: settings.pace_window,
            timeout: settings.body_timeout,
            until: Instant::now() + settings.body_timeout,
            came: 0,
            waited: Duration::ZERO,
            waiting_since: None,
            wait: None,
            alarm: None,
            buffers: Arc::clone(buffers),
            unfinished,
            cut: None,
        }
    }

    /// A piece has come: it is kept for the handler, if there is room for it.
    fn keep(&mut self, frame: Frame<Bytes>) -> Result<Frame<Bytes>, BodyError> {
        if let Some(since) = self.waiting_since.take() {
            self.waited += since.elapsed();
        }
        let piece = match frame.into_data() {
            Ok(piece) => piece,
            Err(trailers) => return Ok(trailers),
        };
        self.came += piece.len() as u64;
        let kept = self.buffers.charge_piece(piece).map_err(BodyError::NoRoom)?;
        if self.body.is_end_stream() {
            self.unfinished = None;
        }
        Ok(Frame::data(kept))
    }

    /// Keeps waiting, unless that has taken too long.
    fn wait(&mut self, cx: &mut Context<'_>) -> Poll<BodyError> {
        self.wait.get_or_insert_with(|| self.buffers.wait_for_body());
        loop {
            let since = *self.waiting_since.get_or_insert_with(Instant::now);
            let due = (since + self.window.saturating_sub(self.waited)).min(self.until);
            let alarm = self.alarm.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(due)));
            if alarm.deadline() != due {
                alarm.as_mut().reset(due);
            }
            // A wake between the two would be lost in the other order.
            let is_woken = self
                .cut
                .get_or_insert_with(|| Box::pin(self.buffers.cut_soon()))
                .as_mut()
                .poll(cx)
                .is_ready();
            if is_woken || self.buffers.is_cut() {
                return Poll::Ready(BodyError::NoRoom(BufferRefusal::Stalled));
            }
            std::task::ready!(alarm.as_mut().poll(cx));
            if Instant::now() >= self.until {
                return Poll::Ready(BodyError::TooLong(self.timeout));
            }
            if self.came < self.least {
                return Poll::Ready(BodyError::TooSlow { least: self.least, window: self.window });
            }
            (self.came, self.waited, self.waiting_since) = (0, Duration::ZERO, None);
        }
    }
}

impl HttpBody for Paced {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let polled = Pin::new(&mut self.body).poll_frame(cx);
        if polled.is_ready() {
            self.wait = None;
        }
        match polled {
            Poll::Ready(Some(Ok(frame))) => Poll::Ready(Some(self.keep(frame))),
            Poll::Ready(ended) => {
                self.unfinished = None;
                Poll::Ready(ended.map(|ended| ended.map_err(BodyError::Broken)))
            }
            Poll::Pending => self.wait(cx).map(|error| Some(Err(error))),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
