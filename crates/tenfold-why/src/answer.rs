//! What is wrong, as far as the journal knows.

use crate::affected::Party;
use crate::changes::LedgerChange;
use crate::decomposition::PartChange;
use crate::plan::PlanPair;

/// The answer to "what is wrong?".
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Diagnosis {
    /// Whether anything is wrong, and whether a reason was found.
    pub state: DiagnosisState,
    /// One sentence.
    pub verdict: String,
    /// How sure the verdict is, 0 to 1.
    pub confidence: f64,
    /// When it began, in microseconds since 1970, to the second.
    pub since_us: Option<i64>,
    /// The endpoints and jobs that got worse; the one that explains most first.
    pub endpoints: Vec<EndpointFinding>,
    /// What the first endpoint spends more time on, or what fails in it. The greatest share is first, but waits for others are last.
    pub parts: Vec<PartFinding>,
    /// The organizations whose own requests to it got worse.
    pub organizations: Vec<Party>,
    /// The users whose own requests to it got worse.
    pub users: Vec<Party>,
    /// What changed shortly before, the most likely cause first.
    pub changes: Vec<ChangeFinding>,
    /// What bad requests have in common that others have not.
    pub differences: Vec<Difference>,
    /// Traces of bad requests, the most typical first.
    pub traces: Vec<u128>,
    /// What comes and what is answered, if requests are refused.
    pub overload: Option<OverloadFinding>,
}

/// Whether anything is wrong.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DiagnosisState {
    /// Nothing got worse.
    #[default]
    NoIncident,
    /// Something got worse, and no part of it and no change explains it.
    CauseUnknown,
    /// Something got worse, and it is known where.
    Known,
}

/// An endpoint or a kind of jobs that got worse.
#[derive(Clone, Debug, PartialEq)]
pub struct EndpointFinding {
    /// Its name.
    pub name: String,
    /// The queue in which its jobs wait longer, if that is what got worse: `before_ms` and `now_ms` are then waits.
    pub queue: Option<String>,
    /// When it got worse, in microseconds since 1970.
    pub since_us: i64,
    /// The mean duration before, in milliseconds.
    pub before_ms: f64,
    /// The mean duration since then.
    pub now_ms: f64,
    /// Which share failed before, 0 to 1.
    pub failed_before: f64,
    /// Which share fails since then.
    pub failed_now: f64,
    /// How many failed since then.
    pub errors: u64,
    /// How many of its requests have taken longer than usual and have no answer yet. They count in `now_ms` with the time that they have taken
    /// so far.
    pub unfinished: u64,
    /// How many of its requests were refused before they ran, since then. They count in no other figure.
    pub refused: u64,
    /// Which share of all that came was refused before, 0 to 1.
    pub refused_before: f64,
    /// Which share is refused since then.
    pub refused_now: f64,
    /// The probability that chance alone does this.
    pub p: f64,
}

/// Why requests are refused: how many come to the process, or to all whose records were put together, and how many it answers.
#[derive(Clone, Debug, PartialEq)]
pub struct OverloadFinding {
    /// How many requests came in a second, before requests were refused and since then. Before is 0 if nothing is known of it.
    pub came: (f64, f64),
    /// How many of them were answered.
    pub answered: (f64, f64),
    /// Which share of all that come is refused since then, 0 to 1.
    pub refused: f64,
    /// Whether most were refused for the bytes that are held for clients, and not for their number.
    pub for_bytes: bool,
    /// Who sends more than half of what comes in addition.
    pub sender: Option<OverloadSender>,
}

/// An organization that sends more, or all clients without one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct OverloadSender {
    /// Its id; `None` for requests without an organization.
    pub organization: Option<u128>,
    /// Its share of all requests that come now, 0 to 1.
    pub share: f64,
    /// How many requests it sent in a second before, and sends now.
    pub sent: (f64, f64),
    /// Its share of what comes in addition, 0 to 1.
    pub of_growth: f64,
}

/// A part of the first endpoint, with its share of what got worse.
#[derive(Clone, Debug, PartialEq)]
pub struct PartFinding {
    /// How it changed.
    pub change: PartChange,
    /// Its share of the added time, or of the added failures, 0 to 1.
    pub share: f64,
    /// How the database runs it, if it is a statement. It is not in the journal; the keeper of the plans adds it.
    pub plan: PlanPair,
}

/// A change that may be the cause.
#[derive(Clone, Debug, PartialEq)]
pub struct ChangeFinding {
    /// The change.
    pub change: LedgerChange,
    /// How long before the onset it was, in seconds; negative if it was noted after it. Zero if it was noticed later than it happened, and
    /// may have happened at the onset.
    pub lead_s: f64,
    /// How much of what got worse it can explain, 0 to 1.
    pub share: f64,
    /// How likely a cause it is by time, kind and share, 0 to 1.
    pub score: f64,
}

/// An attribute that bad requests have more often than others.
#[derive(Clone, Debug, PartialEq)]
pub struct Difference {
    /// `organization`, `user` or `error`.
    pub attribute: &'static str,
    /// Its value.
    pub value: String,
    /// The share of the bad requests that have it.
    pub support: f64,
    /// How many times as likely a request with it is bad as one without it.
    pub risk_ratio: f64,
}
