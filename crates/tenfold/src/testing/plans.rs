//! The guard over the plans of the statements that tests ran, and its exceptions.

use std::collections::HashSet;
use std::sync::{LazyLock, Mutex, PoisonError};

use serde::Deserialize;
use tenfold_data::Dialect;
use tenfold_data::testing::plans::{self, Ran};

use super::exceptions;

/// The file of exceptions, in the folder of the crate that is tested or in one above it.
const EXCEPTIONS: &str = "plan-exceptions.toml";

/// A statement that may keep a bad plan.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Exception {
    /// Its name.
    statement: String,
    /// What its text contains, where only some of the texts of that name may keep a bad plan.
    text: Option<String>,
    /// `sqlite` or `postgresql`.
    database: String,
    /// Why.
    reason: String,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct PlanExceptions {
    #[serde(default)]
    exception: Vec<Exception>,
}

/// The statements that this process has explained already.
static EXPLAINED: LazyLock<Mutex<HashSet<(Dialect, String)>>> = LazyLock::new(Mutex::default);

/// Explains the statements that were not explained before; returns the bad plans and the unused exceptions.
pub(super) async fn bad(url: &str, dialect: Dialect, ran: Vec<Ran>) -> Vec<String> {
    let new: Vec<Ran> = {
        let mut explained = EXPLAINED.lock().unwrap_or_else(PoisonError::into_inner);
        ran.into_iter().filter(|ran| explained.insert((dialect, ran.text.clone()))).collect()
    };
    if new.is_empty() {
        return Vec::new();
    }
    let exceptions = exceptions();
    let allowed = |ran: &Ran| exceptions.exception.iter().any(|exception| exception.is_for(ran, dialect));
    let bad = plans::explain(url, &new).await;
    let unneeded =
        new.iter().filter(|ran| allowed(ran) && bad.iter().all(|bad| bad.statement.name != ran.name));
    let unneeded = unneeded.map(|ran| {
        format!("{} needs no exception on {}: take it out of {EXCEPTIONS}", ran.name, dialect.system_name())
    });
    let refused = bad.iter().filter(|bad| !allowed(&bad.statement));
    refused.map(|bad| format!("{bad}\n  or say in {EXCEPTIONS} why it may be so")).chain(unneeded).collect()
}

impl Exception {
    fn is_for(&self, ran: &Ran, dialect: Dialect) -> bool {
        let has_text = self.text.as_ref().is_none_or(|part| ran.text.contains(part));
        self.statement == ran.name && has_text && self.database == dialect.system_name()
    }
}

/// The exceptions, each with a reason; none when there is no file.
fn exceptions() -> PlanExceptions {
    let (exceptions, path): (PlanExceptions, _) = exceptions::read(EXCEPTIONS);
    let reasonless = exceptions.exception.iter().find(|exception| exception.reason.trim().is_empty());
    if let Some(exception) = reasonless {
        panic!("{}: {} has no reason", path.display(), exception.statement);
    }
    exceptions
}
