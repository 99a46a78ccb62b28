//! Tells the arguments of one call from those of another, for the N+1 detector: a retry asks the same again.

use std::hash::{DefaultHasher, Hash, Hasher};

/// So many bytes of the arguments are looked at; what differs behind them counts as the same.
const MOST: usize = 1024;

/// What is asked, as a number. Unknown when an argument cannot be hashed: then each call counts as another.
#[derive(Debug, Default)]
pub struct Asks {
    hasher: DefaultHasher,
    looked_at: usize,
    is_unknown: bool,
}

impl Asks {
    /// The number.
    pub fn number(&self) -> Option<u64> {
        (!self.is_unknown).then(|| self.hasher.finish())
    }
}

impl Hasher for Asks {
    fn finish(&self) -> u64 {
        self.hasher.finish()
    }

    fn write(&mut self, bytes: &[u8]) {
        let room = MOST.saturating_sub(self.looked_at);
        let some = &bytes[..bytes.len().min(room)];
        self.looked_at += some.len();
        self.hasher.write(some);
    }
}

/// An argument. Of the two traits the compiler takes [`AddHash`] where it can, and [`AddNothing`] elsewhere (David
/// Tolnay's autoref specialization).
#[derive(Debug)]
pub struct Argument<'a, T>(pub &'a T);

/// For arguments that can be hashed.
pub trait AddHash {
    /// Adds the argument.
    fn add_to(&self, asks: &mut Asks);
}

impl<T: Hash> AddHash for Argument<'_, T> {
    fn add_to(&self, asks: &mut Asks) {
        self.0.hash(asks);
    }
}

/// For all others.
pub trait AddNothing {
    /// Notes that the argument is not known.
    fn add_to(&self, asks: &mut Asks);
}

impl<T> AddNothing for &Argument<'_, T> {
    fn add_to(&self, asks: &mut Asks) {
        asks.is_unknown = true;
    }
}
