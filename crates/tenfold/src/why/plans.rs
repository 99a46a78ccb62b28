//! Keeps the plans of the statements that a process has sent, and notices when the schema changes beside it.
//!
//! A task looks every ten seconds, on a connection that is opened for it: no request waits for that. When a statement becomes slow its
//! plan is taken again, so that the answer can compare.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tenfold_data::{Database, PlanRequest, Timestamp};
use tenfold_observe::telemetry::diagnosis::{Diagnosis, DiagnosisState, has_passed};
use tenfold_observe::telemetry::{StatementKey, Telemetry};
use tokio::sync::Mutex as LookLock;
use tokio::time::Instant;

use super::maintenance::SeenActivity;
use super::question::{ask, recent};
use super::schema::SchemaSnapshot;

/// How many new statements are looked at together, and how many known plans.
const AT_ONCE: usize = 20;
/// A question about a time longer ago than this, in microseconds, makes it look at nothing.
const RECENT_US: i64 = 60_000_000;
/// How often questions make it look again, in microseconds: while the database does not answer, each would wait.
const TRY_EVERY_US: i64 = 10_000_000;
/// How long the task waits for the database.
const LOOK_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a question waits for it.
const QUESTION_TIMEOUT: Duration = Duration::from_secs(2);

/// Takes the plans of a process.
pub struct StatementPlans {
    database: Database,
    telemetry: Telemetry,
    is_on: bool,
    schema: Mutex<SchemaSnapshot>,
    activity: Mutex<SeenActivity>,
    /// When a question made it look for the schema.
    tried_us: AtomicI64,
    /// One look after the other.
    look_lock: LookLock<()>,
}

impl StatementPlans {
    pub(crate) fn new(database: Database, telemetry: Telemetry, is_on: bool) -> Self {
        if is_on {
            telemetry.keep_plans();
        }
        let (schema, activity, look_lock) = (Mutex::default(), Mutex::default(), LookLock::default());
        let tried_us = AtomicI64::new(0);
        StatementPlans { database, telemetry, is_on, schema, activity, tried_us, look_lock }
    }

    pub(crate) fn is_on(&self) -> bool {
        self.is_on
    }

    /// What is wrong, as [`Telemetry::why`] says it. The plans of statements that take longer are taken again first, and it is noticed what
    /// has changed in the schema. Waits for the database for two seconds at most.
    pub async fn why(&self, since: Option<Timestamp>, until: Timestamp) -> Option<Diagnosis> {
        // What has no answer now may have one after the look.
        let question = self.telemetry.question(since, until);
        let answer = ask(&self.telemetry, &question).await?;
        if self.look_for(&answer, until).await { ask(&self.telemetry, &question).await } else { Some(answer) }
    }

    /// Looks at new statements, and once a minute at the schema, at statements that became slow and at some known plans. Call it every
    /// ten seconds. An error is logged at `debug`: a database that does not answer is told by others.
    pub async fn look(&self) {
        if !self.is_on {
            return;
        }
        let mut wanted = self.telemetry.unplanned(AT_ONCE);
        let now = self.telemetry.clock().now();
        let is_due = self.schema().is_due(now.as_microsecond());
        if is_due {
            wanted.extend(self.telemetry.aged_plans(AT_ONCE));
            if let Some(answer) = recent(&self.telemetry, &self.telemetry.question(None, now)).await {
                wanted.extend(self.telemetry.slower(&answer));
            }
        }
        if is_due || !wanted.is_empty() {
            self.take(&wanted, LOOK_TIMEOUT).await;
        }
    }

    /// Looks at what an answer is about; whether it has seen something.
    async fn look_for(&self, answer: &Diagnosis, until: Timestamp) -> bool {
        let now_us = self.telemetry.clock().now().as_microsecond();
        let is_now = now_us - until.as_microsecond() < RECENT_US;
        if !self.is_on || answer.state == DiagnosisState::NoIncident || !is_now {
            return false;
        }
        let wanted = self.telemetry.slower(answer);
        // What fails may fail because a table was altered.
        let since_us = answer.since_us.unwrap_or(now_us);
        let is_old = self.schema().looked_before(since_us) && self.may_try(now_us);
        (is_old || !wanted.is_empty()) && self.take(&wanted, QUESTION_TIMEOUT).await
    }

    /// Whether a question may make it look for the schema; then it counts as tried. It may as well if the clock was set back.
    fn may_try(&self, now_us: i64) -> bool {
        let try_now = |tried_us: i64| has_passed(TRY_EVERY_US, tried_us, now_us).then_some(now_us);
        self.tried_us.fetch_update(Ordering::Relaxed, Ordering::Relaxed, try_now).is_ok()
    }

    fn schema(&self) -> MutexGuard<'_, SchemaSnapshot> {
        self.schema.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes these plans and the schema, or what of it comes in time. Whether anything did.
    async fn take(&self, wanted: &[Arc<StatementKey>], timeout: Duration) -> bool {
        let request = |key: &Arc<StatementKey>| PlanRequest { text: key.text.clone(), by_key: key.by_key };
        let requests: Vec<PlanRequest> = wanted.iter().map(request).collect();
        let deadline = Instant::now() + timeout;
        let Ok(_looking) = tokio::time::timeout_at(deadline, self.look_lock.lock()).await else {
            tracing::debug!("another look at the database takes too long");
            return false;
        };
        let began_us = self.telemetry.clock().now().as_microsecond();
        let left = deadline.saturating_duration_since(Instant::now());
        let mut look = match self.database.look(&requests, left).await {
            Ok(look) => look,
            Err(error) => {
                tracing::debug!(%error, "the database does not show its plans");
                return false;
            }
        };
        let schema = std::mem::take(&mut look.schema);
        self.schema().note(&self.telemetry, schema, began_us);
        self.activity.lock().unwrap_or_else(PoisonError::into_inner).note(&self.telemetry, &look, began_us);
        self.telemetry.keep(wanted.iter().cloned().zip(look.plans));
        true
    }
}
