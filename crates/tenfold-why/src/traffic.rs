//! How many requests came to the process in some time, whose they were, and how many it answered.

use std::collections::BTreeMap;
use std::ops::Range;

use crate::journal::Journal;
use crate::past_peaks::PastPeaks;

/// With fewer answered requests before, an endpoint counts as if it had none then: what is rare and dear would decide by chance.
const LEAST_ANSWERED: f64 = 20.0;
/// What a request costs at least, in milliseconds.
const LEAST_COST_MS: f64 = 0.001;

/// The requests of some time. Jobs are none: nothing refuses them.
pub(crate) struct RequestTraffic {
    /// How long it was, in seconds: from the first second with a record.
    pub seconds: f64,
    endpoints: BTreeMap<usize, EndpointTraffic>,
    organizations: BTreeMap<u128, SentRequests>,
}

#[derive(Clone, Copy, Default)]
struct EndpointTraffic {
    answered: f64,
    /// Those that are overdue and have no answer.
    running: f64,
    /// Without waits.
    busy_ms: f64,
    refused: f64,
    for_bytes: f64,
}

/// The requests of an organization.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct SentRequests {
    /// How many came. Those that were answered are estimated from the events that are kept.
    pub came: f64,
    pub refused: f64,
}

impl RequestTraffic {
    pub(crate) fn of(journal: &Journal, range: &Range<u32>) -> Self {
        let mut endpoints = BTreeMap::new();
        let mut first = range.end;
        for (index, known) in journal.endpoints.iter().enumerate() {
            if !is_request(&known.name) {
                continue;
            }
            let spent = journal.spending(index, range, &PastPeaks::default());
            let waited: f64 =
                spent.parts.iter().filter(|(part, _)| part.is_wait()).map(|(_, wait)| wait.ms).sum();
            let refused = journal.refusals.endpoint(index);
            let (count, for_bytes) = refused.map_or((0.0, 0.0), |seconds| seconds.totals(range));
            let series = [Some(&known.seconds), refused].into_iter().flatten();
            let begun = series.filter_map(|seconds| seconds.between(range.start, range.end).next());
            first = begun.map(|cell| cell.second).fold(first, u32::min);
            let busy_ms = (spent.ms - waited).max(0.0);
            let overdue = journal.overdue.get(&index).into_iter().flat_map(|overdue| &overdue.all);
            let running = overdue.filter(|request| range.contains(&request.second())).count() as f64;
            let answered = (spent.requests - running).max(0.0);
            endpoints
                .insert(index, EndpointTraffic { answered, running, busy_ms, refused: count, for_bytes });
        }
        let organizations = organizations(journal, range, &endpoints);
        RequestTraffic { seconds: f64::from(range.end - first), endpoints, organizations }
    }

    /// How many came, also those that were refused or have no answer.
    pub(crate) fn came(&self) -> f64 {
        self.answered()
            + self.refused()
            + self.endpoints.values().map(|endpoint| endpoint.running).sum::<f64>()
    }

    pub(crate) fn answered(&self) -> f64 {
        self.endpoints.values().map(|endpoint| endpoint.answered).sum()
    }

    pub(crate) fn refused(&self) -> f64 {
        self.endpoints.values().map(|endpoint| endpoint.refused).sum()
    }

    /// How many of those that were refused were so for the bytes that are held for clients.
    pub(crate) fn refused_for_bytes(&self) -> f64 {
        self.endpoints.values().map(|endpoint| endpoint.for_bytes).sum()
    }

    /// The organizations with their requests; 0 is nobody.
    pub(crate) fn organizations(&self) -> impl Iterator<Item = (u128, SentRequests)> {
        self.organizations.iter().map(|(organization, sent)| (*organization, *sent))
    }

    pub(crate) fn of_organization(&self, organization: u128) -> SentRequests {
        self.organizations.get(&organization).copied().unwrap_or_default()
    }

    /// A count as one of each second; 0 if the time had none.
    pub(crate) fn a_second(&self, count: f64) -> f64 {
        if self.seconds > 0.0 { count / self.seconds } else { 0.0 }
    }

    /// How much is answered in a second `later`, as a share of what is here. Each request weighs what one of its endpoint took here, so that
    /// ten cheap ones are not as much as ten dear ones. `None` if too little is known.
    pub(crate) fn answered_later(&self, later: &RequestTraffic) -> Option<f64> {
        let cost = |index: &usize| {
            let known = [self, later].into_iter().filter_map(|traffic| traffic.endpoints.get(index));
            let mut known = known.filter(|endpoint| endpoint.answered > 0.0);
            known.next().map_or(0.0, |endpoint| (endpoint.busy_ms / endpoint.answered).max(LEAST_COST_MS))
        };
        let work = |traffic: &RequestTraffic, least: f64| {
            let answered = traffic.endpoints.iter().filter(|(_, endpoint)| endpoint.answered >= least);
            let costs = answered.map(|(index, endpoint)| endpoint.answered * cost(index)).sum::<f64>();
            traffic.a_second(costs)
        };
        let (before, now) = (work(self, LEAST_ANSWERED), work(later, 0.0));
        (before > 0.0).then(|| now / before)
    }
}

/// Whether an endpoint's name is that of a route and not of a kind of jobs.
fn is_request(name: &str) -> bool {
    name.contains(" /")
}

/// Some of the events are kept: of each endpoint they say whose requests were answered.
fn organizations(
    journal: &Journal,
    range: &Range<u32>,
    endpoints: &BTreeMap<usize, EndpointTraffic>,
) -> BTreeMap<u128, SentRequests> {
    let times = i64::from(range.start) * 1_000_000..i64::from(range.end) * 1_000_000;
    let mut kept: BTreeMap<usize, BTreeMap<u128, f64>> = BTreeMap::new();
    for event in journal.samples.all().filter(|event| times.contains(&event.at_us)) {
        *kept.entry(usize::from(event.endpoint)).or_default().entry(event.organization).or_default() += 1.0;
    }
    let mut sent: BTreeMap<u128, SentRequests> = BTreeMap::new();
    for (index, of) in kept {
        let Some(endpoint) = endpoints.get(&index) else { continue };
        let all: f64 = of.values().sum();
        for (organization, count) in of {
            sent.entry(organization).or_default().came +=
                (endpoint.answered + endpoint.running) * count / all;
        }
    }
    for (organization, seconds) in journal.refusals.organizations() {
        let (refused, _) = seconds.totals(range);
        if refused > 0.0 {
            let sent = sent.entry(organization).or_default();
            sent.came += refused;
            sent.refused += refused;
        }
    }
    sent
}
