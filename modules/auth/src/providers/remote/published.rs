//! What a provider publishes, read by one request at a time.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tenfold::prelude::*;

use super::failure::ProviderFailure;

/// For so long it is remembered: a key that the provider has withdrawn is trusted no longer than this.
const REMEMBERED: Duration = Duration::from_secs(60 * 60);

/// For so long nobody is asked again who has failed: anybody may begin a sign-in, and each would open a connection.
const FAILING: Duration = Duration::from_secs(5);

/// A failure that would last longer is of a clock that was wrong.
const LONGEST_FAILING: Duration = Duration::from_secs(60);

/// Something that a provider publishes.
pub(super) struct ProviderDocument<T> {
    state: Mutex<PublishedState<T>>,
    /// Held by the request that reads it.
    turn: tokio::sync::Mutex<()>,
}

struct PublishedState<T> {
    known: Option<(Timestamp, Arc<T>)>,
    /// What went wrong, and until when that is the answer.
    failed: Option<(Timestamp, ProviderFailure)>,
}

impl<T> Default for ProviderDocument<T> {
    fn default() -> Self {
        let state = PublishedState { known: None, failed: None };
        ProviderDocument { state: Mutex::new(state), turn: tokio::sync::Mutex::default() }
    }
}

impl<T> ProviderDocument<T> {
    /// What was read within an hour.
    pub(super) fn known(&self, now: Timestamp) -> Option<Arc<T>> {
        let state = self.state();
        state
            .known
            .as_ref()
            .filter(|(read_at, _)| now < *read_at + REMEMBERED)
            .map(|(_, known)| Arc::clone(known))
    }

    /// Reads it, unless somebody else does: then waits for what that one reads. `seen` is what is known and does not do.
    ///
    /// # Errors
    /// What went wrong, now or within five seconds before.
    pub(super) async fn read(
        &self,
        now: Timestamp,
        seen: Option<&Arc<T>>,
        ask: impl Future<Output = Result<T, ProviderFailure>>,
    ) -> Result<Arc<T>, ProviderFailure> {
        self.has_not_failed(now)?;
        let _turn = self.turn.lock().await;
        let is_seen = |known: &Arc<T>| seen.is_some_and(|seen| Arc::ptr_eq(seen, known));
        if let Some(known) = self.known(now).filter(|known| !is_seen(known)) {
            return Ok(known);
        }
        self.has_not_failed(now)?;
        match ask.await {
            Ok(read) => {
                let read = Arc::new(read);
                *self.state() = PublishedState { known: Some((now, Arc::clone(&read))), failed: None };
                Ok(read)
            }
            Err(failure) => {
                self.fail(now, &failure);
                Err(failure)
            }
        }
    }

    /// Remembers a failure of this moment.
    pub(super) fn fail(&self, now: Timestamp, failure: &ProviderFailure) {
        self.state().failed = Some((now + FAILING, failure.heard_of()));
    }

    fn has_not_failed(&self, now: Timestamp) -> Result<(), ProviderFailure> {
        match &self.state().failed {
            // A request that began before the failure gets it, too; a clock that was set back does not make it last for long.
            Some((until, failure)) if now < *until && *until <= now + LONGEST_FAILING => Err(failure.clone()),
            _ => Ok(()),
        }
    }

    fn state(&self) -> MutexGuard<'_, PublishedState<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
