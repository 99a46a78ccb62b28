//! The answer at 3 AM: what is slow or failing, since when, which statement, who is affected, and what changed.
//!
//! [`Journal`] records each request and job in bounded memory. [`diagnose`] answers a
//! question about it by arithmetic and two tests of statistics, without any model of the application:
//!
//! 1. [`onset`] finds when a series of seconds rose (CUSUM and Welch's t).
//! 2. [`decompose`](decomposition::decompose) splits the change of the mean duration exactly into statements, waits and own code.
//! 3. [`affected`] finds the organizations and users whose own requests got worse.
//! 4. Jobs that wait longer in their queue are a series of their own, beside their durations.
//! 5. Requests that were refused leave only counts; whether more came or the service became slow is told from how much it answers.
//! 6. [`ChangeLedger`] is a ledger of what changed, ranked by how shortly before the onset it was.
//!
//! The crate is pure: it has no dependencies, reads no clock and starts no thread.

pub mod affected;
mod answer;
mod changes;
mod comparison;
pub mod decomposition;
mod diagnosis;
mod elapsed;
mod event;
mod fingerprint;
mod histogram;
mod hyphenated;
mod incident;
mod journal;
mod minute_cell;
mod minutes;
pub mod onset;
mod overdue;
mod overload;
mod past_peaks;
mod plan;
mod queue;
mod refusals;
mod restarts;
mod sample;
mod saved;
mod seconds;
mod space_saving;
mod statistics;
mod surge;
mod traffic;
mod unfinished;
mod usual;
mod verdict;

pub use affected::Party;
pub use answer::{
    ChangeFinding, Diagnosis, DiagnosisState, Difference, EndpointFinding, OverloadFinding, OverloadSender,
    PartFinding,
};
pub use changes::{ChangeKind, ChangeLedger, LedgerChange};
pub use comparison::{ComparedTime, TimeComparison, Trend, compare};
pub use diagnosis::{diagnose, diagnose_within};
pub use elapsed::has_passed;
pub use event::{PartKey, PartUse, QueueWait, StatementPlace, WideEvent};
pub use fingerprint::fingerprint;
pub use histogram::LogHistogram;
pub use journal::{Journal, JournalLimits};
pub use minute_cell::{MinuteCell, SavedMinute};
pub use minutes::{DAY_S, diagnose_long, diagnose_minutes, seconds_of};
pub use plan::{PlanPair, names_word, plan_change};
pub use refusals::{RefusedCell, RefusedOf, SavedRefusals};
pub use restarts::{LOOP_US, loop_starts, with_loops_as_one};
pub use sample::EventSample;
pub use saved::{SavedEvent, SavedPage, SavedSeries};
pub use seconds::{REACH, SecondCell, Seconds};
pub use space_saving::{HeavyHitter, SpaceSaving};
