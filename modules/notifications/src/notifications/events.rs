//! `GET /v1/notifications/events`: notifications, live.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use serde::Serialize;
use tenfold::http::{HeaderMap, LiveEvent, News, Response, ServerState, State, live};
use tenfold::prelude::*;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{NotificationView, newest_of, reader, unread};
use crate::entities::{Notification, NotificationId};

/// How many notifications one look sends at most; the next look sends the next ones.
const AT_ONCE: usize = 500;
/// An id is created before its transaction commits, so a notification may appear after one with a later id. The
/// stream looks back this far for those, in milliseconds.
const LOOK_BACK: u128 = 10_000;

/// The number of unread notifications.
#[derive(Serialize, ToSchema)]
pub(crate) struct Unread {
    /// 1,000 means 1,000 or more.
    #[schema(minimum = 0, maximum = 1000)]
    unread: i64,
}

/// The events of the stream of notifications, for the OpenAPI document.
#[derive(ToSchema)]
#[serde(tag = "event", content = "data", rename_all = "snake_case")]
#[expect(dead_code, reason = "only its shape is of use")]
pub(crate) enum NotificationEvent {
    Notification(NotificationView),
    Unread(Unread),
}

/// New notifications as Server-Sent Events: `notification` with the notification as in the list, and `unread`
/// with `{"unread": n}`, first at the start and then whenever the number changes. With `Last-Event-ID` the stream continues
/// after that event; without it, it starts now.
#[endpoint(get, "/v1/notifications/events", tag = "notifications",
    answers(200: NotificationEvent as "text/event-stream"),
    headers("Last-Event-ID" = "The id of the last event received, a UUID"))]
pub(crate) async fn notification_events(
    cx: Context,
    State(state): State<ServerState>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let user = reader(&cx)?;
    let start = start(&headers)?;
    let told = Arc::new(Mutex::new(SentSoFar::default()));
    live(&state, &headers, &cx, move |cx, _| {
        let told = Arc::clone(&told);
        async move {
            // Looks run one after the other, so there is no contention; a failed look ends the stream.
            let mut telling = std::mem::take(&mut *told.lock().unwrap_or_else(PoisonError::into_inner));
            let events = look(&cx, user, start, &mut telling).await?;
            *told.lock().unwrap_or_else(PoisonError::into_inner) = telling;
            Ok(if events.len() < AT_ONCE { News::More(events) } else { News::Part(events) })
        }
    })
}

/// The client's position.
fn start(headers: &HeaderMap) -> Result<Option<NotificationId>, Problem> {
    let Some(id) = headers.get("last-event-id") else { return Ok(None) };
    let id = id.to_str().ok().and_then(|id| id.parse().ok());
    let wrong = || Problem::bad_request("Last-Event-ID must be the id of an event of this stream, a UUID");
    id.map(Some).ok_or_else(wrong)
}

/// What a stream has sent so far.
#[derive(Default)]
struct SentSoFar {
    /// The latest notification that the client has; none before the first look.
    latest: Option<NotificationId>,
    /// The notifications that it has, as far back as the stream looks.
    known: BTreeSet<NotificationId>,
    unread: Option<i64>,
}

impl SentSoFar {
    /// An event whose id is the client's position after it. The position never goes back, so that a client that
    /// reconnects does not get known notifications again.
    fn event(&self, name: &'static str, data: serde_json::Value) -> LiveEvent {
        let id = self.latest.unwrap_or(NotificationId(Uuid::nil()));
        LiveEvent { id: id.to_string(), name, data }
    }

    /// Records a notification; returns whether it was new.
    fn learn(&mut self, id: NotificationId) -> bool {
        self.latest = self.latest.max(Some(id));
        self.known.insert(id)
    }
}

async fn look(
    cx: &Context,
    user: Uuid,
    start: Option<NotificationId>,
    told: &mut SentSoFar,
) -> Result<Vec<LiveEvent>, Problem> {
    let is_first = told.latest.is_none();
    let latest = match told.latest.or(start) {
        Some(latest) => latest,
        None => {
            let newest = newest_of(user).first(cx).await?;
            newest.map_or(NotificationId(Uuid::nil()), |notification| notification.id)
        }
    };
    told.latest = Some(latest);
    told.known = told.known.split_off(&look_back(latest));
    let mine = Notification::query().filter(Notification::user_id.eq(user));
    let recent = mine.filter(Notification::id.gt(look_back(latest))).order_by(Notification::id);
    let mut events = Vec::new();
    for notification in &recent.limit(AT_ONCE + told.known.len()).all(cx).await? {
        // The client has everything up to its position.
        let is_known = is_first && notification.id <= latest;
        if told.learn(notification.id) && !is_known {
            let view = serde_json::to_value(NotificationView::of(notification)).map_err(Problem::internal)?;
            events.push(told.event("notification", view));
        }
    }
    let unread = unread(cx, user).await?;
    if told.unread.replace(unread) != Some(unread) {
        let unread = serde_json::to_value(Unread { unread }).map_err(Problem::internal)?;
        events.push(told.event("unread", unread));
    }
    Ok(events)
}

/// An id before all that were created at most [`LOOK_BACK`] before this one: a UUIDv7 begins with 48 bits
/// of milliseconds (RFC 9562, section 5.7).
fn look_back(id: NotificationId) -> NotificationId {
    let milliseconds = id.0.as_u128() >> 80;
    NotificationId(Uuid::from_u128(milliseconds.saturating_sub(LOOK_BACK) << 80))
}
