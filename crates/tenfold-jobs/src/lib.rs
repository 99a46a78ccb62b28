//! Durable jobs and events on the application's own database.
//!
//! A job is enqueued in the caller's transaction: it is committed with the rows it concerns, or not at all. It runs at
//! least once. Its worker holds a lease with a fencing token, which guards everything the worker writes about the job. So
//! a worker that was believed dead cannot disturb the next one. The names are River's and Oban's; the shape of the trait
//! is that of the Rust package registry's backend.

pub mod admin;
mod context;
mod ending;
mod enqueue;
mod event;
mod given_up;
mod job;
mod later;
mod observer;
mod rows;
mod runner;
mod store;
mod worker;

use tenfold_data::{ModuleMigrations, migrations};

pub use crate::context::{JobContext, Services};
pub use crate::enqueue::{Enqueue, JobOptions};
pub use crate::event::{Event, Listeners};
pub use crate::given_up::GivenUp;
pub use crate::job::{Job, Registry, RegistryError};
pub use crate::later::TryLater;
pub use crate::observer::{COUNTED, JobEnd, JobObserver, JobWatch};
pub use crate::rows::{AttemptError, FinishedJob, JobId, JobState, QueuedJob};
pub use crate::runner::{JobSettings, Jobs};
pub use crate::store::LeaseLost;
pub use crate::worker::Worker;

/// The tables of jobs; an application migrates them before its modules' tables.
pub fn job_migrations() -> ModuleMigrations {
    ModuleMigrations { module: "tenfold", files: migrations!() }
}
