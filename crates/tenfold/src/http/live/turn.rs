//! When a stream may look.

use std::future::Future;

use tenfold_admission::{Candidate, Permit, Refusal, RequestClass};
use tenfold_data::OrgId;

use super::super::admission::elsewhere::with_permit;
use super::super::admission::enter::enter_look;
use super::super::state::ServerState;

/// The turn of a look: it takes room from requests, and one of the places for looks, until it is dropped.
pub(super) struct LookTurn {
    /// None without admission.
    permit: Option<Permit>,
    _place: Permit,
}

impl LookTurn {
    /// Waits for the turn of a look. One that is made again is [`RequestClass::BestEffort`]: all requests go first. The first look of a
    /// stream, whose client waits for it, is [`RequestClass::Normal`]. The look has its place in the queue at once, before it is polled.
    ///
    /// First it waits for a place, so that of a thousand looks few wait among the requests: the others do not fill
    /// their queue, nor make it look overloaded.
    ///
    /// # Errors
    /// Requests leave it no room, and it may be tried again later.
    pub(super) fn wait(
        state: ServerState,
        organization: OrgId,
        kind: String,
        class: RequestClass,
    ) -> impl Future<Output = Result<Self, Refusal>> + Send {
        let admission = state.admission();
        // A flow of its own: what many tabs show must not make the requests of their organization look greedy.
        let of_looks = admission.flow_of((organization, "looks"));
        let flow = match class {
            RequestClass::BestEffort => of_looks,
            RequestClass::Critical | RequestClass::Normal => admission.flow_of(organization),
        };
        // All looks have the same rank here, or those of a large organization would come after all others.
        let candidate = Candidate { class: RequestClass::BestEffort, flow: of_looks, kind: 0 };
        let place = state.live().turns.enter(candidate);
        async move {
            let place = place.await?;
            let permit = enter_look(&state, (class, flow), &kind).await?;
            // Requests on the sockets arrive first, and streams that were woken by the same commit join.
            tokio::task::yield_now().await;
            Ok(LookTurn { permit, _place: place })
        }
    }

    /// Looks. While the look waits for something with a bound of its own, it leaves its room to others.
    pub(super) async fn run<T>(&self, look: impl Future<Output = T>) -> T {
        with_permit(self.permit.as_ref().map(Permit::pause_handle), look).await
    }

    /// The look was a GET like any other: how long it took counts for its route.
    pub(super) fn finish(self) {
        if let Some(permit) = self.permit {
            permit.finish();
        }
    }
}
