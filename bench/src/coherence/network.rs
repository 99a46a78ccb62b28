//! A network between processes and PostgreSQL: some answers are late, and it can be cut and healed. It is a proxy on this machine.
//!
//! A late answer opens what is too short to be met otherwise: a COMMIT that has ended on the server, and that the process does not know
//! of, while another connection shows what it has stored.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use anyhow::Context as _;
use harness::random::Random;

/// One of so many parts of an answer is late.
const LATE_ONE_OF: u64 = 4;
/// By so many microseconds, at most.
const MOST_LATE: u64 = 8_000;

/// The network. It is gone when this is dropped; connections that are open then stay until one side closes them.
pub struct PoorNetwork {
    address: SocketAddr,
    state: Arc<NetworkState>,
}

#[derive(Default)]
struct NetworkState {
    is_cut: Mutex<bool>,
    healed: Condvar,
    is_closed: AtomicBool,
}

/// The part of an address that names the server: `HOST:PORT`.
fn server_of(url: &str) -> anyhow::Result<&str> {
    let (_, rest) = url.split_once("://").context("an address begins with a scheme")?;
    let authority = rest.split(['/', '?']).next().unwrap_or_default();
    let server = authority.rsplit('@').next().unwrap_or_default();
    anyhow::ensure!(server.contains(':'), "the server of {server:?} must be HOST:PORT");
    Ok(server)
}

impl PoorNetwork {
    /// One that leads to the server of this address.
    ///
    /// # Errors
    /// When the address has no host and port, or nothing can be listened on.
    pub fn to(url: &str, seed: u64) -> anyhow::Result<Self> {
        let server = server_of(url)?.to_owned();
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        let (address, state) = (listener.local_addr()?, Arc::<NetworkState>::default());
        let accepting = Arc::clone(&state);
        thread::spawn(move || {
            for (number, client) in (0..).zip(listener.incoming()) {
                if accepting.is_closed.load(Ordering::SeqCst) {
                    return;
                }
                let random = Random::new(seed.wrapping_mul(1_000).wrapping_add(number));
                // The process sees a connection that ends, and opens another one.
                let _ = client.and_then(|client| connect(client, &server, &accepting, random));
            }
        });
        Ok(PoorNetwork { address, state })
    }

    /// The address of the same database over this network.
    ///
    /// # Errors
    /// As [`PoorNetwork::to`].
    pub fn through(&self, url: &str) -> anyhow::Result<String> {
        Ok(url.replacen(server_of(url)?, &self.address.to_string(), 1))
    }

    /// From now on nothing passes, in either direction, and no connection is refused.
    pub fn cut(&self) {
        *self.state.lock() = true;
    }

    /// What was held passes, and all that follows.
    pub fn heal(&self) {
        *self.state.lock() = false;
        self.state.healed.notify_all();
    }
}

impl Drop for PoorNetwork {
    fn drop(&mut self) {
        self.heal();
        self.state.is_closed.store(true, Ordering::SeqCst);
        // Wakes the thread that accepts.
        let _ = TcpStream::connect(self.address);
    }
}

impl NetworkState {
    fn lock(&self) -> std::sync::MutexGuard<'_, bool> {
        self.is_cut.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait_until_whole(&self) {
        let whole = self.healed.wait_while(self.lock(), |is_cut| *is_cut);
        drop(whole.unwrap_or_else(PoisonError::into_inner));
    }
}

/// Passes on what each side sends.
fn connect(
    client: TcpStream,
    server: &str,
    state: &Arc<NetworkState>,
    mut random: Random,
) -> std::io::Result<()> {
    let server = TcpStream::connect(server)?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let (from_client, to_server) = (client.try_clone()?, server.try_clone()?);
    let (asking, answering) = (Arc::clone(state), Arc::clone(state));
    thread::spawn(move || pass_on(from_client, to_server, &asking, || Duration::ZERO));
    thread::spawn(move || {
        pass_on(server, client, &answering, || match random.below(LATE_ONE_OF) {
            0 => Duration::from_micros(random.below(MOST_LATE)),
            _ => Duration::ZERO,
        });
    });
    Ok(())
}

fn pass_on(
    mut from: TcpStream,
    mut to: TcpStream,
    state: &NetworkState,
    mut delay: impl FnMut() -> Duration,
) {
    let mut buffer = vec![0; 1 << 16];
    while let Ok(count @ 1..) = from.read(&mut buffer) {
        let delay = delay();
        if delay > Duration::ZERO {
            #[expect(clippy::disallowed_methods, reason = "being late is what this is for")]
            thread::sleep(delay);
        }
        state.wait_until_whole();
        if to.write_all(&buffer[..count]).is_err() {
            break;
        }
    }
    // One that is closed already cannot be closed again.
    let _ = from.shutdown(Shutdown::Both);
    let _ = to.shutdown(Shutdown::Both);
}
