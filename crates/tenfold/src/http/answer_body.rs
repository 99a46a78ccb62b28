//! The body of an answer on its way to the client.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use axum::body::Body;
use bytes::Bytes;
use hyper::body::{Body as HttpBody, Frame, SizeHint};

use super::buffers::BufferCharge;
use super::connection::Activity;

/// A request that is in progress until this is dropped.
pub(super) struct InProgress(Arc<Activity>);

impl InProgress {
    pub(super) fn new(on: &Arc<Activity>) -> Self {
        InProgress(Arc::clone(on))
    }
}

impl Drop for InProgress {
    fn drop(&mut self) {
        self.0.request_ends();
    }
}

/// The body of an answer, which is in progress until the client has taken it. Its bytes count as held until the connection has
/// written them.
pub(super) struct AnswerBody {
    body: Body,
    of: InProgress,
    /// Whether the client has yet to make room for the last piece.
    is_waiting: bool,
    /// For an answer that is in memory in whole, until its first piece takes it along.
    charge: Option<BufferCharge>,
}

impl AnswerBody {
    pub(super) fn new(body: Body, of: InProgress) -> Self {
        let bytes = body.size_hint().exact().and_then(|bytes| usize::try_from(bytes).ok());
        let charge = bytes.filter(|bytes| *bytes > 0).map(|bytes| of.0.buffers.answers(bytes));
        AnswerBody { body, of, is_waiting: false, charge }
    }

    fn is_taken(&mut self) {
        if std::mem::take(&mut self.is_waiting) {
            self.of.0.ends_to_wait();
        }
    }
}

impl HttpBody for AnswerBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        // hyper asks for the next piece when there is room for it, and drops the body when the last one is on its way.
        self.is_taken();
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        let Some(Ok(frame)) = frame else { return Poll::Ready(frame) };
        self.is_waiting = true;
        self.of.0.begins_to_wait();
        let charge = self.charge.take();
        let buffers = &self.of.0.buffers;
        let frame = frame.map_data(|piece| charge.unwrap_or_else(|| buffers.answers(piece.len())).on(piece));
        Poll::Ready(Some(Ok(frame)))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for AnswerBody {
    fn drop(&mut self) {
        self.is_taken();
    }
}
