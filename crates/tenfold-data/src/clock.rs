//! The one source of time and of new ids, so that a test can move the time and predict the order of ids.

use std::cell::RefCell;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use uuid::Uuid;

/// A moment in UTC. Tenfold stores times to the microsecond, as both databases do.
pub type Timestamp = jiff::Timestamp;

/// Tells the time: the machine's, or one that a test sets and moves.
#[derive(Clone, Debug)]
pub struct Clock {
    source: ClockSource,
    /// The time and counter of the last id; clones share it.
    last: Arc<AtomicU64>,
}

#[derive(Clone, Debug)]
enum ClockSource {
    /// The machine's clock plus this many microseconds.
    System {
        ahead: i64,
        /// Where steady time begins.
        start: Instant,
    },
    Manual(Arc<AtomicI64>),
}

impl Clock {
    /// The machine's clock.
    pub fn system() -> Self {
        Clock::ahead(Duration::ZERO)
    }

    /// The machine's clock if it were this much ahead, for tests of processes whose clocks differ.
    pub fn ahead(by: Duration) -> Self {
        let ahead = i64::try_from(by.as_micros()).unwrap_or(i64::MAX);
        Clock { source: ClockSource::System { ahead, start: Instant::now() }, last: Arc::default() }
    }

    /// A clock that stays at `start` until [`Clock::advance`] moves it. Clones move together.
    pub fn manual(start: Timestamp) -> Self {
        let source = ClockSource::Manual(Arc::new(AtomicI64::new(start.as_microsecond())));
        Clock { source, last: Arc::default() }
    }

    /// The time now, cut to the microsecond.
    pub fn now(&self) -> Timestamp {
        let micros = match &self.source {
            ClockSource::System { ahead, .. } => system_time().as_microsecond().saturating_add(*ahead),
            ClockSource::Manual(micros) => micros.load(Ordering::Acquire),
        };
        from_micros(micros)
    }

    /// A time that is never set back and jumps nowhere, for measuring how long something takes: since when it counts is not
    /// said. A manual clock's moves with it.
    pub fn steady(&self) -> Duration {
        match &self.source {
            ClockSource::System { start, .. } => start.elapsed(),
            ClockSource::Manual(micros) => {
                Duration::from_micros(u64::try_from(micros.load(Ordering::Acquire)).unwrap_or(0))
            }
        }
    }

    /// As [`Clock::steady`], and it goes on while the machine is suspended, where the system can say so (Linux).
    pub fn since_boot(&self) -> Duration {
        match &self.source {
            ClockSource::System { start, .. } => since_boot(*start),
            ClockSource::Manual(_) => self.steady(),
        }
    }

    /// Whether a test moves it.
    pub fn is_manual(&self) -> bool {
        matches!(self.source, ClockSource::Manual(_))
    }

    /// Moves a manual clock forward.
    ///
    /// # Panics
    /// On the system clock, which cannot be moved.
    pub fn advance(&self, by: Duration) {
        let ClockSource::Manual(micros) = &self.source else { panic!("only a manual clock can be advanced") };
        micros.fetch_add(i64::try_from(by.as_micros()).unwrap_or(i64::MAX), Ordering::AcqRel);
    }

    /// A new UUIDv7 (RFC 9562): ordered by time, and strictly ascending for one clock, even when its time is set back.
    /// So rows that are created one after the other also sort in that order.
    pub fn new_id(&self) -> Uuid {
        // 48 bits of milliseconds and 12 bits of counter, as RFC 9562 section 6.2 method 1 allows.
        let floor = u64::try_from(self.now().as_millisecond()).unwrap_or(0) << 12;
        let next = |last: u64| floor.max(last + 1);
        let last = self.last.fetch_update(Ordering::AcqRel, Ordering::Acquire, |last| Some(next(last)));
        let ticket = last.map_or(floor, next);
        let tail = random();
        let mut bytes = [0_u8; 16];
        bytes[..6].copy_from_slice(&(ticket >> 12).to_be_bytes()[2..]);
        bytes[6..8].copy_from_slice(&(0x7000 | (ticket & 0xfff) as u16).to_be_bytes());
        bytes[8..].copy_from_slice(&tail);
        bytes[8] = 0x80 | (bytes[8] & 0x3f);
        Uuid::from_bytes(bytes)
    }
}

/// Eight random bytes. They are fetched from the operating system in bulk, because a call for each id would cost more
/// than binding all the values of its row. Ids are not secrets.
fn random() -> [u8; 8] {
    const MANY: usize = 64;
    thread_local! {
        static READY: RefCell<([[u8; 8]; MANY], usize)> = const { RefCell::new(([[0; 8]; MANY], MANY)) };
    }
    READY.with_borrow_mut(|(bytes, used)| {
        if *used == MANY {
            getrandom::fill(bytes.as_flattened_mut()).expect("the operating system gives random bytes");
            *used = 0;
        }
        *used += 1;
        bytes[*used - 1]
    })
}

/// The moment `micros` microseconds after 1970. Out-of-range values are clamped to the ends of the calendar.
pub(crate) fn from_micros(micros: i64) -> Timestamp {
    Timestamp::from_microsecond(micros).unwrap_or(if micros < 0 { Timestamp::MIN } else { Timestamp::MAX })
}

#[cfg(target_os = "linux")]
fn since_boot(_start: Instant) -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    let (seconds, nanos) = (u64::try_from(time.tv_sec), u32::try_from(time.tv_nsec));
    Duration::new(seconds.unwrap_or_default(), nanos.unwrap_or_default())
}

#[cfg(not(target_os = "linux"))]
fn since_boot(start: Instant) -> Duration {
    start.elapsed()
}

#[expect(clippy::disallowed_methods, reason = "this is the clock that everybody else is told to use")]
fn system_time() -> Timestamp {
    Timestamp::now()
}
