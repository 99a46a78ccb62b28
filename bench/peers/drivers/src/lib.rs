//! Tenfold beside hand-written statements on the bare drivers, in one process: same data, same settings, in turns.

// The derive writes `::tenfold::data::…`; the whole framework is not needed here.
extern crate self as tenfold;
pub use tenfold_data as data;

pub mod allocations;
pub mod extent;
pub mod jobs;
pub mod line;
pub mod list;
pub mod load;
pub mod people;
pub mod place;
pub mod queue;
pub mod reads;
pub mod telemetry;
pub mod writes;
