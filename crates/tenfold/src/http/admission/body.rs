//! The body of an admitted request: while its client is slow, others can use its room.

use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::{Body, Bytes};
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use tenfold_admission::PermitPause;

/// A body whose request is paused while its handler waits for bytes. Otherwise a few slow uploads would take all room.
pub(super) struct PausingBody {
    body: Body,
    permit: PermitPause,
    is_paused: bool,
}

impl PausingBody {
    pub(super) fn new(body: Body, permit: PermitPause) -> Self {
        PausingBody { body, permit, is_paused: false }
    }

    fn resume(&mut self) {
        if std::mem::take(&mut self.is_paused) {
            self.permit.resume();
        }
    }
}

impl HttpBody for PausingBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(cx);
        match polled {
            Poll::Ready(_) => self.resume(),
            Poll::Pending if !self.is_paused => {
                self.is_paused = true;
                self.permit.pause();
            }
            Poll::Pending => {}
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// A handler may give the body up and go on.
impl Drop for PausingBody {
    fn drop(&mut self) {
        self.resume();
    }
}
