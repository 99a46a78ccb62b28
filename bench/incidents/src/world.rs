//! Traffic of many organizations from a seed.

use std::sync::Arc;

use tenfold_why::{
    ChangeKind, Journal, JournalLimits, LedgerChange, PartKey, PartUse, StatementPlace, WideEvent,
};

use crate::fault::{FaultKind, InjectedFault};
use crate::random::SeededRandom;

/// 2026-01-01T03:00:00Z, in seconds since 1970.
pub const START_S: i64 = 1_767_236_400;
/// How many endpoints there are.
pub(crate) const ENDPOINTS: usize = 8;
/// How many organizations there are.
pub(crate) const ORGANIZATIONS: usize = 30;
/// Every fourth endpoint writes.
const WRITES: usize = 4;
/// Every third one calls another service.
const CALLS: usize = 3;
/// How often a statement is sent that a cache spares.
const MISSES: f64 = 0.05;

struct SimulatedEndpoint {
    name: String,
    weight: f64,
    own_ms: f64,
    statements: Vec<(PartKey, f64)>,
}

/// An application, its traffic, and what was recorded of it.
pub struct World {
    /// What decides everything about it.
    pub random: SeededRandom,
    /// What was recorded.
    pub journal: Journal,
    /// An innocent surge: organization, endpoint, from, until.
    pub innocent: Option<(u128, usize, i64, i64)>,
    endpoints: Vec<SimulatedEndpoint>,
    rate: f64,
    /// Decides what was added later, so that a seed means the same traffic as before.
    later: SeededRandom,
    /// A statement that a cache spares most requests.
    cached: Option<PartKey>,
    trace: u128,
}

/// The id of an organization, by its number; those with small numbers send most.
pub fn organization(index: usize) -> u128 {
    0x0190_0000_0000_7000_8000_0000_0000_0000 + index as u128 + 1
}

/// A statement of an endpoint, by their numbers.
pub fn statement_place(endpoint: usize, number: usize) -> PartKey {
    PartKey::Statement(Arc::new(StatementPlace {
        name: format!("things{endpoint}.statement{number}"),
        file: format!("modules/things{endpoint}/src/list.rs"),
        line: 10 * number as u32 + 7,
    }))
}

impl World {
    /// An application with `rate` requests a second on average.
    pub fn new(seed: u64, rate: f64) -> Self {
        let mut random = SeededRandom(seed);
        let endpoints = (0..ENDPOINTS)
            .map(|index| SimulatedEndpoint {
                name: format!("GET /v1/things{index}"),
                weight: random.between(0.5, 2.0),
                own_ms: random.between(0.3, 1.5),
                statements: (0..2 + random.below(3))
                    .map(|n| (statement_place(index, n), random.between(0.5, 4.0)))
                    .collect(),
            })
            .collect();
        let journal = Journal::new(JournalLimits::default());
        let later = SeededRandom(!seed);
        World { random, journal, innocent: None, endpoints, rate, later, cached: None, trace: 0 }
    }

    /// The name of an endpoint.
    pub fn endpoint_name(&self, index: usize) -> &str {
        &self.endpoints[index].name
    }

    /// A fault at this time, chosen by the seed.
    pub fn choose(&mut self, kind: FaultKind, onset_s: i64) -> InjectedFault {
        let mut endpoint = self.random.below(ENDPOINTS);
        let statement = self.random.below(self.endpoints[endpoint].statements.len());
        let mut part = self.endpoints[endpoint].statements[statement].0.clone();
        let some =
            matches!(kind, FaultKind::SlowStatement | FaultKind::ErrorBurst) && self.random.unit() < 0.5;
        let strength = match kind {
            FaultKind::NPlusOne => self.random.between(8.0, 40.0),
            FaultKind::PoolStarved => self.random.between(20.0, 60.0),
            FaultKind::IndexDropped => self.random.between(20.0, 100.0),
            FaultKind::LargeOrganization | FaultKind::SlowDisk => self.random.between(10.0, 30.0),
            _ => self.random.between(4.0, 20.0),
        };
        let surging = organization(self.random.below(ORGANIZATIONS));
        let organizations = match kind {
            FaultKind::LargeOrganization => vec![organization(self.later.below(3))],
            _ if some => (0..6).map(|n| organization(n * 3)).collect(),
            _ => Vec::new(),
        };
        match kind {
            FaultKind::SlowDisk => (endpoint, part) = (endpoint / WRITES * WRITES, PartKey::Commit),
            FaultKind::SlowCode => part = PartKey::OwnCode,
            FaultKind::SlowOutbound => (endpoint, part) = (endpoint / CALLS * CALLS, service()),
            FaultKind::CacheMoving => {
                // What costs less is not worth a cache, and is no incident.
                let usual = &mut self.endpoints[endpoint].statements[statement].1;
                *usual = usual.max(2.0);
                self.cached = Some(part.clone());
            }
            _ => {}
        }
        InjectedFault { kind, endpoint, part, onset_s, strength, organizations, surging }
    }

    /// The endpoints that a fault makes worse.
    pub fn hit_by(&self, fault: &InjectedFault) -> Vec<&str> {
        let is_hit = |index: &usize| hits(fault, *index);
        (0..ENDPOINTS).filter(is_hit).map(|index| self.endpoint_name(index)).collect()
    }

    /// Notes a change in the ledger.
    pub fn note(&mut self, kind: ChangeKind, what: &str, at_s: i64) {
        let change = LedgerChange::new(kind, what.to_owned(), at_s * 1_000_000);
        self.journal.changes_mut().add(change);
    }

    /// One second of traffic; `level` is the load of the time of day, 1 on average.
    pub fn second(&mut self, second: i64, level: f64, fault: Option<&InjectedFault>) {
        let fault = fault.filter(|fault| second >= fault.onset_s);
        for _ in 0..self.random.poisson(self.rate * level) {
            let (endpoint, organization) = (self.any_endpoint(), self.any_organization());
            self.request(second, endpoint, organization, level, fault);
        }
        if let Some(fault) = fault.filter(|fault| fault.kind == FaultKind::Surge) {
            for _ in 0..self.random.poisson(self.rate * 1.5) {
                self.request(second, fault.endpoint, fault.surging, level, Some(fault));
            }
        }
        if let Some((organization, endpoint, from, until)) = self.innocent
            && (from..until).contains(&second)
        {
            for _ in 0..self.random.poisson(self.rate / 2.0) {
                self.request(second, endpoint, organization, level, fault);
            }
        }
    }

    fn any_endpoint(&mut self) -> usize {
        let all: f64 = self.endpoints.iter().map(|endpoint| endpoint.weight).sum();
        let mut left = self.random.unit() * all;
        let chosen = self.endpoints.iter().position(|endpoint| {
            left -= endpoint.weight;
            left <= 0.0
        });
        chosen.unwrap_or(0)
    }

    /// A few organizations send most.
    fn any_organization(&mut self) -> u128 {
        let unit = self.random.unit();
        organization((unit.powf(1.5) * ORGANIZATIONS as f64) as usize)
    }

    fn request(
        &mut self,
        second: i64,
        index: usize,
        organization: u128,
        level: f64,
        fault: Option<&InjectedFault>,
    ) {
        let is_starved = fault.is_some_and(|fault| fault.kind == FaultKind::PoolStarved);
        let fault = fault.filter(|fault| {
            hits(fault, index)
                && (fault.organizations.is_empty() || fault.organizations.contains(&organization))
        });
        let mut outcome =
            RequestOutcome { failed: self.random.unit() < 0.001, error: None, parts: Vec::new() };
        // Busy hours are a little slower.
        let pace = 0.95 + 0.1 * level;
        for number in 0..self.endpoints[index].statements.len() {
            self.statement(index, number, pace, fault, &mut outcome);
        }
        self.waits(index, is_starved, fault, &mut outcome);
        self.call(index, fault, &mut outcome);
        let mut own = self.endpoints[index].own_ms * pace * self.random.spread(0.4);
        if let Some(fault) = fault.filter(|fault| fault.kind == FaultKind::SlowCode) {
            own += 5.0 * fault.strength * self.later.spread(0.3);
        }
        // One request in 500 meets a pause.
        let pause = if self.random.unit() < 0.002 { self.random.between(20.0, 200.0) } else { 0.0 };
        let known: u64 = outcome.parts.iter().map(|part| part.time_us).sum();
        self.trace += 1;
        let event = WideEvent {
            at_us: second * 1_000_000 + self.random.below(1_000_000) as i64,
            name: self.endpoints[index].name.clone(),
            organization: Some(organization),
            user: Some((organization << 8) + self.random.below(20) as u128),
            duration_us: known + ((own + pause) * 1_000.0) as u64,
            failed: outcome.failed,
            error: outcome.error,
            trace: self.trace,
            waited_us: 0,
            parts: outcome.parts,
        };
        self.journal.record(&event);
    }

    /// Sends a statement, as the fault lets it.
    fn statement(
        &mut self,
        index: usize,
        number: usize,
        pace: f64,
        fault: Option<&InjectedFault>,
        outcome: &mut RequestOutcome,
    ) {
        let (part, usual) = self.endpoints[index].statements[number].clone();
        let hit = fault.filter(|fault| fault.part == part);
        let is_moving = hit.is_some_and(|fault| fault.kind == FaultKind::CacheMoving);
        if self.cached.as_ref() == Some(&part) && !is_moving && self.later.unit() >= MISSES {
            return;
        }
        let random = &mut self.random;
        let (mut times, mut ms) = (1, usual * pace * random.spread(0.3));
        match hit.map(|fault| (fault.kind, fault.strength)) {
            Some((
                FaultKind::SlowStatement
                | FaultKind::BadDeploy
                | FaultKind::PoolStarved
                | FaultKind::IndexDropped
                | FaultKind::LargeOrganization,
                strength,
            )) => ms = 5.0 + ms * strength,
            Some((FaultKind::StaleStatistics, strength)) if self.later.unit() < 0.5 => {
                ms = 10.0 + ms * strength
            }
            Some((FaultKind::NPlusOne, strength)) => (times, ms) = (strength as u32, ms * strength),
            Some((FaultKind::Lock, strength)) if random.unit() < 0.6 => ms += 30.0 * strength * random.unit(),
            Some((FaultKind::Surge, _)) => ms *= 4.0,
            Some((FaultKind::ErrorBurst, _)) if random.unit() < 0.6 => outcome.failed = true,
            _ => {}
        }
        let broke = u32::from(outcome.failed && hit.is_some());
        if broke == 1 {
            outcome.error = Some(format!("duplicate key {}", random.below(1_000)));
        }
        outcome.parts.push(PartUse { part, times, time_us: (ms * 1_000.0) as u64, failed: broke });
    }

    /// The call to another service, of the endpoints that make one.
    fn call(&mut self, index: usize, fault: Option<&InjectedFault>, outcome: &mut RequestOutcome) {
        if !index.is_multiple_of(CALLS) {
            return;
        }
        let slower =
            fault.filter(|fault| fault.kind == FaultKind::SlowOutbound).map_or(1.0, |fault| fault.strength);
        let time_us = (4_000.0 * slower * self.later.spread(0.3)) as u64;
        outcome.parts.push(PartUse { part: service(), times: 1, time_us, failed: 0 });
    }

    /// The wait for a connection and the COMMIT.
    fn waits(
        &mut self,
        index: usize,
        is_starved: bool,
        fault: Option<&InjectedFault>,
        outcome: &mut RequestOutcome,
    ) {
        if is_starved {
            let time_us = (20_000.0 * self.random.spread(0.5)) as u64;
            outcome.parts.push(PartUse { part: PartKey::PoolWait, times: 1, time_us, failed: 0 });
        }
        if index.is_multiple_of(WRITES) {
            let slower =
                fault.filter(|fault| fault.kind == FaultKind::SlowDisk).map_or(1.0, |fault| fault.strength);
            let time_us = (1_000.0 * slower * self.later.spread(0.3)) as u64;
            outcome.parts.push(PartUse { part: PartKey::Commit, times: 1, time_us, failed: 0 });
        }
    }
}

/// The service that is called.
fn service() -> PartKey {
    PartKey::Outbound(Some(Arc::from("api.example.com (POST /v1/charges)")))
}

/// Whether a fault concerns an endpoint.
fn hits(fault: &InjectedFault, index: usize) -> bool {
    match fault.kind {
        FaultKind::SlowDisk => index.is_multiple_of(WRITES),
        FaultKind::SlowOutbound => index.is_multiple_of(CALLS),
        _ => index == fault.endpoint,
    }
}

/// What became of a request.
struct RequestOutcome {
    failed: bool,
    error: Option<String>,
    parts: Vec<PartUse>,
}
