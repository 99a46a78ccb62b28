//! The hashing of passwords, with bounds of its own for each address at which the console is reached.
//!
//! Anybody can try a password at the service's address, as often as the bounds allow. That must not keep out an operator who comes to
//! `http.operators`, so the two share no queue, no turn and no key that one of them derives while the other waits.

use std::sync::Arc;

use argon2::{Algorithm, Argon2, Params, Version};
use tenfold::credentials::{HashPlace, HashQueue, HashQueueFull, argon2id};
use tenfold::http::{ClientAddress, ServerState};
use tokio::sync::{AcquireError, OnceCell, OwnedSemaphorePermit, Semaphore};

/// The same in all processes, so that they derive the same key. It also defeats rainbow tables for plain passwords.
const SALT: &[u8] = b"tenfold-console/1";
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
        let stretched = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            stretch(&password)
        });
        stretched.await?.map_err(|error| anyhow::anyhow!("the console's key cannot be made: {error}"))
    }
}

fn stretch(password: &str) -> Result<[u8; 32], argon2::Error> {
    let params = Params::new(19 * 1024, 2, 1, Some(32))?;
    let mut key = [0; 32];
    let argon = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    argon.hash_password_into(password.as_bytes(), SALT, &mut key)?;
    Ok(key)
}
