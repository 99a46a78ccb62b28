//! What a process does once a minute while it serves or works ([`Module::each_minute`](crate::Module::each_minute)), and its look at plans.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::{Instant, MissedTickBehavior, interval_at};

use crate::why::StatementPlans;
use crate::wiring::MinuteLook;

const MINUTE: Duration = Duration::from_secs(60);
/// How often new statements are looked for.
const PLANS_EVERY: Duration = Duration::from_secs(10);

/// Runs until it is dropped.
pub(super) struct MinuteTask(JoinHandle<()>);

impl MinuteTask {
    /// Begins; the first calls come in a minute.
    pub(super) fn begin(looks: Vec<MinuteLook>) -> Self {
        MinuteTask::every(MINUTE, looks)
    }

    /// Takes the plans of statements, if they are kept.
    pub(super) fn look(plans: Arc<StatementPlans>) -> Option<Self> {
        plans.is_on().then(|| {
            let look: MinuteLook = Box::new(move || {
                let plans = Arc::clone(&plans);
                Box::pin(async move { plans.look().await })
            });
            MinuteTask::every(PLANS_EVERY, vec![look])
        })
    }

    fn every(pause: Duration, looks: Vec<MinuteLook>) -> Self {
        #[expect(
            clippy::disallowed_methods,
            reason = "it runs as long as the process and is a part of no request"
        )]
        let task = tokio::spawn(async move {
            let mut minutes = interval_at(Instant::now() + pause, pause);
            minutes.set_missed_tick_behavior(MissedTickBehavior::Delay);
            loop {
                minutes.tick().await;
                for look in &looks {
                    look().await;
                }
            }
        });
        MinuteTask(task)
    }
}

impl Drop for MinuteTask {
    fn drop(&mut self) {
        self.0.abort();
    }
}
