//! When each request is due, and which one it is: a Poisson process that a seed reproduces.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use crate::seeded::Seeded;

/// How many requests a second are due: `200`, or `50..500`, which grows evenly over the run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LoadRate {
    from: f64,
    to: f64,
}

/// The highest rate; more than one process sends.
const HIGHEST: f64 = 1_000_000.0;

/// The text was not a [`LoadRate`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not a rate: write requests a second up to 1000000, such as `200`, or `50..500` for one that grows from 50 to 500"
)]
pub struct InvalidRate(String);

impl FromStr for LoadRate {
    type Err = InvalidRate;

    fn from_str(text: &str) -> Result<Self, InvalidRate> {
        let (from, to) = text.split_once("..").unwrap_or((text, text));
        match (from.trim().parse::<f64>(), to.trim().parse::<f64>()) {
            (Ok(from), Ok(to)) if from.max(to) > 0.0 && from.min(to) >= 0.0 && from.max(to) <= HIGHEST => {
                Ok(LoadRate { from, to })
            }
            _ => Err(InvalidRate(text.to_owned())),
        }
    }
}

impl fmt::Display for LoadRate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.from.to_bits() == self.to.to_bits() {
            true => write!(f, "{}", self.from),
            false => write!(f, "{}..{}", self.from, self.to),
        }
    }
}

impl LoadRate {
    /// How many requests are expected in this time.
    pub(crate) fn expected(self, warm_up: Duration, duration: Duration) -> f64 {
        self.from * warm_up.as_secs_f64() + f64::midpoint(self.from, self.to) * duration.as_secs_f64()
    }
}

/// A request that is due.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Arrival {
    /// Since the start.
    pub at: Duration,
    /// Which step of the mix.
    pub step: usize,
    /// Which of the step's accounts.
    pub account: usize,
    /// Chooses ids.
    pub choice: u64,
}

/// A step's share of the requests.
#[derive(Clone, Copy)]
pub(crate) struct Share {
    pub weight: u32,
    /// How many accounts can call it.
    pub accounts: usize,
}

/// All requests of a run in the order of their times.
pub(crate) struct Arrivals {
    random: Seeded,
    rate: LoadRate,
    warm_up: f64,
    duration: f64,
    mix: Vec<Share>,
    /// The number of arrivals expected up to the last one, in the phase in which it was.
    expected: f64,
    is_warm: bool,
}

impl Arrivals {
    /// The warm-up has the first rate. `mix` has at least one step, and each step has a weight and an account.
    pub(crate) fn new(
        seed: u64,
        rate: LoadRate,
        warm_up: Duration,
        duration: Duration,
        mix: Vec<Share>,
    ) -> Self {
        let (warm_up, duration) = (warm_up.as_secs_f64(), duration.as_secs_f64());
        Arrivals { random: Seeded::new(seed), rate, warm_up, duration, mix, expected: 0.0, is_warm: false }
    }

    /// The time of the next arrival in seconds, until the end.
    ///
    /// In a process whose rate changes, the expected numbers of arrivals are those of a process with the rate 1 (time
    /// rescaling; Lewis and Shedler, 1979). The rate's integral is inverted in the form that needs no division by its
    /// slope.
    fn next_time(&mut self) -> Option<f64> {
        self.expected += self.random.exponential();
        if !self.is_warm {
            let time = self.expected / self.rate.from;
            if time < self.warm_up {
                return Some(time);
            }
            self.is_warm = true;
            self.expected = self.random.exponential();
        }
        let LoadRate { from, to } = self.rate;
        let square = from * from + 2.0 * (to - from) / self.duration * self.expected;
        // Below zero: a rate that falls to zero never reaches this number.
        let time = (square >= 0.0).then(|| 2.0 * self.expected / (from + square.sqrt()))?;
        (time < self.duration).then_some(self.warm_up + time)
    }
}

impl Iterator for Arrivals {
    type Item = Arrival;

    fn next(&mut self) -> Option<Arrival> {
        let at = Duration::from_secs_f64(self.next_time()?);
        let mut place = self.random.below(self.mix.iter().map(|share| u64::from(share.weight)).sum());
        let step = self.mix.iter().position(|share| {
            let is_here = place < u64::from(share.weight);
            place = place.saturating_sub(u64::from(share.weight));
            is_here
        })?;
        let accounts = self.mix[step].accounts;
        let account = usize::try_from(self.random.below(accounts as u64)).unwrap_or_default();
        Some(Arrival { at, step, account, choice: self.random.number() })
    }
}
