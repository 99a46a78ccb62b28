//! What a running job can do: access its organization, run steps once, report its progress.

use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::future::Future;
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;
use tenfold_data::{Context, SystemContext, SystemTx, Timestamp, Uuid};

use crate::due;
use crate::later::NotYourTurn;
use crate::rate::{self, RateLimit};
use crate::rows::{JobId, QueuedJob};
use crate::signals::jobs_changed;
use crate::store;

/// The services that an application's modules share, by type; jobs look up here what handlers take as arguments.
#[derive(Clone, Default)]
pub struct Services(Arc<HashMap<TypeId, Arc<dyn Any + Send + Sync>>>);

impl Services {
    /// The services of an application.
    pub fn new(services: HashMap<TypeId, Arc<dyn Any + Send + Sync>>) -> Self {
        Services(Arc::new(services))
    }

    /// The service of this type.
    pub fn get<T: Any + Send + Sync>(&self) -> Option<Arc<T>> {
        self.0.get(&TypeId::of::<T>()).cloned()?.downcast().ok()
    }
}

/// A running job. Cheap to clone.
#[derive(Clone)]
pub struct JobContext {
    system: SystemContext,
    job: Arc<QueuedJob>,
    token: Uuid,
    services: Services,
}

/// Why the statements about steps may repeat.
const EACH_STEP: &str = "each step is looked for and stored by itself";

impl JobContext {
    pub(crate) fn new(system: SystemContext, job: QueuedJob, token: Uuid, services: Services) -> Self {
        JobContext { system, job: Arc::new(job), token, services }
    }

    /// The job.
    pub fn id(&self) -> JobId {
        self.job.id
    }

    /// Which attempt this is, from 1.
    pub fn attempt(&self) -> i64 {
        self.job.attempt
    }

    /// Whether the job is discarded if this attempt fails. Attempts that ended because the worker was lost do not
    /// count.
    pub fn is_last_attempt(&self) -> bool {
        self.job.own_attempts() >= self.job.max_attempts
    }

    /// A context of the organization that the job was enqueued for.
    ///
    /// # Errors
    /// When it was enqueued without one.
    pub fn cx(&self) -> anyhow::Result<Context> {
        let organization = self
            .job
            .org_id
            .ok_or_else(|| anyhow::anyhow!("{} was enqueued for no organization", self.job.kind))?;
        Ok(self.system.within(organization))
    }

    /// A context without an organization.
    pub fn system(&self) -> &SystemContext {
        &self.system
    }

    /// A service or the client of an interface.
    ///
    /// # Errors
    /// When the application has none of this type.
    pub fn service<T: Any + Send + Sync>(&self) -> anyhow::Result<Arc<T>> {
        let name = std::any::type_name::<T>();
        self.services.get().ok_or_else(|| anyhow::anyhow!("the application has no {name}"))
    }

    /// Runs a step once: its result is stored, and a restarted job gets the stored one. `work` itself may run again
    /// if the process dies before the result is stored; for effects in the database use [`JobContext::step_in`].
    ///
    /// # Errors
    /// The work's error, a [`DataError`](tenfold_data::DataError), or [`LeaseLost`](crate::LeaseLost).
    pub async fn step<T, F>(&self, name: &str, work: F) -> anyhow::Result<T>
    where
        T: Serialize + DeserializeOwned,
        F: AsyncFnOnce() -> anyhow::Result<T>,
    {
        let each = self.each_step();
        if let Some(stored) = store::step_result(&each, self.job.id, name).await? {
            return Ok(serde_json::from_value(stored)?);
        }
        let result = work().await?;
        let value = serde_json::to_value(&result)?;
        each.transaction(async |tx| -> anyhow::Result<()> { self.store_step(tx, name, value).await }).await?;
        Ok(result)
    }

    /// Whether this step of the job was done, in this attempt or in an earlier one.
    ///
    /// # Errors
    /// A [`DataError`](tenfold_data::DataError).
    pub async fn has_step(&self, name: &str) -> anyhow::Result<bool> {
        Ok(store::step_result(&self.each_step(), self.job.id, name).await?.is_some())
    }

    /// Runs a step whose effect is in the database: the effect and the step's result are committed together, so the
    /// effect happens once, however often the job runs.
    ///
    /// # Errors
    /// Like [`JobContext::step`].
    #[track_caller]
    pub fn step_in<T, F>(&self, name: &str, work: F) -> impl Future<Output = anyhow::Result<T>>
    where
        T: Serialize + DeserializeOwned,
        F: AsyncFnOnce(&mut SystemTx<'_>) -> anyhow::Result<T>,
    {
        // Created here, where the caller's line is known; the transaction begins when it is awaited.
        let transaction = self.system.transaction(async move |tx| -> anyhow::Result<T> {
            let result = work(tx).await?;
            self.store_step(&tx.repeating(EACH_STEP), name, serde_json::to_value(&result)?).await?;
            Ok(result)
        });
        async move {
            match store::step_result(&self.each_step(), self.job.id, name).await? {
                Some(stored) => Ok(serde_json::from_value(stored)?),
                None => transaction.await,
            }
        }
    }

    /// Runs a listener's effect in the database once, however often the event is delivered: a step of its own, whose
    /// result is the row that says so (an inbox).
    ///
    /// # Errors
    /// Like [`JobContext::step`].
    #[track_caller]
    pub fn effect_once<F>(&self, work: F) -> impl Future<Output = anyhow::Result<()>>
    where
        F: AsyncFnOnce(&mut SystemTx<'_>) -> anyhow::Result<()>,
    {
        self.step_in("effect", work)
    }

    /// The version of the event that this job delivers.
    pub(crate) fn version(&self) -> i64 {
        self.job.version
    }

    /// Passes if the job may start by this limit.
    pub(crate) async fn take_turn(&self, limit: &RateLimit) -> anyhow::Result<()> {
        if self.job.turn_at.is_some() {
            return Ok(());
        }
        match rate::turn(&self.system, limit, &self.job).await? {
            None => Ok(()),
            Some(waits) => Err(waits.into()),
        }
    }

    /// Passes if the job may go on by all of these limits; otherwise the job waits for its turn, which counts as no attempt.
    /// For limits that are known only when the job runs: the others belong into [`Job::rate_limit`](crate::Job::rate_limit).
    /// A job takes its turns once, however often it is retried.
    ///
    /// # Errors
    /// When its turn has not come: return the error.
    pub async fn take_turns(&self, limits: &[RateLimit]) -> anyhow::Result<()> {
        let each = self.system.repeating("a job has few limits");
        let mut latest = due::now(&each).await?;
        for (number, limit) in limits.iter().enumerate() {
            let take = async || -> anyhow::Result<Timestamp> {
                match rate::turn(&each, limit, &self.job).await? {
                    None => Ok(due::now(&each).await?),
                    Some(NotYourTurn::Wait(turn)) => Ok(turn),
                    Some(later) => Err(later.into()),
                }
            };
            latest = latest.max(self.step(&format!("turn {number}"), take).await?);
        }
        if latest > due::now(&each).await? { Err(NotYourTurn::Wait(latest).into()) } else { Ok(()) }
    }

    fn each_step(&self) -> SystemContext {
        self.system.repeating(EACH_STEP)
    }

    async fn store_step(
        &self,
        tx: &SystemTx<'_>,
        name: &str,
        result: serde_json::Value,
    ) -> anyhow::Result<()> {
        // The guard comes first: it locks the job's row, so that no rescue can intervene.
        store::advance(tx, self.job.id, self.token).await?;
        store::insert_step(tx, self.job.id, name, result).await?;
        tx.signal(jobs_changed(self.job.org_id));
        Ok(())
    }

    /// Reports the job's progress, for display.
    ///
    /// # Errors
    /// A [`DataError`](tenfold_data::DataError), or [`LeaseLost`](crate::LeaseLost).
    pub async fn progress(&self, percent: u8, message: &str) -> anyhow::Result<()> {
        let percent = i64::from(percent.min(100));
        self.system
            .repeating("a job says again and again how far it is")
            .transaction(async |tx| -> anyhow::Result<()> {
                tx.signal(jobs_changed(self.job.org_id));
                store::progress(tx, self.job.id, self.token, percent, message).await
            })
            .await
    }
}
