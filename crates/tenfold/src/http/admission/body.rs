//! The body of an admitted request: while its client is slow, others can use its room.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use axum::body::{Body, Bytes};
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use tenfold_admission::{PermitPause, Returning};

/// A part of a body, or its end.
type BodyPart = Option<Result<Frame<Bytes>, axum::Error>>;

/// A body whose request is paused while its handler waits for bytes. Otherwise a few slow uploads would take all room.
///
/// When they have come, the request waits until there is room again.
pub(super) struct PausingBody {
    body: Body,
    permit: PermitPause,
    state: BodyState,
}

enum BodyState {
    Runs,
    Paused,
    /// This part has come.
    Returns(Returning, BodyPart),
}

impl PausingBody {
    pub(super) fn new(body: Body, permit: PermitPause) -> Self {
        PausingBody { body, permit, state: BodyState::Runs }
    }
}

impl HttpBody for PausingBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<BodyPart> {
        let PausingBody { body, permit, state } = &mut *self;
        loop {
            match state {
                BodyState::Runs => {
                    let polled = Pin::new(body).poll_frame(cx);
                    if polled.is_pending() {
                        permit.pause();
                        *state = BodyState::Paused;
                    }
                    return polled;
                }
                BodyState::Paused => {
                    let part = ready!(Pin::new(&mut *body).poll_frame(cx));
                    *state = BodyState::Returns(permit.come_back(), part);
                }
                BodyState::Returns(returning, part) => {
                    ready!(Pin::new(returning).poll(cx));
                    let part = part.take();
                    *state = BodyState::Runs;
                    return Poll::Ready(part);
                }
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        !matches!(self.state, BodyState::Returns(..)) && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        match self.state {
            BodyState::Returns(..) => SizeHint::default(),
            BodyState::Runs | BodyState::Paused => self.body.size_hint(),
        }
    }
}

/// A handler may give the body up and go on.
impl Drop for PausingBody {
    fn drop(&mut self) {
        if !matches!(std::mem::replace(&mut self.state, BodyState::Runs), BodyState::Runs) {
            self.permit.resume();
        }
    }
}
