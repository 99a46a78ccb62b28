//! What people prove themselves with, the same for people of organizations and for operators: hashes of passwords, codes of an
//! authenticator application, and the queue of those who sign in.

pub mod argon2id;
mod hash_queue;
pub mod totp;

pub use self::hash_queue::{HashPlace, HashQueue, HashQueueFull};
