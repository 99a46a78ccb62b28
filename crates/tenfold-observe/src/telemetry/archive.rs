//! Where more is kept than in memory.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::ops::Range;
use std::pin::Pin;

use tenfold_why::{Diagnosis, LedgerChange, MinuteCell, SavedMinute, SavedPage};

/// A future that is not awaited where it is made.
type ArchiveFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Minutes of an endpoint, and the starts, migrations and changed settings among them.
#[derive(Clone, Debug, Default)]
pub struct ArchivedDays {
    /// The minutes, in no particular order. One that is not over may be there in part.
    pub minutes: Vec<SavedMinute>,
    /// What this process has recorded from this minute on, counted since 1970, is not among them.
    pub written: u32,
    /// What changed, the oldest first.
    pub changes: Vec<LedgerChange>,
}

/// The sums of some minutes by the endpoint or kind of job.
pub type EndpointSums = BTreeMap<String, MinuteCell>;

/// The sums of ranges of minutes, as far as the archive has them.
#[derive(Clone, Debug, Default)]
pub struct ArchivedSums {
    /// One for each range, in the order of the question.
    pub sums: Vec<EndpointSums>,
    /// They end before this minute, counted since 1970. What this process has recorded from then on is in its memory.
    pub written: u32,
}

/// What a process keeps beside its memory. Nothing of it fails: what cannot be read is not there, and the log says why.
pub trait WhyArchive: Debug + Send + Sync {
    /// The pages of the seconds of a range; those of more than a day ago are gone.
    fn pages(&self, seconds: Range<u32>) -> ArchiveFuture<'_, Vec<SavedPage>>;

    /// The minutes of a range, counted since 1970, of one endpoint; those of more than fourteen days ago are gone.
    fn days<'a>(&'a self, endpoint: &'a str, minutes: Range<u32>) -> ArchiveFuture<'a, ArchivedDays>;

    /// The starts, migrations and changed settings since a minute, counted since 1970, the oldest first; those of more than fourteen days ago
    /// are gone.
    fn changes(&self, since: u32) -> ArchiveFuture<'_, Vec<LedgerChange>>;

    /// The sums of ranges of minutes, counted since 1970, of all endpoints; `None` if they cannot be read. An hour in which a range is
    /// is read as a whole, so ask for few.
    fn sums(&self, ranges: Vec<Range<u32>>) -> ArchiveFuture<'_, Option<ArchivedSums>>;

    /// What is wrong in the day before that second, counted since 1970, by the minutes of all endpoints; `None` if they cannot be read, or are
    /// too many. One such question is answered at a time. It takes the answer to an earlier one that was about up to `older` seconds before.
    fn coarse(&self, until: u32, older: u32) -> ArchiveFuture<'_, Option<Diagnosis>>;
}
