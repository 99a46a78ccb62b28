//! Keeps the plans of the statements that a process has sent, and notices when the schema changes beside it.
//!
//! A task looks every ten seconds, on a connection that is opened for it: no request waits for that. When a statement becomes slow its
//! plan is taken again, so that the answer can compare.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tenfold_data::{Database, PlanRequest, Timestamp};
use tenfold_observe::telemetry::diagnosis::{Diagnosis, DiagnosisState};
use tenfold_observe::telemetry::{StatementKey, Telemetry};
use tokio::sync::Mutex as TurnLock;

use super::maintenance::SeenActivity;
use super::question::{ask, recent};
use super::schema::SeenSchema;

/// How many new statements are looked at together.
const AT_ONCE: usize = 20;
/// How often the schema is compared, in microseconds.
const SCHEMA_EVERY_US: i64 = 60_000_000;
/// How often questions make it look again, in microseconds: while the database does not answer, each would wait.
const TRY_EVERY_US: i64 = 10_000_000;
/// How long the task waits for the database.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long a question waits for it.
const ASKED_PATIENCE: Duration = Duration::from_secs(2);

/// The plans of a process, and who takes them.
pub struct StatementPlans {
    database: Database,
    telemetry: Telemetry,
    is_on: bool,
    seen: Mutex<SeenSchema>,
    activity: Mutex<SeenActivity>,
    /// When a question made it look for the schema.
    tried_us: AtomicI64,
    /// One look after the other.
    turn: TurnLock<()>,
}

impl StatementPlans {
    pub(crate) fn new(database: Database, telemetry: Telemetry, is_on: bool) -> Self {
        if is_on {
            telemetry.keep_plans();
        }
        let (seen, activity, turn) = (Mutex::default(), Mutex::default(), TurnLock::default());
        let tried_us = AtomicI64::new(0);
        StatementPlans { database, telemetry, is_on, seen, activity, tried_us, turn }
    }

    pub(crate) fn is_on(&self) -> bool {
        self.is_on
    }

    /// What is wrong, as [`Telemetry::why`] says it. The plans of statements that take longer are taken again first, and it is noticed what
    /// has changed in the schema. Waits for the database for two seconds at most.
    pub async fn why(&self, since: Option<Timestamp>, until: Timestamp) -> Option<Diagnosis> {
        let answer = self.ask(since, until).await?;
        if self.look_for(&answer, until).await { self.ask(since, until).await } else { Some(answer) }
    }

    /// The answer without a look.
    async fn ask(&self, since: Option<Timestamp>, until: Timestamp) -> Option<Diagnosis> {
        ask(&self.telemetry, since, until).await
    }

    /// Looks at new statements, and once a minute at the schema and at statements that became slow. Call it every ten seconds. An error is
    /// logged at `debug`: a database that does not answer is told by others.
    pub async fn look(&self) {
        if !self.is_on {
            return;
        }
        let mut wanted = self.telemetry.unplanned(AT_ONCE);
        let now = self.telemetry.clock().now();
        let is_due = self.seen().age_us(now.as_microsecond()) >= SCHEMA_EVERY_US;
        if is_due && let Some(answer) = recent(&self.telemetry, None, now).await {
            wanted.extend(self.telemetry.slower(&answer));
        }
        if is_due || !wanted.is_empty() {
            self.take(&wanted, PATIENCE).await;
        }
    }

    /// Looks at what an answer is about; whether it has seen something.
    async fn look_for(&self, answer: &Diagnosis, until: Timestamp) -> bool {
        let now_us = self.telemetry.clock().now().as_microsecond();
        let is_now = now_us - until.as_microsecond() < SCHEMA_EVERY_US;
        if !self.is_on || answer.state == DiagnosisState::NoIncident || !is_now {
            return false;
        }
        let wanted = self.telemetry.slower(answer);
        // What fails may fail because a table was altered.
        let since_us = answer.since_us.unwrap_or(now_us);
        let is_old = self.seen().looked_before(since_us)
            && now_us - self.tried_us.swap(now_us, Ordering::Relaxed) >= TRY_EVERY_US;
        (is_old || !wanted.is_empty()) && self.take(&wanted, ASKED_PATIENCE).await
    }

    fn seen(&self) -> MutexGuard<'_, SeenSchema> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes these plans and the schema.
    async fn take(&self, wanted: &[Arc<StatementKey>], patience: Duration) -> bool {
        let request = |key: &Arc<StatementKey>| PlanRequest { text: key.text.clone(), by_key: key.by_key };
        let requests: Vec<PlanRequest> = wanted.iter().map(request).collect();
        let taking = async {
            let _turn = self.turn.lock().await;
            let began = self.telemetry.clock().now().as_microsecond();
            let mut look = self.database.look(&requests).await?;
            let schema = std::mem::take(&mut look.schema);
            self.seen().note(&self.telemetry, schema, began);
            self.activity.lock().unwrap_or_else(PoisonError::into_inner).note(&self.telemetry, &look, began);
            self.telemetry.keep(wanted.iter().cloned().zip(look.plans));
            Ok::<(), tenfold_data::DataError>(())
        };
        match tokio::time::timeout(patience, taking).await {
            Ok(Ok(())) => true,
            Ok(Err(error)) => {
                tracing::debug!(%error, "the database does not show its plans");
                false
            }
            Err(_) => {
                tracing::debug!("the database does not show its plans in time");
                false
            }
        }
    }
}
