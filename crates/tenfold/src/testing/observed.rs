//! What a test's application sent to its database and to other modules.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tenfold_data::testing::plans::Ran;
use tenfold_data::{CallRecord, Observer, Outcome, RepeatedRecord, StatementRecord, WaitRecord};

/// Keeps it.
#[derive(Default)]
pub(super) struct Observed(Mutex<KeptRecords>);

#[derive(Default)]
struct KeptRecords {
    statements: Vec<StatementRecord>,
    calls: Vec<CallRecord>,
    repeated: Vec<RepeatedRecord>,
    waited: Vec<WaitRecord>,
    /// Every statement text of each module once, including statements that were forgotten.
    ran: BTreeMap<&'static str, BTreeMap<String, Ran>>,
}

impl Observed {
    fn kept(&self) -> MutexGuard<'_, KeptRecords> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn statements(&self) -> Vec<StatementRecord> {
        self.kept().statements.clone()
    }

    pub(super) fn calls(&self) -> Vec<CallRecord> {
        self.kept().calls.clone()
    }

    pub(super) fn forget(&self) {
        let mut kept = self.kept();
        kept.statements.clear();
        kept.calls.clear();
    }

    pub(super) fn take_repeated(&self) -> Vec<RepeatedRecord> {
        std::mem::take(&mut self.kept().repeated)
    }

    pub(super) fn take_waited(&self) -> Vec<WaitRecord> {
        std::mem::take(&mut self.kept().waited)
    }

    /// The statements that ran, each text of a module once.
    pub(super) fn take_ran(&self) -> Vec<Ran> {
        std::mem::take(&mut self.kept().ran).into_values().flat_map(BTreeMap::into_values).collect()
    }
}

impl Observer for Observed {
    fn statement(&self, record: &StatementRecord) {
        let mut kept = self.kept();
        if record.outcome == Outcome::Ok && !is_of_a_test(record) {
            let of_module = kept.ran.entry(record.module).or_default();
            if !of_module.contains_key(&*record.text) {
                of_module.insert(record.text.to_string(), Ran::of(record));
            }
        }
        kept.statements.push(record.clone());
    }

    fn call(&self, record: &CallRecord) {
        self.kept().calls.push(record.clone());
    }

    fn repeated(&self, record: &RepeatedRecord) {
        self.kept().repeated.push(record.clone());
    }

    fn wants_callers(&self) -> bool {
        true
    }

    fn waited(&self, record: &WaitRecord) {
        self.kept().waited.push(record.clone());
    }
}

/// Whether the test itself sent it: statements that prepare or inspect rows need no plan check.
fn is_of_a_test(record: &StatementRecord) -> bool {
    let file = record.site.file();
    file.starts_with("tests/") || file.contains("/tests/")
}
