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
    /// Waits until it may have changed, and then looks at it in its turn. After an error it gives nothing, and the stream ends; the
    /// client reconnects and learns why. Nothing is lost when the wait is given up, and the look goes on with the next one.
    fn look(&mut self, state: &ServerState, cx: &Context) -> impl Future<Output = Option<Seen>> + Send;
    /// It may have changed, whatever the database says.
    fn make_due(&mut self);
}

/// What a look gives.
pub(super) struct Seen {
    /// Events as they are sent; empty for none.
    pub text: String,
    /// Nothing comes after it.
    pub is_last: bool,
    /// Requests left no room for the look, or a part of it. It may be tried again after this time.
    pub retry_after: Option<Duration>,
}

impl Seen {
    /// The look was refused.
    pub(super) fn nothing_before(retry_after: Duration) -> Self {
        Seen { text: String::new(), is_last: false, retry_after: Some(retry_after) }
    }
}

/// The answer to a request for a stream.
pub(super) fn answer(state: ServerState, session: StreamSession, subject: impl StreamSubject) -> Response {
    let now = Instant::now();
    let stream = Stream { state, session, subject, rests_until: now, breathed: now, has_ended: false };
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
    /// When it may look again.
    rests_until: Instant,
    breathed: Instant,
    has_ended: bool,
}

/// Why a stream stopped waiting.
enum Woken {
    Seen(Seen),
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
                Woken::Seen(seen) => self.tell(seen),
            };
            if !piece.is_empty() {
                self.breathed = Instant::now();
                return Some((Ok(piece), self));
            }
        }
        None
    }

    async fn wait(&mut self) -> Woken {
        let Stream { state, session, subject, rests_until, breathed, .. } = self;
        let state = &*state;
        loop {
            let Some(cx) = session.context() else { return Woken::End };
            let look = async {
                if Instant::now() < *rests_until {
                    sleep_until(*rests_until).await;
                }
                subject.look(state, &cx).await
            };
            tokio::select! {
                biased;
                () = state.stopped() => return Woken::End,
                standing = session.changed() => match standing {
                    Standing::Ended => return Woken::End,
                    Standing::Changed => {}
                },
                seen = look => return seen.map_or(Woken::End, Woken::Seen),
                () = sleep_until(*breathed + BREATHE_EVERY) => return Woken::Breathe,
            }
            subject.make_due();
        }
    }

    /// The events that a look has found.
    fn tell(&mut self, seen: Seen) -> Bytes {
        self.rests_until = Instant::now() + seen.retry_after.unwrap_or(PAUSE);
        self.has_ended = seen.is_last;
        Bytes::from(if seen.is_last { seen.text + END } else { seen.text })
    }
}
