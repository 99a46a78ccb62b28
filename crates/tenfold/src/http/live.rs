//! Server-Sent Events: live updates for browsers (HTML standard, section 9.2).
//!
//! A stream outlives its request, so it does not share the request's scope and deadline: each query is a short piece
//! of work of its own. The session is checked again every few seconds. A stream ends with its session, when the
//! process stops, and when there is nothing more to send.

use std::convert::Infallible;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::stream;
use http::HeaderMap;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use serde_json::Value;
use tenfold_data::{Context, SystemContext};
use tokio::time::Instant;
use utoipa::ToSchema;

use super::auth::Credentials;
use super::problem::Problem;
use super::state::ServerState;

/// How often a stream polls for news.
const LOOK_EVERY: Duration = Duration::from_millis(300);
/// How often the session behind it is checked.
const CHECK_EVERY: Duration = Duration::from_secs(5);
/// How often a silent stream sends a sign of life, so that proxies keep it open.
const BREATHE_EVERY: Duration = Duration::from_secs(15);
/// A comment after the last event. Without it a client cannot tell the end of a stream from a broken connection.
/// The client of `client ts` stops there; an `EventSource` ignores it.
const END: &str = ":end\n\n";

/// One event of a stream.
#[derive(Clone, Debug)]
pub struct LiveEvent {
    /// The client's position after it; sent back as `Last-Event-ID` when the client reconnects. Without line breaks.
    pub id: String,
    /// The event's type, as scripts listen for it.
    pub name: &'static str,
    /// What happened.
    pub data: Value,
}

/// The shape of a server-sent event, for the OpenAPI document.
#[derive(ToSchema)]
pub struct EventShape {
    /// The id to continue after, as `Last-Event-ID`.
    #[expect(dead_code, reason = "only its shape is of use")]
    id: String,
    /// The event's type.
    #[expect(dead_code, reason = "as above")]
    event: String,
    /// What happened, as JSON.
    #[expect(dead_code, reason = "as above")]
    data: String,
}

/// The result of one poll.
pub enum News {
    /// These events, maybe none; there may be more later.
    More(Vec<LiveEvent>),
    /// These events, and no more after them.
    Last(Vec<LiveEvent>),
}

/// Begins a stream. `look` is called every 300 ms with a fresh context of the same organization and principal and with
/// the id of the last event that the client has, from `Last-Event-ID` at first.
///
/// # Errors
/// 401 when the request carries no session.
pub fn live<F, W>(
    state: &ServerState,
    headers: &HeaderMap,
    cx: &Context,
    look: F,
) -> Result<Response, Problem>
where
    F: Fn(Context, Option<String>) -> W + Send + Sync + 'static,
    W: Future<Output = Result<News, Problem>> + Send,
{
    let credentials =
        Credentials::of(headers, state.settings().session_cookie()).ok_or_else(Problem::unauthenticated)?;
    let last_id = headers.get("last-event-id").and_then(|id| id.to_str().ok()).map(str::to_owned);
    let now = Instant::now();
    let watcher = Watcher {
        state: state.clone(),
        token: credentials.token,
        cx: cx.clone(),
        look,
        last_id,
        checked: now,
        breathed: now,
        ended: false,
    };
    let chunks = stream::unfold(watcher, |watcher| async move { watcher.next().await });
    let headers = [(CONTENT_TYPE, "text/event-stream"), (CACHE_CONTROL, "no-store")];
    Ok((headers, Body::from_stream(chunks)).into_response())
}

struct Watcher<F> {
    state: ServerState,
    token: String,
    cx: Context,
    look: F,
    last_id: Option<String>,
    checked: Instant,
    breathed: Instant,
    ended: bool,
}

impl<F, W> Watcher<F>
where
    F: Fn(Context, Option<String>) -> W + Send + Sync + 'static,
    W: Future<Output = Result<News, Problem>> + Send,
{
    /// The next piece of the stream, once there is one.
    async fn next(mut self) -> Option<(Result<Bytes, Infallible>, Self)> {
        while !self.ended && !self.state.is_stopping() {
            if self.checked.elapsed() >= CHECK_EVERY {
                self.checked = Instant::now();
                if !self.is_signed_in().await {
                    return None;
                }
            }
            let events = match self.look().await {
                Ok(News::More(events)) => events,
                Ok(News::Last(events)) => {
                    self.ended = true;
                    events
                }
                // The client reconnects with its last id and learns why.
                Err(_) => return None,
            };
            let mut text: String = events.iter().map(LiveEvent::text).collect();
            if self.ended {
                text += END;
            }
            if let Some(last) = events.last() {
                self.last_id = Some(last.id.clone());
            }
            if !text.is_empty() {
                self.breathed = Instant::now();
                return Some((Ok(Bytes::from(text)), self));
            }
            if self.breathed.elapsed() >= BREATHE_EVERY {
                self.breathed = Instant::now();
                return Some((Ok(Bytes::from_static(b":\n\n")), self));
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
        None
    }

    async fn look(&self) -> Result<News, Problem> {
        let last_id = self.last_id.clone();
        let deadline = Instant::now() + self.state.settings().deadline;
        self.state
            .database()
            .run(Some(deadline), async |system: SystemContext| {
                (self.look)(self.cx.in_scope(Arc::clone(system.scope())), last_id).await
            })
            .await
    }

    async fn is_signed_in(&self) -> bool {
        let deadline = Instant::now() + self.state.settings().deadline;
        let check =
            async |system: SystemContext| self.state.authenticator().authenticate(&system, &self.token).await;
        matches!(self.state.database().run(Some(deadline), check).await, Ok(Some(_)))
    }
}

impl LiveEvent {
    fn text(&self) -> String {
        // JSON has no line breaks outside strings, and escapes those inside.
        format!("id: {}\nevent: {}\ndata: {}\n\n", self.id, self.name, self.data)
    }
}
