//! Waits that have a bound of their own.

use std::future::Future;

use tenfold_admission::PermitPause;

tokio::task_local! {
    /// The permit of the request that this task answers.
    static PERMIT: PermitPause;
}

/// Answers a request that has this permit.
pub(in super::super) async fn with_permit<T>(
    permit: Option<PermitPause>,
    work: impl Future<Output = T>,
) -> T {
    match permit {
        Some(permit) => PERMIT.scope(permit, work).await,
        None => work.await,
    }
}

/// Waits for something that has a queue and a bound of its own, such as a pool of threads or another service. The request
/// takes none of the room for requests meanwhile: otherwise a few that wait there would keep out all others.
///
/// Outside a request it only runs `work`.
pub async fn elsewhere<T>(work: impl Future<Output = T>) -> T {
    let _paused = PERMIT.try_with(PermitPause::clone).ok().map(Paused::begin);
    work.await
}

/// A pause that ends when it is dropped.
struct Paused(PermitPause);

impl Paused {
    fn begin(permit: PermitPause) -> Self {
        permit.pause();
        Paused(permit)
    }
}

impl Drop for Paused {
    fn drop(&mut self) {
        self.0.resume();
    }
}
