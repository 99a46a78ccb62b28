//! The body of an answer on its way to the client.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use axum::body::Body;
use bytes::Bytes;
use hyper::body::{Body as HttpBody, Frame, SizeHint};

use super::buffers::{BufferCharge, BufferClient};
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

/// An answer is passed on in slices of at most this many bytes, and each slice that is written gives its memory back. hyper would hand
/// a larger one to h2 in whole, and h2 keeps it until its last byte is written.
const SLICE: usize = 16 << 10;

/// The body of an answer, which is in progress until the client has taken it. Its bytes count as held until the connection has
/// written them.
pub(super) struct AnswerBody {
    body: Body,
    of: InProgress,
    /// Whether the client has yet to make room for the last slice.
    is_waiting: bool,
    /// What has yet to be passed on of the last piece.
    rest: Bytes,
    /// For an answer that is in memory in whole, or its last piece: the charge, and how many bytes have yet to take their part of it.
    charge: Option<BufferCharge>,
    charged: usize,
    /// For whom it is held; nothing for a request that was not admitted.
    client: Option<Arc<BufferClient>>,
}

impl AnswerBody {
    pub(super) fn new(body: Body, of: InProgress, client: Option<Arc<BufferClient>>) -> Self {
        let rest = Bytes::new();
        let mut answer = AnswerBody { body, of, is_waiting: false, rest, charge: None, charged: 0, client };
        let length = answer.body.size_hint().exact().and_then(|bytes| usize::try_from(bytes).ok());
        answer.charge_up_to(length.unwrap_or_default());
        answer
    }

    /// Sees to it that so many bytes are charged.
    fn charge_up_to(&mut self, bytes: usize) {
        if self.charged < bytes {
            self.charge = Some(self.of.0.buffers.charge_answer(bytes, self.client.as_ref()));
            self.charged = bytes;
        }
    }

    /// The next slice, with its part of the charge; the last one takes all that is left of it.
    fn next_slice(&mut self) -> Bytes {
        let slice = self.rest.split_to(self.rest.len().min(SLICE));
        self.charged = self.charged.saturating_sub(slice.len());
        let part = match &mut self.charge {
            Some(charge) if self.charged > 0 => Some(charge.split(slice.len())),
            _ => self.charge.take(),
        };
        match part {
            Some(part) => part.on(slice),
            None => slice,
        }
    }

    fn end_wait(&mut self) {
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
        // hyper asks for the next slice when there is room for it, and drops the body when the last one is on its way.
        self.end_wait();
        if self.rest.is_empty() {
            let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
            let Some(Ok(frame)) = frame else { return Poll::Ready(frame) };
            match frame.into_data() {
                Ok(piece) => {
                    self.charge_up_to(piece.len());
                    self.rest = piece;
                }
                Err(trailers) => return Poll::Ready(Some(Ok(trailers))),
            }
        }
        self.is_waiting = true;
        self.of.0.begins_to_wait();
        Poll::Ready(Some(Ok(Frame::data(self.next_slice()))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let (of_body, rest) = (self.body.size_hint(), self.rest.len() as u64);
        let mut hint = SizeHint::new();
        if let Some(upper) = of_body.upper() {
            hint.set_upper(upper + rest);
        }
        hint.set_lower(of_body.lower() + rest);
        hint
    }
}

impl Drop for AnswerBody {
    fn drop(&mut self) {
        self.end_wait();
    }
}
