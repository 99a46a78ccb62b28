//! Traffic of many organizations from a seed, with one fault and innocent changes beside it, and how well the answer names the fault.
//!
//! The answerer sees the records alone: neither the seed nor the fault.

mod case;
mod fault;
mod random;
mod score;
mod world;

pub use case::{CaseOutcome, LATER_S, false_alarms, run_case};
pub use fault::{FAULTS, FaultKind, InjectedFault};
pub use random::SeededRandom;
pub use score::{IncidentScore, RightOf};
pub use world::{START_S, World, organization, statement_place};
