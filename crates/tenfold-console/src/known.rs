//! The operators whom this process has seen, for when the database is unavailable.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tenfold::operators::{self, NamedOperator, OperatorRole};
use tenfold::prelude::*;

/// How long a page of the console waits for the database to say who an operator is.
const PATIENCE: Duration = Duration::from_secs(1);

/// Operators by name, as they were last read. There are no more than the database had.
#[derive(Default)]
pub(crate) struct KnownOperators(Mutex<HashMap<String, NamedOperator>>);

impl KnownOperators {
    /// The operator with this name, as the database has it. If it does not say so in time, as this process last read it, and then
    /// one who may look.
    pub(crate) async fn find(&self, cx: &SystemContext, name: &str) -> Option<NamedOperator> {
        let asked = tokio::time::timeout(PATIENCE, operators::find(cx, name)).await;
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match asked {
            Ok(Ok(Some(operator))) => {
                known.insert(name.to_owned(), operator.clone());
                Some(operator)
            }
            Ok(Ok(None)) => {
                known.remove(name);
                None
            }
            Ok(Err(_)) | Err(_) => {
                tracing::warn!("who an operator is was not said by the database");
                known
                    .get(name)
                    .cloned()
                    .map(|operator| NamedOperator { role: OperatorRole::Look, ..operator })
            }
        }
    }
}
