//! What goes wrong.

use tenfold_why::{ChangeKind, PartKey};

/// Kinds of faults.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultKind {
    /// A statement is slower, sometimes for a few organizations only.
    SlowStatement,
    /// A statement is sent again and again.
    NPlusOne,
    /// A migration holds a lock for which a statement waits.
    Lock,
    /// A job holds connections, so that all wait for one, and a statement is slower.
    PoolStarved,
    /// An organization sends much more than usual.
    Surge,
    /// A statement fails, sometimes for a few organizations only.
    ErrorBurst,
    /// A new version has a slower statement.
    BadDeploy,
    /// A statement reads a whole table.
    IndexDropped,
    /// Half of a statement's executions have a bad plan, because statistics are stale.
    StaleStatistics,
    /// An organization has ten times the rows, so a statement is slower for it.
    LargeOrganization,
    /// Each COMMIT takes longer.
    SlowDisk,
    /// A statement that a cache had spared is sent by each request.
    CacheMoving,
    /// The endpoint's own code takes longer.
    SlowCode,
    /// Another service, which some endpoints call, answers late.
    SlowOutbound,
}

/// All kinds.
pub const FAULTS: [FaultKind; 14] = [
    FaultKind::SlowStatement,
    FaultKind::NPlusOne,
    FaultKind::Lock,
    FaultKind::PoolStarved,
    FaultKind::Surge,
    FaultKind::ErrorBurst,
    FaultKind::BadDeploy,
    FaultKind::IndexDropped,
    FaultKind::StaleStatistics,
    FaultKind::LargeOrganization,
    FaultKind::SlowDisk,
    FaultKind::CacheMoving,
    FaultKind::SlowCode,
    FaultKind::SlowOutbound,
];

impl FaultKind {
    /// The change that is the cause, if the fault has one in the ledger.
    pub fn cause(self) -> Option<ChangeKind> {
        match self {
            FaultKind::BadDeploy | FaultKind::NPlusOne => Some(ChangeKind::Deploy),
            FaultKind::Lock => Some(ChangeKind::Migration),
            FaultKind::Surge => Some(ChangeKind::Surge),
            FaultKind::PoolStarved => Some(ChangeKind::Job),
            _ => None,
        }
    }
}

/// What is wrong, and since when.
#[derive(Clone, Debug)]
pub struct InjectedFault {
    /// Its kind.
    pub kind: FaultKind,
    /// The endpoint, by its number.
    pub endpoint: usize,
    /// Where the time goes, or what fails.
    pub part: PartKey,
    /// When it begins, in seconds since 1970.
    pub onset_s: i64,
    /// How strong it is; what that means depends on the kind.
    pub strength: f64,
    /// The organizations that it affects; empty for all.
    pub organizations: Vec<u128>,
    /// The organization of a surge.
    pub surging: u128,
}
