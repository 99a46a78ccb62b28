//! The stream of states that the pages listen to.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Response, StatusCode};
use http_body_util::BodyExt as _;
use hyper::body::{Body as HttpBody, Frame};
use serde_json::json;
use tokio::sync::{mpsc, watch};

use super::answer::{Body, of_text};
use super::background::spawn;
use super::state::{DevState, Numbered};

/// A connection that is gone is noticed when something is written.
const HEARTBEAT: Duration = Duration::from_secs(15);

/// An event with each state, the present one first (HTML, Server-sent events).
pub(super) fn stream(mut states: watch::Receiver<Numbered>) -> Response<Body> {
    let (sender, receiver) = mpsc::channel(1);
    states.mark_changed();
    spawn(async move {
        loop {
            let event = tokio::select! {
                changed = states.changed() => match changed {
                    Ok(()) => event(&states.borrow_and_update()),
                    Err(_) => return,
                },
                () = tokio::time::sleep(HEARTBEAT) => ":\n\n".to_owned(),
            };
            if sender.send(Bytes::from(event)).await.is_err() {
                return;
            }
        }
    });
    let mut answer = of_text(StatusCode::OK, "text/event-stream", String::new());
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    answer.map(|_| Events(receiver).map_err(|never: std::convert::Infallible| match never {}).boxed())
}

fn event((number, state): &Numbered) -> String {
    let working = match state {
        DevState::Working(work) => Some(work.title()),
        DevState::Ready(_) | DevState::Failed(_) => None,
    };
    format!("event: state\ndata: {}\n\n", json!({"number": number, "working": working}))
}

struct Events(mpsc::Receiver<Bytes>);

impl HttpBody for Events {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        self.0.poll_recv(cx).map(|bytes| bytes.map(|bytes| Ok(Frame::data(bytes))))
    }
}
