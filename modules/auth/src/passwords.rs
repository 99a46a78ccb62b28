//! Password hashing, a few at once and with a low priority, so that a hundred simultaneous sign-ins take neither all cores nor two
//! gigabytes. One address gets only a share of the queue.

use std::sync::Arc;
use std::time::Duration;

pub(crate) use tenfold::credentials::argon2id::hash;
use tenfold::credentials::{HashPlace, HashQueue, HashQueueFull, argon2id};
use tenfold::http::{ClientAddress, elsewhere};
use tenfold::prelude::*;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::foreign_hash;
use crate::new_password::normalized;

/// The hash of an account that nobody can sign in to with a password, until its person has chosen one.
pub(crate) const NO_PASSWORD: &str = "";

/// How many hashes there may be at once, including waiting ones.
#[derive(Clone, Copy)]
pub(crate) struct HashBounds {
    /// Running hashes.
    pub parallelism: usize,
    /// Running or waiting hashes.
    pub queue: usize,
    /// Running or waiting hashes of one address.
    pub share: usize,
}

#[derive(Clone)]
pub(crate) struct Passwords {
    permits: Arc<Semaphore>,
    queue: Arc<HashQueue>,
    /// A hash of no password: verified when the account is unknown, so that the refusal takes as long.
    decoy: Arc<str>,
}

impl Passwords {
    pub(crate) fn new(bounds: HashBounds) -> anyhow::Result<Self> {
        let decoy = hash("no password has this hash")?.into();
        let permits = Arc::new(Semaphore::new(bounds.parallelism));
        Ok(Passwords { permits, queue: HashQueue::new(bounds.queue, bounds.share), decoy })
    }

    /// Waits for a turn to hash, which lasts until the [`Turn`] is dropped: the next turn sees the failures counted
    /// before that.
    ///
    /// # Errors
    /// 503 when the queue is full, or the address's share of it.
    pub(crate) async fn turn(&self, client: ClientAddress) -> Result<Turn, Problem> {
        let place = self.queue.enter(client).map_err(|full| {
            Problem::overloaded(Duration::from_secs(1)).detail(match full {
                HashQueueFull::Places => "too many sign-ins at once (auth.hash_queue)",
                HashQueueFull::Share => "too many sign-ins at once from your address (auth.hash_queue_share)",
            })
        })?;
        let (permit, waited) = match Arc::clone(&self.permits).try_acquire_owned() {
            Ok(permit) => (permit, false),
            Err(_) => {
                let permit = elsewhere(Arc::clone(&self.permits).acquire_owned()).await;
                (permit.map_err(Problem::internal)?, true)
            }
        };
        Ok(Turn { held: Arc::new((permit, place)), waited, decoy: Arc::clone(&self.decoy) })
    }
}

/// The right to hash, with a place in the queue.
pub(crate) struct Turn {
    held: Arc<(OwnedSemaphorePermit, HashPlace)>,
    waited: bool,
    decoy: Arc<str>,
}

impl Turn {
    /// Whether other hashes had to finish first, so that data read earlier may be out of date.
    pub(crate) fn waited(&self) -> bool {
        self.waited
    }

    /// The PHC string of a password.
    pub(crate) async fn hash(&self, password: String) -> Result<String, Problem> {
        self.run(move || hash(&password)).await?.map_err(Problem::internal)
    }

    /// Whether the typed password matches `stored`. Refusing an unknown account takes as long as refusing one with a hash of this
    /// service. One with a hash from elsewhere takes that long, and its own time in addition.
    pub(crate) async fn verify(&self, typed: String, stored: Option<String>) -> Result<bool, Problem> {
        let stored = stored.filter(|hash| hash != NO_PASSWORD);
        let decoy = Arc::clone(&self.decoy);
        self.run(move || match &stored {
            Some(own) if is_own(own) => has_own(&typed, own),
            foreign => {
                let matches = foreign.as_deref().is_some_and(|hash| has_foreign(&typed, hash));
                has_own(&typed, &decoy);
                matches
            }
        })
        .await
    }

    async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, Problem> {
        let held = Arc::clone(&self.held);
        let hashed = tenfold::compute(move || {
            // Held until the hash is done, even if the client disconnects: the memory is in use until then.
            let _held = held;
            work()
        });
        elsewhere(hashed).await.map_err(Problem::internal)
    }
}

fn has_own(typed: &str, hash: &str) -> bool {
    argon2id::matches(&normalized(typed), hash)
}

/// Another system may have hashed what was typed as it was.
fn has_foreign(typed: &str, hash: &str) -> bool {
    let normalized = normalized(typed);
    foreign_hash::matches(typed, hash) || (normalized != typed && foreign_hash::matches(&normalized, hash))
}

/// Whether a hash is argon2id's.
fn is_own(hash: &str) -> bool {
    hash.starts_with("$argon2id$")
}

/// Whether a right password is to be hashed anew: its hash was not made with the algorithm and the cost of today.
pub(crate) fn is_renewable(hash: &str, typed: &str) -> bool {
    !argon2id::is_current(hash) && foreign_hash::is_whole(typed, hash)
}
