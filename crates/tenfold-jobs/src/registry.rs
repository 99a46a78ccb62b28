//! What a process can run: kinds of jobs, queues, schedules, and listeners for the end of jobs.

use std::collections::{BTreeMap, HashMap};
use std::future::Future;

use tenfold_data::Database;

use crate::context::JobContext;
use crate::declared::DeclaredKinds;
use crate::given_up::{GivenUp, follow_up_kind, tell};
use crate::job::{Job, RegisteredKind};
use crate::rows::DEFAULT_QUEUE;
use crate::schedule::JobSchedule;

/// The kinds that a process can run, and enqueue.
#[derive(Clone, Default)]
pub struct Registry {
    kinds: HashMap<String, RegisteredKind>,
    /// The kinds of the follow-ups, which notify the listener of a given-up job.
    follow_ups: HashMap<&'static str, String>,
    /// Those for all other kinds of a module.
    follow_ups_of_modules: HashMap<&'static str, String>,
    /// How many jobs of each queue run at once in a process.
    queues: BTreeMap<&'static str, usize>,
    schedules: BTreeMap<&'static str, JobSchedule>,
    twice: Option<RegistryError>,
}

/// Kinds of jobs that contradict each other.
#[derive(Clone, Debug, thiserror::Error)]
pub enum RegistryError {
    /// A stored job would be read as the wrong type.
    #[error("two jobs or listeners are called {kind:?}: {first} and {second}: give one of them another name")]
    Twice {
        /// The name.
        kind: String,
        /// The type that has it.
        first: &'static str,
        /// The type that also claims it; the same type when it is registered twice.
        second: &'static str,
    },
    /// A listener waits for the end of jobs that no process runs.
    #[error(
        "a listener waits for given up jobs of the kind {kind:?}, which no module registers: add `.job::<…>()` for it"
    )]
    Unknown {
        /// The kind.
        kind: &'static str,
    },
    /// A job waits in a queue that no process claims from.
    #[error(
        "jobs of the kind {kind:?} wait in the queue {queue:?}, which no module declares: add `.queue({queue:?}, 4)`"
    )]
    NoQueue {
        /// The kind.
        kind: String,
        /// The queue.
        queue: &'static str,
    },
    /// A schedule cannot be read, or its kind is not registered.
    #[error("the schedule {name:?} cannot be used: {why}")]
    Schedule {
        /// Its name.
        name: &'static str,
        /// What is wrong.
        why: String,
    },
}

impl Registry {
    /// Adds a kind. [`Registry::check`] reports a name that another type has.
    pub fn register<J: Job>(&mut self) {
        self.insert(J::KIND.to_owned(), RegisteredKind::of::<J>());
    }

    /// Declares a queue. Each process runs so many of its jobs at once.
    pub fn queue(&mut self, name: &'static str, concurrency: usize) {
        self.queues.insert(name, concurrency.max(1));
    }

    /// Enqueues a job again and again: `"17 * * * *"` (minute, hour, day of the month, month, day of the week; a time
    /// zone may follow) or `"1h"`. It happens once in the cluster. Firings that were missed happen once, late. None
    /// happens while the last one's job is unfinished. [`Registry::check`] reports a text that cannot be read.
    pub fn every<J: Job>(
        &mut self,
        name: &'static str,
        spec: &'static str,
        make: impl Fn() -> J + Send + Sync + 'static,
    ) {
        let schedule = JobSchedule::new(name, spec, make);
        if self.schedules.insert(name, schedule).is_some() {
            let first = "another schedule";
            self.twice.get_or_insert(RegistryError::Twice { kind: name.to_owned(), first, second: first });
        }
    }

    /// Calls `listen` for each job of a kind that ends without success: discarded after its last attempt or as poison, or
    /// cancelled by an operator. The call is a separate job (of the kind `<kind>.given_up`), which is committed with the end
    /// and retried until it succeeds. So `listen` may be called twice. A kind has one such listener.
    pub fn on_given_up<J, F, W>(&mut self, listen: F)
    where
        J: Job,
        F: Fn(JobContext, GivenUp<J>) -> W + Send + Sync + 'static,
        W: Future<Output = anyhow::Result<()>> + Send + 'static,
    {
        let kind = follow_up_kind(J::KIND);
        self.insert(kind.clone(), tell::<J, _, _>(listen));
        self.follow_ups.insert(J::KIND, kind);
    }

    /// As [`Registry::on_given_up`], for all jobs and deliveries of a module whose kinds have no listener of their own: those
    /// whose names begin with the module's name.
    pub fn on_any_given_up<F, W>(&mut self, module: &'static str, listen: F)
    where
        F: Fn(JobContext, GivenUp<serde_json::Value>) -> W + Send + Sync + 'static,
        W: Future<Output = anyhow::Result<()>> + Send + 'static,
    {
        let kind = follow_up_kind(&format!("{module}.any"));
        self.insert(kind.clone(), tell(listen));
        self.follow_ups_of_modules.insert(module, kind);
    }

    /// Checks that the kinds are consistent.
    ///
    /// # Errors
    /// The first name that two of them share, or a listener for a kind that does not exist.
    pub fn check(&self) -> Result<(), RegistryError> {
        if let Some(twice) = &self.twice {
            return Err(twice.clone());
        }
        if let Some(kind) = self.follow_ups.keys().find(|kind| !self.kinds.contains_key(**kind)) {
            return Err(RegistryError::Unknown { kind });
        }
        let lost =
            |kind: &RegisteredKind| kind.queue != DEFAULT_QUEUE && !self.queues.contains_key(kind.queue);
        if let Some((name, kind)) = self.kinds.iter().find(|(_, kind)| lost(kind)) {
            return Err(RegistryError::NoQueue { kind: name.clone(), queue: kind.queue });
        }
        self.schedules.values().try_for_each(|schedule| {
            let wrong = |why| Err(RegistryError::Schedule { name: schedule.name, why });
            match schedule.check() {
                Err(why) => wrong(why),
                Ok(()) if !self.kinds.contains_key(schedule.kind) => {
                    wrong(format!("no module registers its kind {:?}: add `.job::<…>()`", schedule.kind))
                }
                Ok(()) => Ok(()),
            }
        })
    }

    /// Declares the kinds to the database's transactions, which then refuse to enqueue any other kind.
    /// [`Jobs::new`](crate::Jobs::new) calls this too; call it directly for jobs that are enqueued earlier.
    pub fn declare(&self, database: &Database) {
        let queues = self.queues.keys().copied().chain([DEFAULT_QUEUE]);
        database.companion::<DeclaredKinds>().add_kinds(self.kinds.keys(), queues);
    }

    pub(crate) fn insert(&mut self, name: String, kind: RegisteredKind) {
        let second = kind.of;
        if let Some(first) = self.kinds.insert(name.clone(), kind) {
            self.twice.get_or_insert(RegistryError::Twice { kind: name, first: first.of, second });
        }
    }

    pub(crate) fn get(&self, kind: &str) -> Option<&RegisteredKind> {
        self.kinds.get(kind)
    }

    /// The kind of the follow-up for given-up jobs of this kind.
    pub(crate) fn follow_up(&self, kind: &str) -> Option<&str> {
        let of_module = || self.follow_ups_of_modules.get(kind.split('.').next()?);
        self.follow_ups.get(kind).or_else(of_module).map(String::as_str)
    }

    /// The queues, with how many jobs of each run at once in a process.
    pub(crate) fn queues(&self) -> &BTreeMap<&'static str, usize> {
        &self.queues
    }

    pub(crate) fn schedules(&self) -> &BTreeMap<&'static str, JobSchedule> {
        &self.schedules
    }
}
