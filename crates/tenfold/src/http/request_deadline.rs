//! Extends `http.deadline` for a request whose client is still sending: it may last as long as bytes arrive.

use std::convert::Infallible;
use std::future::Future;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::FromRequestParts;
use http::request::Parts;
use tenfold_data::{Context, Scope};
use tokio::time::Instant;

use super::state::ServerState;

/// When the request is given up. A handler that streams a body moves it with each piece that arrives.
///
/// The handler's own [`Context`] keeps the first deadline; later work goes through [`RequestDeadline::afresh`].
#[derive(Clone)]
pub struct RequestDeadline(Arc<Mutex<Instant>>);

impl RequestDeadline {
    pub(super) fn until(deadline: Instant) -> Self {
        RequestDeadline(Arc::new(Mutex::new(deadline)))
    }

    /// Gives the request `http.deadline` from now on, but not beyond `last`.
    pub fn renew(&self, state: &ServerState, last: Instant) {
        let deadline = (Instant::now() + state.settings().deadline).min(last);
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = deadline;
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

    /// Waits for `work` until the deadline, even if the deadline moves meanwhile.
    pub(super) async fn limit<T>(&self, work: impl Future<Output = T>) -> Option<T> {
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

    fn deadline(&self) -> Instant {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl FromRequestParts<ServerState> for RequestDeadline {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &ServerState) -> Result<Self, Infallible> {
        let patience = parts.extensions.get::<RequestDeadline>().cloned();
        Ok(patience.expect("the outermost layer gives every request a deadline"))
    }
}
