//! Durable jobs and events on the application's own database.
//!
//! A job is enqueued in the caller's transaction: it is committed with the rows it concerns, or not at all. It runs at
//! least once. Its worker holds a lease with a fencing token, which guards everything the worker writes about the job. So
//! a worker that was believed dead cannot disturb the next one. The names are River's and Oban's; the shape of the trait
//! is that of the Rust package registry's backend.

pub mod admin;
mod batch;
mod claim;
mod context;
mod declared;
mod due;
mod ending;
mod enqueue;
mod event;
mod finish;
mod given_up;
mod heal;
mod job;
mod later;
mod listeners;
mod observer;
mod options;
mod ordered;
mod prune;
mod rate;
mod registry;
mod rescue;
mod rows;
mod runner;
mod schedule;
mod secrets;
mod settings;
mod signals;
mod store;
mod unique;
mod worker;

use tenfold_data::{ModuleMigrations, migrations};

pub use crate::context::{JobContext, Services};
pub use crate::enqueue::Enqueue;
pub use crate::event::Event;
pub use crate::given_up::GivenUp;
pub use crate::job::Job;
pub use crate::later::{Discard, Snooze, TryLater};
pub use crate::listeners::Listeners;
pub use crate::observer::{COUNTED, JobEnd, JobObserver, JobWatch};
pub use crate::options::JobOptions;
pub use crate::rate::RateLimit;
pub use crate::registry::{Registry, RegistryError};
pub use crate::rows::{AttemptError, FinishedJob, JobId, JobState, QueuedJob};
pub use crate::runner::Jobs;
pub use crate::schedule::is_time_zone;
pub use crate::secrets::without_secrets;
pub use crate::settings::JobSettings;
pub use crate::signals::jobs_changed;
pub use crate::store::LeaseLost;
pub use crate::worker::Worker;

/// The tables of jobs; an application migrates them before its modules' tables.
pub fn job_migrations() -> ModuleMigrations {
    ModuleMigrations { module: "tenfold.jobs", files: migrations!() }
}
