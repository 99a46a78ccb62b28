//! What the backend has acknowledged, recorded by the clients.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tenfold::data::Timestamp;

/// An upload that was answered with 202.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The file's id, from the answer.
    pub id: String,
    /// The name that the client gave it.
    pub name: String,
    /// The SHA-256 of the bytes that the client sent.
    pub sha256: String,
    /// How many bytes the client sent.
    pub size: u64,
    /// When the answer was read.
    pub at: Timestamp,
}

/// The acknowledged uploads, in the order of the answers.
#[derive(Default)]
pub struct Ledger(Mutex<Vec<Entry>>);

impl Ledger {
    /// Records an answer.
    pub fn note(&self, entry: Entry) {
        self.lock().push(entry);
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.lock().len()
    }

    /// All of them.
    pub fn entries(&self) -> Vec<Entry> {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Entry>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
