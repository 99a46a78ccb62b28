//! Whether requests can be served, checked at most once a second, however often a client asks.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use http::StatusCode;
use tenfold_data::{DataError, Database, Dialect};
use tokio::sync::Semaphore;
use tokio::time::Instant;

use super::problem::Problem;

/// How long a result is valid.
const FRESH: Duration = Duration::from_secs(1);
/// How long a read and a write may take together.
const PATIENCE: Duration = Duration::from_secs(2);

/// The last result.
pub(crate) struct Readiness {
    last: Mutex<Option<(Instant, Result<(), String>)>>,
    turn: Semaphore,
}

impl Readiness {
    pub(crate) fn new() -> Self {
        Readiness { last: Mutex::new(None), turn: Semaphore::new(1) }
    }

    /// Whether the database answers and takes a write. While one request checks, others get the previous result.
    ///
    /// # Errors
    /// 503 `not-ready` with the reason.
    pub(super) async fn check(&self, database: &Database) -> Result<(), Problem> {
        if let Some(found) = self.found(FRESH) {
            return found;
        }
        let turn = match self.turn.try_acquire() {
            Ok(turn) => Ok(turn),
            Err(_) => match self.found(Duration::MAX) {
                Some(found) => return found,
                // There is no result yet. The task that checks has a time limit.
                None => self.turn.acquire().await,
            },
        };
        let _turn = turn.map_err(Problem::internal)?;
        if let Some(found) = self.found(FRESH) {
            return found;
        }
        let tried = try_out(database).await;
        let found = tried.map_err(|error| {
            // Logged here and not with each answer: a balancer asks every second.
            tracing::warn!(error = %error, "not ready: the database accepts no writes");
            reason(&error, database.dialect())
        });
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some((Instant::now(), found.clone()));
        found.map_err(not_ready)
    }

    /// The last result, if it is not older than `age`.
    fn found(&self, age: Duration) -> Option<Result<(), Problem>> {
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let (at, found) = last.as_ref()?;
        (at.elapsed() < age).then(|| found.clone().map_err(not_ready))
    }
}

async fn try_out(database: &Database) -> Result<(), DataError> {
    let deadline = Instant::now() + PATIENCE;
    database.ping().await?;
    database.try_write(deadline).await
}

/// The reason, without details that an outsider must not read: PostgreSQL's connection errors name hosts and
/// certificates.
fn reason(error: &DataError, dialect: Dialect) -> String {
    match error {
        DataError::Unavailable(_) if dialect == Dialect::Postgres => {
            "the database cannot be used: the log says why".to_owned()
        }
        DataError::Unavailable(source) => format!("the database cannot be used: {source}"),
        DataError::Deadline { .. } | DataError::Overloaded { .. } => {
            format!("the database accepted no write within {PATIENCE:?}")
        }
        DataError::GroupLost(source) | DataError::Statement { source, .. } => {
            format!("the database accepts no writes: {source}")
        }
        _ => "the database accepts no writes: the log says why".to_owned(),
    }
}

fn not_ready(reason: String) -> Problem {
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "not-ready", "The service cannot store data now")
        .detail(reason)
        .retry_after(FRESH)
}
