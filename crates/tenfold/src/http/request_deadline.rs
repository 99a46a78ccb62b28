//! How long a request may take: `http.deadline`, or less if its client says that it waits for less.
//!
//! A request whose client is still sending may last as long as bytes arrive.

use std::convert::Infallible;
use std::future::Future;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::extract::FromRequestParts;
use http::HeaderMap;
use http::request::Parts;
use tenfold_data::{Context, Scope};
use tokio::time::Instant;

use super::problem::Problem;
use super::state::ServerState;

/// How long the client waits, in milliseconds. Envoy and what is built on it send this header to the services behind it.
const CLIENT_TIMEOUT: &str = "x-envoy-expected-rq-timeout-ms";

/// When the request is given up. A handler that streams a body moves it with each piece that arrives.
///
/// The handler's own [`Context`] keeps the first deadline; later work goes through [`RequestDeadline::afresh`].
#[derive(Clone)]
pub struct RequestDeadline {
    current: Arc<Mutex<Instant>>,
    /// When the client stops waiting, if it has said so.
    clients: Option<Instant>,
}

/// How long a request may take, and who says so.
#[derive(Clone, Copy, Debug)]
pub(super) struct RequestTimeout {
    limit: Duration,
    is_clients: bool,
}

impl RequestTimeout {
    /// What the client asks for, if that is less than `most`. A header that is no number is as none.
    pub(super) fn of(headers: &HeaderMap, most: Duration) -> Self {
        let text = headers.get(CLIENT_TIMEOUT).and_then(|value| value.to_str().ok());
        let clients = text.and_then(|text| text.parse().ok()).map(Duration::from_millis);
        match clients.filter(|limit| *limit < most) {
            Some(limit) => RequestTimeout { limit, is_clients: true },
            None => RequestTimeout { limit: most, is_clients: false },
        }
    }

    /// When a request that came at this moment is given up.
    pub(super) fn deadline(self, arrived: Instant) -> RequestDeadline {
        let deadline = arrived + self.limit;
        let clients = self.is_clients.then_some(deadline);
        RequestDeadline { clients, ..RequestDeadline::until(deadline) }
    }

    /// Whether it was the client that wanted no answer any more: then a failure says nothing about the application, and a stranger cannot
    /// raise an incident by it.
    pub(super) fn is_over_for_client(self, deadline: &RequestDeadline) -> bool {
        self.is_clients && deadline.is_over()
    }

    /// The answer to a request that has been given up.
    pub(super) fn problem(self) -> Problem {
        let RequestTimeout { limit, is_clients } = self;
        if is_clients { Problem::clients_deadline(limit, CLIENT_TIMEOUT) } else { Problem::deadline(limit) }
    }
}

impl RequestDeadline {
    pub(super) fn until(deadline: Instant) -> Self {
        RequestDeadline { current: Arc::new(Mutex::new(deadline)), clients: None }
    }

    /// Gives the request `http.deadline` from now on, but not beyond `last`, and not beyond what its client waits for.
    pub fn renew(&self, state: &ServerState, last: Instant) {
        let deadline = (Instant::now() + state.settings().deadline).min(last);
        let deadline = self.clients.map_or(deadline, |clients| clients.min(deadline));
        *self.current.lock().unwrap_or_else(PoisonError::into_inner) = deadline;
    }

    /// Runs `work` with a context of the same organization, principal and trace whose deadline is the one in force now.
    pub async fn afresh<T>(
        &self,
        state: &ServerState,
        cx: &Context,
        work: impl AsyncFnOnce(Context) -> T,
    ) -> T {
        let scope = Scope::new(state.database().clone(), cx.trace(), Some(self.deadline()));
        let done = scope.drive(work(cx.in_scope(Arc::clone(&scope)))).await;
        cx.scope().absorb(scope.cost());
        done
    }

    /// Waits for `work` until the deadline, even if the deadline moves meanwhile. Work does not begin after it.
    pub(super) async fn limit<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        if self.is_over() {
            return None;
        }
        let mut work = pin!(work);
        loop {
            let deadline = self.deadline();
            match tokio::time::timeout_at(deadline, &mut work).await {
                Ok(value) => return Some(value),
                Err(_) if self.deadline() > deadline => {}
                Err(_) => return None,
            }
        }
    }

    pub(super) fn is_over(&self) -> bool {
        Instant::now() >= self.deadline()
    }

    pub(super) fn deadline(&self) -> Instant {
        *self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl FromRequestParts<ServerState> for RequestDeadline {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &ServerState) -> Result<Self, Infallible> {
        let deadline = parts.extensions.get::<RequestDeadline>().cloned();
        Ok(deadline.expect("the outermost layer gives every request a deadline"))
    }
}
