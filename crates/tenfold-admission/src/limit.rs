//! How many requests run at once.
//!
//! Requests are compared with what the same kind takes while few run: the *baseline*, which is learnt only while no
//! more than the floor is in flight. Nothing learnt under load raises it, so a long overload cannot pass for the
//! normal state (the drift of gradient limiters). When the server really has become slower, the limit falls to the
//! floor, and the baseline is learnt anew there.

use std::time::Duration;

/// Bounds of the limit.
#[derive(Clone, Copy, Debug)]
pub struct LimitSettings {
    /// This many requests always run at once. Some twice as many as there are threads that run them.
    pub floor: usize,
    /// This many, while requests take less than a millisecond on average; as many as `floor` or more. Under a flood each step of a
    /// request waits behind the refusals of all connections that are ready, so two short ones for each thread do not use what the
    /// refusals leave.
    pub floor_of_short: usize,
    /// The limit at the start.
    pub start: usize,
    /// The limit never exceeds this.
    pub ceiling: usize,
}

impl LimitSettings {
    /// A limit that does not adapt.
    pub const fn fixed(limit: usize) -> Self {
        LimitSettings { floor: limit, floor_of_short: limit, start: limit, ceiling: limit }
    }
}

/// How much longer than their baseline requests may take before the limit shrinks.
const TOLERANCE: f64 = 1.5;
/// A probe of the scheduler that comes later than this is a sign of overload.
const LAG_AIM: f64 = 0.05;
/// Requests that take less than this on average are short, in seconds.
const SHORT: f64 = 0.001;
/// A window is judged when it is at least so old,
const SHORTEST_WINDOW: Duration = Duration::from_millis(100);
/// and has so many requests,
const FEWEST: u32 = 16;
/// or is so old.
const LONGEST_WINDOW: Duration = Duration::from_secs(1);
/// How many requests of a kind the baseline remembers.
const MEMORY: f64 = 32.0;
/// How many kinds have a baseline of their own.
const KINDS: usize = 1024;

/// The mean time of a kind of request while few run, in seconds.
#[derive(Clone, Copy, Default)]
struct Baseline {
    seconds: f64,
    samples: f64,
}

impl Baseline {
    fn learn(&mut self, seconds: f64) {
        self.samples = (self.samples + 1.0).min(MEMORY);
        self.seconds += (seconds - self.seconds) / self.samples;
    }
}

/// What has happened since the limit was last judged.
struct LimitWindow {
    began: Duration,
    finished: u32,
    /// Those with a baseline, the time that they took, and the time that their baselines predict.
    known: u32,
    took: f64,
    expected: f64,
    /// The most requests in flight.
    peak: usize,
    has_waited: bool,
    lag: Duration,
}

impl LimitWindow {
    fn begin(now: Duration) -> Self {
        LimitWindow {
            began: now,
            finished: 0,
            known: 0,
            took: 0.0,
            expected: 0.0,
            peak: 0,
            has_waited: false,
            lag: Duration::ZERO,
        }
    }

    /// The factor by which the limit should change, at most 1.
    fn gradient(&self) -> f64 {
        let slowdown = if self.expected > 0.0 { self.took / self.expected } else { 1.0 };
        let lag = self.lag.as_secs_f64();
        let by_lag = if lag > LAG_AIM { LAG_AIM / lag } else { 1.0 };
        // Down to a half at once, as TCP.
        (TOLERANCE / slowdown.max(TOLERANCE)).min(by_lag).max(0.5)
    }
}

/// The limit.
pub(crate) struct AdaptiveLimit {
    settings: LimitSettings,
    /// This many always run at once.
    floor: usize,
    limit: f64,
    baselines: Vec<Baseline>,
    window: LimitWindow,
    /// The mean time of requests, whatever their kind, in seconds.
    mean: Baseline,
}

impl AdaptiveLimit {
    pub(crate) fn new(settings: LimitSettings) -> Self {
        let start = settings.start.clamp(settings.floor, settings.ceiling);
        AdaptiveLimit {
            settings,
            floor: settings.floor,
            limit: start as f64,
            baselines: Vec::new(),
            window: LimitWindow::begin(Duration::ZERO),
            mean: Baseline::default(),
        }
    }

    /// How many may run at once now.
    pub(crate) fn current(&self) -> usize {
        self.limit as usize
    }

    /// How long a request of this kind takes while few run, if that is known.
    pub(crate) fn expected(&self, kind: usize) -> Option<Duration> {
        let baseline = self.baselines.get(kind.min(KINDS - 1)).filter(|baseline| baseline.samples > 0.0)?;
        Some(Duration::from_secs_f64(baseline.seconds))
    }

    /// How long requests take on average.
    pub(crate) fn mean(&self) -> Duration {
        Duration::from_secs_f64(self.mean.seconds)
    }

    /// A request begins, and so many run with it.
    pub(crate) fn begins(&mut self, in_flight: usize) {
        self.window.peak = self.window.peak.max(in_flight);
    }

    /// A request has to wait.
    pub(crate) fn waits(&mut self) {
        self.window.has_waited = true;
    }

    /// The scheduler's probe came late by this.
    pub(crate) fn lags(&mut self, lag: Duration) {
        self.window.lag = self.window.lag.max(lag);
    }

    /// A request has ended. `most` is how many ran with it when it began or when it ended, whichever was more.
    pub(crate) fn ends(&mut self, now: Duration, kind: usize, took: Duration, most: usize) {
        let (took, kind) = (took.as_secs_f64(), kind.min(KINDS - 1));
        self.mean.learn(took);
        if self.baselines.len() <= kind {
            self.baselines.resize(kind + 1, Baseline::default());
        }
        let baseline = &mut self.baselines[kind];
        if most <= self.floor {
            baseline.learn(took);
        }
        self.window.finished += 1;
        if baseline.samples > 0.0 {
            self.window.known += 1;
            self.window.took += took;
            self.window.expected += baseline.seconds;
        }
        self.judge(now);
    }

    /// Adapts the limit, if enough has happened since the last time.
    pub(crate) fn judge(&mut self, now: Duration) {
        let age = now.saturating_sub(self.window.began);
        if age < SHORTEST_WINDOW || (self.window.finished < FEWEST && age < LONGEST_WINDOW) {
            return;
        }
        let window = std::mem::replace(&mut self.window, LimitWindow::begin(now));
        // A limit that nobody comes near shows nothing about itself.
        if !window.has_waited && (window.peak as f64) < 0.8 * self.limit {
            return;
        }
        if window.known > 0 {
            let is_short = window.expected / f64::from(window.known) < SHORT;
            self.floor = if is_short { self.settings.floor_of_short } else { self.settings.floor };
        }
        let gradient = window.gradient();
        let has_baseline = window.expected > 0.0 || window.finished == 0;
        self.limit = match (gradient < 1.0, has_baseline) {
            (true, _) => self.limit * gradient,
            // Nothing is slower than it should be; or nothing ends although the threads have time, because what runs
            // waits for something else.
            (false, true) => self.limit + self.limit.sqrt(),
            // Kinds that were never seen alone: fewer at once show what they take.
            (false, false) => self.limit * 0.8,
        };
        self.limit = self.limit.clamp(self.floor as f64, self.settings.ceiling as f64);
    }
}
