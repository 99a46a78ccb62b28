//! Sends load to a running application over HTTP, and reports its latencies.
//!
//! An open loop: requests are due at the times of a Poisson process, whatever became of those before, and latency
//! counts from the moment at which a request was due. So a server that stalls shows all the requests that waited
//! (Gil Tene calls the mistake of leaving them out coordinated omission). Requests that could not be sent are counted,
//! and make a run invalid.
//!
//! It depends on nothing of the framework: it knows an application by its OpenAPI document alone.

mod accounts;
mod arrivals;
mod connections;
mod document;
mod exchange;
mod latencies;
mod prepare;
mod report;
mod request;
mod run;
mod scenario;
mod seeded;
mod tally;
mod target;
mod visitor;

pub use self::arrivals::{InvalidRate, LoadRate};
pub use self::latencies::Latencies;
pub use self::report::{LoadFault, LoadLimits, LoadReport, OperationCounts};
pub use self::run::{LoadNews, LoadPlan, run};
pub use self::scenario::Scenario;
pub use self::tally::RequestCounts;
pub use self::target::LoadTarget;
