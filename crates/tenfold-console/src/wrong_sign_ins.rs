//! Wrong sign-ins, counted by the client's network, so that nobody guesses on and on: neither a name, a password, nor a code.
//!
//! They are in this process's memory, so the count holds while the database is unavailable, and is one a process. A name is not counted:
//! else anybody who knows it could keep its operator out. Each wrong sign-in above a free number doubles the wait, up to a minute. One is
//! forgiven each minute (as sign-in of the application does, decision 33).

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tenfold::http::ClientAddress;
use tenfold::prelude::*;

/// So many in a row cost nothing.
const FREE: u32 = 10;
/// The longest wait, and the time after which one is forgiven.
const LONGEST_WAIT: Duration = Duration::from_secs(60);
/// The most networks that are remembered. Beyond it the one is forgotten that is forgiven first.
const MOST: usize = 10_000;

/// What a network owes.
#[derive(Clone, Copy)]
struct WrongTries {
    /// When the last one was.
    last_at: Timestamp,
    /// How many there were by then that were not forgiven.
    count: u32,
}

impl WrongTries {
    /// Those that are not forgiven yet.
    fn left(self, now: Timestamp) -> u32 {
        let forgiven = between(self.last_at, now).as_secs() / LONGEST_WAIT.as_secs();
        self.count.saturating_sub(u32::try_from(forgiven).unwrap_or(u32::MAX))
    }

    /// How long to wait from now on.
    fn wait(self, now: Timestamp) -> Duration {
        let Some(doublings) = self.count.checked_sub(FREE + 1) else { return Duration::ZERO };
        // A clock that was set back makes nobody wait for longer than this.
        let wait = Duration::from_secs(1 << doublings.min(6)).min(LONGEST_WAIT);
        wait.saturating_sub(between(self.last_at, now))
    }
}

/// The time from one moment to a later one; none if it is earlier.
fn between(earlier: Timestamp, later: Timestamp) -> Duration {
    Duration::try_from(later.duration_since(earlier)).unwrap_or_default()
}

/// The wrong sign-ins of each network.
#[derive(Default)]
pub(crate) struct WrongSignIns(Mutex<HashMap<String, WrongTries>>);

impl WrongSignIns {
    /// How long a client has to wait before anything that it types is looked at; none if it need not. Waiting attempts add nothing.
    pub(crate) fn wait(&self, client: ClientAddress, now: Timestamp) -> Option<Duration> {
        let tries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let wait = tries.get(&client.network().to_string())?.wait(now);
        (!wait.is_zero()).then_some(wait)
    }

    /// Counts a wrong one.
    pub(crate) fn count(&self, client: ClientAddress, now: Timestamp) {
        let network = client.network().to_string();
        let mut tries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if tries.len() >= MOST && !tries.contains_key(&network) {
            tries.retain(|_, tries| tries.left(now) > 0);
            let first =
                tries.iter().min_by_key(|(_, tries)| tries.left(now)).map(|(network, _)| network.clone());
            if let Some(first) = first.filter(|_| tries.len() >= MOST) {
                tries.remove(&first);
            }
        }
        let before = tries.get(&network).map_or(0, |tries| tries.left(now));
        tries.insert(network, WrongTries { last_at: now, count: before.saturating_add(1) });
    }
}
