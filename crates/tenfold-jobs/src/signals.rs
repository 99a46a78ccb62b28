//! What the feed says about jobs: that one waits in a queue, and that a job of an organization has changed.

use tenfold_data::{OrgId, Topic, TopicKind};

/// A job waits in this queue.
pub(crate) fn waits_in(queue: &str) -> Topic {
    Topic::signal(format!("tenfold.jobs/{queue}"))
}

/// Jobs wait in some queue: several, or one whose queue the writer does not know.
pub(crate) fn waits_somewhere() -> Topic {
    Topic::signal("tenfold.jobs")
}

/// What stands for the jobs among the tables that the feed knows: claims and heartbeats change the real one all the time.
const CHANGED: &str = "jobs";

/// Jobs of this organization have changed: a step, its progress, a failure, an end. Claims and heartbeats are not said.
/// `None` is a change of any job.
pub fn jobs_changed(organization: Option<OrgId>) -> Topic {
    Topic::table(organization, CHANGED)
}

/// Everything that other processes are told about jobs.
pub(crate) fn told<'q>(queues: impl Iterator<Item = &'q str>) -> Vec<TopicKind> {
    let waiting = queues.map(|queue| TopicKind::signal(format!("tenfold.jobs/{queue}")));
    waiting.chain([TopicKind::signal("tenfold.jobs"), TopicKind::table(CHANGED)]).collect()
}
