//! One stream: a look at the start, then one after each change, until its session ends or the process stops.

use std::convert::Infallible;
use std::future::Future;
use std::time::Duration;

use axum::body::Body;
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use futures_util::stream;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName};
use tenfold_data::Context;
use tokio::time::{Instant, sleep_until};

use super::super::problem::Problem;
use super::super::state::ServerState;
use super::registry::{Standing, StreamSession};

/// The pause between two looks of a stream: changes that come faster are told together.
const PAUSE: Duration = Duration::from_millis(100);
/// How often a silent stream sends a sign of life, so that proxies keep it open.
const BREATHE_EVERY: Duration = Duration::from_secs(15);
/// A comment after the last event. Without it a client cannot tell the end of a stream from a broken connection.
/// The client of `client ts` stops there; an `EventSource` ignores it.
const END: &str = ":end\n\n";
/// A sign of life: a comment without text.
const BREATH: &[u8] = b":\n\n";

/// What a stream shows.
pub(super) trait StreamSubject: Send + 'static {
    /// Waits until it may have changed. Nothing is lost when the wait is given up.
    fn due(&mut self) -> impl Future<Output = ()> + Send;
    /// It may have changed, whatever the database says.
    fn make_due(&mut self);
    /// Looks at it. After an error the stream ends; the client reconnects and learns why.
    fn look(
        &mut self,
        state: &ServerState,
        cx: &Context,
    ) -> impl Future<Output = Result<Seen, Problem>> + Send;
}

/// What a look gives.
pub(super) struct Seen {
    /// Events as they are sent; empty for none.
    pub text: String,
    /// Nothing comes after it.
    pub is_last: bool,
}

/// The answer to a request for a stream.
pub(super) fn answer(state: ServerState, session: StreamSession, subject: impl StreamSubject) -> Response {
    let now = Instant::now();
    let stream = Stream { state, session, subject, looked: None, breathed: now, has_ended: false };
    let chunks = stream::unfold(stream, |stream| async move { stream.next().await });
    // nginx, and proxies that follow it, would keep events until their buffer is full.
    let unbuffered = (HeaderName::from_static("x-accel-buffering"), "no");
    let headers = [(CONTENT_TYPE, "text/event-stream"), (CACHE_CONTROL, "no-store"), unbuffered];
    (headers, Body::from_stream(chunks)).into_response()
}

struct Stream<S> {
    state: ServerState,
    session: StreamSession,
    subject: S,
    looked: Option<Instant>,
    breathed: Instant,
    has_ended: bool,
}

/// Why a stream stopped waiting.
enum Woken {
    Look,
    Breathe,
    End,
}

impl<S: StreamSubject> Stream<S> {
    /// The next piece of the stream, once there is one.
    async fn next(mut self) -> Option<(Result<Bytes, Infallible>, Self)> {
        while !self.has_ended {
            let piece = match self.wait().await {
                Woken::End => return None,
                Woken::Breathe => Bytes::from_static(BREATH),
                Woken::Look => self.look().await?,
            };
            if !piece.is_empty() {
                self.breathed = Instant::now();
                return Some((Ok(piece), self));
            }
        }
        None
    }

    async fn wait(&mut self) -> Woken {
        let Stream { state, session, subject, looked, breathed, .. } = self;
        loop {
            let due = async {
                subject.due().await;
                if let Some(looked) = *looked {
                    sleep_until(looked + PAUSE).await;
                }
            };
            tokio::select! {
                biased;
                () = state.stopped() => return Woken::End,
                standing = session.changed() => match standing {
                    Standing::Ended => return Woken::End,
                    Standing::Changed => {}
                },
                () = due => return Woken::Look,
                () = sleep_until(*breathed + BREATHE_EVERY) => return Woken::Breathe,
            }
            subject.make_due();
        }
    }

    /// The events that a look finds; nothing when it failed.
    async fn look(&mut self) -> Option<Bytes> {
        let _turn = self.state.live().turn().await;
        self.looked = Some(Instant::now());
        let seen = self.subject.look(&self.state, &self.session.context()?).await.ok()?;
        self.has_ended = seen.is_last;
        Some(Bytes::from(if seen.is_last { seen.text + END } else { seen.text }))
    }
}
