//! Where more is kept than in memory.

use std::fmt::Debug;
use std::ops::Range;
use std::pin::Pin;

use tenfold_why::{LedgerChange, SavedMinute, SavedPage};

/// A future that is not awaited where it is made.
type ArchiveFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Minutes of endpoints, and the starts and migrations among them.
#[derive(Clone, Debug, Default)]
pub struct ArchivedDays {
    /// The minutes, in no particular order. One that is not over may be there in part.
    pub minutes: Vec<SavedMinute>,
    /// What this process has recorded from this minute on, counted since 1970, is not among them.
    pub written: u32,
    /// What changed, the oldest first.
    pub changes: Vec<LedgerChange>,
}

/// What a process keeps beside its memory. Nothing of it fails: what cannot be read is not there, and telemetry says why.
pub trait WhyArchive: Debug + Send + Sync {
    /// The pages of the seconds of a range; those of more than a day ago are gone.
    fn pages(&self, seconds: Range<u32>) -> ArchiveFuture<'_, Vec<SavedPage>>;

    /// The minutes of a range, counted since 1970, of one endpoint or of all; those of more than fourteen days ago are gone.
    fn days<'a>(&'a self, endpoint: Option<&'a str>, minutes: Range<u32>) -> ArchiveFuture<'a, ArchivedDays>;
}
