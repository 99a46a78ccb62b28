//! What the feed says about jobs: that one waits in a queue, and that a job of an organization has changed.

use tenfold_data::{OrgId, Topic};

/// A job waits in this queue.
pub(crate) fn waits_in(queue: &str) -> Topic {
    Topic::signal(format!("tenfold.jobs/{queue}"))
}

/// Jobs wait in some queue: several, or one whose queue the writer does not know.
pub(crate) fn waits_somewhere() -> Topic {
    Topic::signal("tenfold.jobs")
}

/// Jobs of this organization have changed: a step, its progress, a failure, an end. Claims and heartbeats are not said.
pub fn jobs_changed(organization: Option<OrgId>) -> Topic {
    match organization {
        Some(organization) => Topic::signal(format!("tenfold.jobs.of/{organization}")),
        None => Topic::signal("tenfold.jobs.of"),
    }
}
