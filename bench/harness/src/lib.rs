//! The backend from outside: its processes, started, used over sockets and killed as in operation; a ledger of what
//! they acknowledged; and a verdict on the result.
//!
//! Both the tests of the reference backend and the benchmarks use it. It shares no code with the backend that it
//! judges, except to read the tables of jobs, which no route shows.

pub mod chaos;
pub mod content;
pub mod fleet;
pub mod found;
pub mod ledger;
mod place;
pub mod process;
pub mod random;
pub mod verdict;
pub mod wire;

pub use self::place::Deployment;
