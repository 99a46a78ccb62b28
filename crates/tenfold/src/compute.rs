//! Work that computes for long, on threads that give way to those that answer requests.

use std::io;

use tokio::sync::oneshot;

/// By how much a thread that computes is nicer than the process. Beside one that answers requests it gets a tenth of a core; on a core
/// that is free, all of it.
#[cfg(target_os = "linux")]
const NICER: i32 = 10;

/// Why [`compute`] has no result.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ComputeError {
    /// The system started no thread.
    #[error("no thread can be started: {0}")]
    NoThread(#[source] io::Error),
    /// The work panicked; the log says where.
    #[error("the work panicked")]
    Panicked,
}

/// Computes on a thread of its own, such as the hash of a password or a picture: work that takes more than a millisecond and waits
/// for nothing. On a thread that answers requests it would make all others wait.
///
/// The thread has a low priority on Linux, so that requests are answered, and refused, just as fast while all cores compute. Elsewhere
/// it is a thread as any other.
///
/// Nothing here bounds how much is computed at once: hold a permit of a semaphore, or let the request keep its place among those
/// that run, and do not use [`elsewhere`](crate::http::elsewhere). When the caller stops waiting, the work goes on to its end; move
/// the permit into it. The end of the process does not wait for it.
///
/// # Errors
/// No thread can be started, or the work panicked.
pub async fn compute<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, ComputeError> {
    let (result, done) = oneshot::channel();
    let thread = std::thread::Builder::new().name("compute".to_owned());
    let run = move || {
        give_way();
        // Nobody may be waiting any more.
        let _ = result.send(work());
    };
    thread.spawn(run).map_err(ComputeError::NoThread)?;
    done.await.map_err(|_| ComputeError::Panicked)
}

/// Lowers the priority of this thread. Where that is forbidden, it keeps the one it has.
fn give_way() {
    #[cfg(target_os = "linux")]
    {
        use rustix::process::{getpriority_process, setpriority_process};
        let _ = getpriority_process(None).and_then(|own| setpriority_process(None, own + NICER));
    }
}
