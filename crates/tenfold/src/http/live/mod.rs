//! Server-Sent Events: live updates for browsers (HTML standard, section 9.2).
//!
//! A stream looks at the start, and again when a table that its last look read has changed; nothing polls. Which tables
//! these are is learnt from the statements of the look ([`Scope::note_tables`](tenfold_data::Scope::note_tables)), so
//! that no endpoint can forget one: what a look finds depends on the database through its statements alone, so while
//! none of their tables changes, the next look would find the same. The idea is that of self-adjusting computation
//! (Acar, 2005) and of Convex's read sets.
//!
//! - `stream.rs`: one stream, from look to look, until its session ends, the process stops, or there is nothing more.
//! - `dependencies.rs`: the tables behind a stream, watched.
//! - `turn.rs`: a look waits until requests leave it room, and its organization's turn has come.
//! - `joined.rs`: equal looks are made once.
//! - `sessions.rs`: the sessions behind all streams, checked in one statement.
//! - `resources.rs`: `GET /v1/live`, one stream for all that a tab shows.
//!
//! A stream outlives its request, so it does not share the request's scope and deadline: each look is a short piece of
//! work of its own.

mod dependencies;
mod joined;
mod process;
mod query_stream;
mod registry;
mod resource;
mod resources;
mod sessions;
mod stream;
mod turn;

use std::future::Future;

use axum::response::Response;
use http::HeaderMap;
use serde_json::Value;
use tenfold_data::Context;
use utoipa::ToSchema;

pub(crate) use self::process::LiveStreams;
use self::query_stream::QueryStream;
pub(super) use self::resources::Resources;
pub(super) use self::resources::routes;
use super::auth::Credentials;
use super::problem::Problem;
use super::state::ServerState;

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

/// The result of one look.
pub enum News {
    /// These events, maybe none. The next look comes after a change.
    More(Vec<LiveEvent>),
    /// As many of the events as one look gives; the next look follows at once.
    Part(Vec<LiveEvent>),
    /// These events, and no more after them.
    Last(Vec<LiveEvent>),
}

/// Begins a stream. `look` is called at the start, and after a change of a table that its statements read, with a fresh
/// context of the same organization and principal and with the id of the last event that the client has, from
/// `Last-Event-ID` at first. What it finds must come from the database.
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
    W: Future<Output = Result<News, Problem>> + Send + 'static,
{
    let session = session_of(state, headers, cx)?;
    let query = QueryStream::new(state, cx.tenant(), look, last_event_id(headers));
    Ok(stream::answer(state.clone(), session, query))
}

/// The session behind a request, watched from now on.
fn session_of(
    state: &ServerState,
    headers: &HeaderMap,
    cx: &Context,
) -> Result<registry::StreamSession, Problem> {
    let credentials =
        Credentials::of(headers, state.settings().session_cookie()).ok_or_else(Problem::unauthenticated)?;
    Ok(sessions::watch(state, credentials.token, cx.clone()))
}

/// The client's position.
fn last_event_id(headers: &HeaderMap) -> Option<String> {
    headers.get("last-event-id").and_then(|id| id.to_str().ok()).map(str::to_owned)
}

impl LiveEvent {
    fn text(&self) -> String {
        // JSON has no line breaks outside strings, and escapes those inside.
        format!("id: {}\nevent: {}\ndata: {}\n\n", self.id, self.name, self.data)
    }
}
