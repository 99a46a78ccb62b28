//! Password hashing in a small pool of its own: argon2id with t=2, 19 MiB, p=1 (OWASP's second choice), so that
//! a hundred sign-ins at once take neither all cores nor two gigabytes.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use argon2::password_hash::phc::PasswordHash;
use argon2::{Algorithm, Argon2, Params, PasswordHasher, PasswordVerifier as _, Version};
use tenfold::prelude::*;
use tokio::sync::Semaphore;

/// Memory of one hash, in KiB.
const MEMORY: u32 = 19 * 1024;
/// Passes over it.
const PASSES: u32 = 2;

#[derive(Clone)]
pub(crate) struct Passwords {
    permits: Arc<Semaphore>,
    waiting: Arc<AtomicUsize>,
    queue: usize,
    /// A hash of no password: verified when the account is unknown, so that it takes as long.
    decoy: Arc<str>,
}

impl Passwords {
    /// A pool of `parallelism` hashes at once and `queue` that wait.
    pub(crate) fn new(parallelism: usize, queue: usize) -> anyhow::Result<Self> {
        Ok(Passwords {
            permits: Arc::new(Semaphore::new(parallelism)),
            waiting: Arc::default(),
            queue,
            decoy: hash("no password has this hash")?.into(),
        })
    }

    /// The PHC string of a password.
    pub(crate) async fn hash(&self, password: String) -> Result<String, Problem> {
        self.run(move || hash(&password)).await?.map_err(Problem::internal)
    }

    /// Whether the password is the one of `stored`; an unknown account takes as long to refuse.
    pub(crate) async fn verify(&self, password: String, stored: Option<String>) -> Result<bool, Problem> {
        let known = stored.is_some();
        let stored = stored.unwrap_or_else(|| self.decoy.to_string());
        let matches =
            self.run(move || argon2().verify_password(password.as_bytes(), stored.as_str()).is_ok()).await?;
        Ok(matches && known)
    }

    async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, Problem> {
        let waiting = Waiting(Arc::clone(&self.waiting));
        if waiting.0.fetch_add(1, Ordering::AcqRel) >= self.queue {
            return Err(Problem::overloaded(Duration::from_secs(1))
                .detail("too many sign-ins at once (auth.hash_queue)"));
        }
        let permit = Arc::clone(&self.permits).acquire_owned().await.map_err(Problem::internal)?;
        let task = tokio::task::spawn_blocking(move || {
            // Held until the hash is done, also when the client has gone: the memory is in use until then.
            let _held = (permit, waiting);
            work()
        });
        task.await.map_err(Problem::internal)
    }
}

/// A place in the queue.
struct Waiting(Arc<AtomicUsize>);

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

fn argon2() -> Argon2<'static> {
    let params = Params::new(MEMORY, PASSES, 1, None).expect("the constants are within argon2's bounds");
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
}

fn hash(password: &str) -> anyhow::Result<String> {
    let mut salt = [0; 16];
    getrandom::fill(&mut salt)?;
    let hash: PasswordHash = argon2()
        .hash_password_with_salt(password.as_bytes(), &salt)
        .map_err(|error| anyhow::anyhow!("the password cannot be hashed: {error}"))?;
    Ok(hash.to_string())
}
