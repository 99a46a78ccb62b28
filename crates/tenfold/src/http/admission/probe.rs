//! A task that does nothing but notice how late it is.
//!
//! On SQLite the work runs on the runtime's own threads, so requests queue where no code of theirs runs. A timer that
//! fires late waits in the same queue.

use std::time::Duration;

use tenfold_admission::WeakAdmissionGate;
use tenfold_data::PressureGauge;
use tokio::time::Instant;

/// How often it looks. It also ends waits that have taken too long, which no other event may do.
const EVERY: Duration = Duration::from_millis(50);

/// Tells the gate again and again how late the scheduler is, until the gate is gone.
pub(super) async fn probe(gate: WeakAdmissionGate, pressure: PressureGauge) {
    loop {
        let due = Instant::now() + EVERY;
        tokio::time::sleep_until(due).await;
        let Some(gate) = gate.upgrade() else { return };
        gate.tick(due.elapsed());
        pressure.set(gate.pressure());
    }
}
