//! The hashing of passwords, with bounds of its own for each address at which the console is reached.
//!
//! Anybody can try a password at the service's address, as often as the bounds allow. That must not keep out an operator who comes to
//! `http.operators`, so the two share no queue, no turn, no count of wrong sign-ins and no key that one of them derives while the other waits.

use std::sync::Arc;

use tenfold::credentials::{HashPlace, HashQueue, HashQueueFull, argon2id};
use tenfold::http::{ClientAddress, ServerState};
use tenfold::operators::console_key;
use tokio::sync::{AcquireError, OnceCell, OwnedSemaphorePermit, Semaphore};

use crate::seen_tokens::SeenTokens;
use crate::wrong_sign_ins::WrongSignIns;

/// Running and waiting sign-ins.
const PLACES: usize = 8;
/// Those of one network.
const SHARE: usize = 2;

/// The address at which a request reached the console.
#[derive(Clone, Copy)]
pub(crate) enum ConsoleAddress {
    /// The service's own.
    Service,
    /// `http.operators`.
    Operators,
}

impl ConsoleAddress {
    pub(crate) fn of(state: &ServerState) -> Self {
        if state.is_for_operators() { ConsoleAddress::Operators } else { ConsoleAddress::Service }
    }
}

/// Hashes passwords one by one.
pub(crate) struct HashDoor {
    /// Wrong sign-ins, and tokens that the password has not signed.
    pub wrong: WrongSignIns,
    /// The tokens that were looked at lately.
    pub seen: SeenTokens,
    /// Derived when the console is first opened: it costs time and memory that most starts need not spend.
    key: OnceCell<[u8; 32]>,
    /// A hash of no password: compared with where there is no such operator, so that the refusal takes as long.
    decoy: OnceCell<String>,
    /// Only one password is hashed at a time.
    turn: Arc<Semaphore>,
    /// The sign-ins that wait for it.
    queue: Arc<HashQueue>,
}

impl HashDoor {
    pub(crate) fn new() -> Self {
        HashDoor {
            wrong: WrongSignIns::default(),
            seen: SeenTokens::default(),
            key: OnceCell::new(),
            decoy: OnceCell::new(),
            turn: Arc::new(Semaphore::new(1)),
            queue: HashQueue::new(PLACES, SHARE),
        }
    }

    /// A place for a sign-in.
    pub(crate) fn enter(&self, client: ClientAddress) -> Result<HashPlace, HashQueueFull> {
        self.queue.enter(client)
    }

    /// Waits until no other password is hashed.
    pub(crate) async fn turn(&self) -> Result<OwnedSemaphorePermit, AcquireError> {
        Arc::clone(&self.turn).acquire_owned().await
    }

    /// The key of the configured password.
    pub(crate) async fn key(&self, password: &str) -> anyhow::Result<[u8; 32]> {
        Ok(*self.key.get_or_try_init(|| self.stretch(password.to_owned())).await?)
    }

    /// A hash of no password.
    pub(crate) async fn decoy(&self) -> anyhow::Result<&String> {
        self.decoy.get_or_try_init(async || argon2id::hash("no password has this hash")).await
    }

    /// Derives one key at a time. The thread that derives holds the permit, not the request: a client that disconnects
    /// must not let the next derivation start beside it.
    pub(crate) async fn stretch(&self, password: String) -> anyhow::Result<[u8; 32]> {
        let turn = self.turn().await?;
        let stretched = tenfold::compute(move || {
            let _turn = turn;
            console_key(&password)
        });
        stretched.await?
    }
}
