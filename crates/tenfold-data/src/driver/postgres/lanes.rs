//! The lanes for one kind of key loads, and one aside for those whose table is locked.
//!
//! The loads on a lane are answered one after the other. One that waited for the lock of its table would hold up those
//! behind it, of all other tables too. So on a lane no load waits for a lock for longer than a moment: it runs again on
//! the lane aside, where it waits, and further loads of the same text go there at once. Once in a while one of them
//! tries whether the table is free again, as with a circuit breaker.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;
use tokio_postgres::Config;

use super::super::{Call, before};
use super::lane::Lane;
use crate::driver::{DriverError, PostgresSettings};
use crate::waited::WaitMeter;

/// For how long a load on a lane waits for a lock, in milliseconds. A load by key conflicts only with what locks the whole
/// table, such as a migration, so hardly any waits at all.
const LOCK_TIMEOUT_MS: u32 = 10;
/// How often it is tried whether a locked table is free again.
const TRY_EVERY: Duration = Duration::from_secs(1);

pub(super) struct Lanes {
    lanes: Box<[Arc<Lane>]>,
    /// For loads that wait for a lock.
    aside: Arc<Lane>,
    locked: LockedTexts,
    statement_timeout: Duration,
}

impl Lanes {
    /// As many lanes as the settings say, and the one aside. They are opened on first use.
    pub(super) fn new(
        config: &Config,
        settings: &PostgresSettings,
        open: impl Fn(Config) -> Arc<Lane>,
    ) -> Self {
        let mut bounded = config.clone();
        let options = config.get_options().unwrap_or_default();
        bounded.options(format!("{options} -c lock_timeout={LOCK_TIMEOUT_MS}"));
        Lanes {
            lanes: (0..settings.lanes.max(1)).map(|_| open(bounded.clone())).collect(),
            aside: open(config.clone()),
            locked: LockedTexts::default(),
            statement_timeout: settings.statement_timeout,
        }
    }

    /// Runs a load. `meter` is told how long it waited for locks.
    pub(super) async fn run(&self, call: Call<'_>, meter: &WaitMeter) -> Result<u64, DriverError> {
        let text = &call.statement.text;
        if self.locked.holds_up(text) {
            return Box::pin(self.wait_aside(call, meter)).await;
        }
        // A load that gets no lock has passed no row on, so it can run again.
        let first = Call { sink: &mut *call.sink, ..call };
        match before(call.deadline, self.next().run(first, meter)).await {
            Err(DriverError::Locked(_)) => {
                self.locked.add(text);
                Box::pin(self.wait_aside(call, meter)).await
            }
            Ok(rows) => {
                self.locked.remove(text);
                Ok(rows)
            }
            Err(error) => Err(error),
        }
    }

    /// The lane with the fewest loads under way; the first if there are several. Sequential loads stay on one
    /// connection, whose server process has its caches warm.
    fn next(&self) -> &Arc<Lane> {
        self.lanes.iter().min_by_key(|lane| lane.under_way()).expect("there is at least one lane")
    }

    /// Runs a load behind others that wait. The server's own timeout counts only from the moment at which it begins with it.
    async fn wait_aside(&self, call: Call<'_>, meter: &WaitMeter) -> Result<u64, DriverError> {
        let latest = Instant::now() + self.statement_timeout;
        let deadline = call.deadline.map_or(latest, |deadline| deadline.min(latest));
        before(Some(deadline), self.aside.run(call, meter)).await
    }
}

/// The texts whose table was locked lately, with the time at which the next load tries again.
#[derive(Default)]
struct LockedTexts {
    /// How many there are, for loads that find none.
    count: AtomicUsize,
    next_try: Mutex<HashMap<String, Instant>>,
}

impl LockedTexts {
    /// Whether a load of this text would wait for a lock. If nobody has tried for a while, the caller is to try.
    fn holds_up(&self, text: &str) -> bool {
        if self.count.load(Ordering::Relaxed) == 0 {
            return false;
        }
        let mut next_try = self.next_try();
        let Some(at) = next_try.get_mut(text) else { return false };
        let now = Instant::now();
        if now < *at {
            return true;
        }
        // Those that come while the caller tries do not try as well.
        *at = now + TRY_EVERY;
        false
    }

    fn add(&self, text: &str) {
        let mut next_try = self.next_try();
        next_try.insert(text.to_owned(), Instant::now() + TRY_EVERY);
        self.count.store(next_try.len(), Ordering::Relaxed);
    }

    /// A load of this text did not wait for a lock.
    fn remove(&self, text: &str) {
        if self.count.load(Ordering::Relaxed) == 0 {
            return;
        }
        let mut next_try = self.next_try();
        next_try.remove(text);
        self.count.store(next_try.len(), Ordering::Relaxed);
    }

    fn next_try(&self) -> MutexGuard<'_, HashMap<String, Instant>> {
        self.next_try.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
