//! The file of `why.history` without a process, so that a test moves the clock.

use std::collections::BTreeMap;
use std::path::Path;

use tenfold_data::{DatabaseSettings, Timestamp};
use tenfold_observe::telemetry::Telemetry;
use tenfold_observe::telemetry::diagnosis::Diagnosis;

use super::TestApp;
use crate::why::days::DayBounds;
use crate::why::history::{History, HistorySettings};
use crate::why::question;

/// The bound of what a test keeps, of each kind.
const BYTES: u64 = 1 << 26;

/// A file that keeps what telemetry records, as a process does.
pub struct KeptHistory {
    history: History,
    telemetry: Telemetry,
}

impl KeptHistory {
    /// Reads `file`, and keeps what `telemetry` records, by its clock. `began` is when its process did.
    ///
    /// # Panics
    /// The file cannot be read or written.
    pub async fn begin(file: &Path, telemetry: &Telemetry, began: Timestamp) -> Self {
        KeptHistory::begin_within(BYTES, file, telemetry, began).await
    }

    /// The same, where neither pages nor minutes may take more bytes than these.
    ///
    /// # Panics
    /// The file cannot be read or written.
    pub async fn begin_within(bytes: u64, file: &Path, telemetry: &Telemetry, began: Timestamp) -> Self {
        let days = DayBounds { hours: 10_000, bytes };
        let settings = HistorySettings { file: file.display().to_string(), bytes, days };
        let (database, prints) = (DatabaseSettings::default(), BTreeMap::new());
        let clock = (telemetry.clock().clone(), began);
        let history = History::begin(&settings, &database, prints, clock, telemetry.clone()).await;
        let history = history.unwrap_or_else(|| panic!("{:?}", telemetry.history_error()));
        KeptHistory { history, telemetry: telemetry.clone() }
    }

    /// What is wrong, from `since` or in the two hours before, until then.
    ///
    /// # Panics
    /// Its telemetry does not record.
    pub async fn ask(&self, since: Option<Timestamp>, until: Timestamp) -> Diagnosis {
        question::ask(&self.telemetry, &self.telemetry.question(since, until)).await.expect("it records")
    }

    /// Ends as if its process was killed.
    pub async fn kill(self) {
        self.history.kill().await;
    }

    /// Writes what was recorded last.
    ///
    /// # Panics
    /// It could not be written.
    pub async fn end(self) {
        self.history.end().await;
        assert_eq!(self.telemetry.history_error(), None);
    }
}

impl TestApp {
    /// What it has recorded, such as to keep it in a file as a process does.
    pub fn telemetry(&self) -> &Telemetry {
        self.started.state.telemetry()
    }
}
