//! What a question is about.

use std::sync::Arc;

use tenfold_data::Timestamp;
use tenfold_why::WideEvent;

/// A question what is wrong, with what has no answer at its moment: while that is looked for in the database it may end.
#[derive(Clone, Debug)]
pub struct WhyQuestion {
    /// From when on; `None` for the last two hours.
    pub since: Option<Timestamp>,
    /// Until when.
    pub until: Timestamp,
    /// The requests that have taken a second without an answer.
    pub unfinished: Arc<[WideEvent]>,
}
