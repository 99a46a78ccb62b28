//! How busy the process is, for those who can do less.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// How busy the process is, from 0 (idle) to 1 (requests wait); 0 while nobody says. A clone shows the same.
#[derive(Clone, Debug, Default)]
pub struct PressureGauge(Arc<AtomicU64>);

impl PressureGauge {
    /// Says how busy it is.
    pub fn set(&self, pressure: f64) {
        self.0.store(pressure.clamp(0.0, 1.0).to_bits(), Ordering::Relaxed);
    }

    /// How busy it is.
    pub fn get(&self) -> f64 {
        f64::from_bits(self.0.load(Ordering::Relaxed))
    }
}
