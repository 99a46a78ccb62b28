//! Traffic of many organizations from a seed, with one fault and innocent changes beside it.

use std::sync::Arc;

use tenfold_why::{
    ChangeKind, Journal, JournalLimits, LedgerChange, PartKey, PartUse, StatementPlace, WideEvent,
};

/// 2026-01-01T03:00:00Z.
pub const START_S: i64 = 1_767_236_400;
const ENDPOINTS: usize = 8;
const ORGANIZATIONS: usize = 30;

/// splitmix64: the same numbers on every machine.
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut x = self.0;
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        x ^ (x >> 31)
    }

    /// From 0 to below 1.
    pub fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }

    pub fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.unit()
    }

    pub fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }

    /// A factor whose logarithm is normally distributed.
    fn spread(&mut self, sigma: f64) -> f64 {
        let (a, b) = (1.0 - self.unit(), self.unit());
        (sigma * (-2.0 * a.ln()).sqrt() * (std::f64::consts::TAU * b).cos()).exp()
    }

    fn poisson(&mut self, mean: f64) -> usize {
        let (limit, mut product, mut count) = ((-mean).exp(), self.unit(), 0);
        while product > limit {
            product *= self.unit();
            count += 1;
        }
        count
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultKind {
    SlowStatement,
    NPlusOne,
    Lock,
    PoolStarved,
    Surge,
    ErrorBurst,
    BadDeploy,
}

pub const FAULTS: [FaultKind; 7] = [
    FaultKind::SlowStatement,
    FaultKind::NPlusOne,
    FaultKind::Lock,
    FaultKind::PoolStarved,
    FaultKind::Surge,
    FaultKind::ErrorBurst,
    FaultKind::BadDeploy,
];

/// What is wrong, and since when.
#[derive(Clone, Debug)]
pub struct Fault {
    pub kind: FaultKind,
    pub endpoint: usize,
    pub statement: usize,
    pub onset_s: i64,
    pub strength: f64,
    /// The organizations that it affects; empty for all.
    pub organizations: Vec<u128>,
    /// The organization of a surge.
    pub surging: u128,
}

struct SimulatedEndpoint {
    name: String,
    weight: f64,
    own_ms: f64,
    statements: Vec<(PartKey, f64)>,
}

pub struct World {
    pub random: Random,
    endpoints: Vec<SimulatedEndpoint>,
    pub journal: Journal,
    rate: f64,
    /// An innocent surge: organization, endpoint, from, until.
    pub innocent: Option<(u128, usize, i64, i64)>,
    trace: u128,
}

pub fn organization(index: usize) -> u128 {
    0x0190_0000_0000_7000_8000_0000_0000_0000 + index as u128 + 1
}

impl World {
    pub fn new(seed: u64, rate: f64) -> Self {
        let mut random = Random(seed);
        let endpoints = (0..ENDPOINTS)
            .map(|index| SimulatedEndpoint {
                name: format!("GET /v1/things{index}"),
                weight: random.between(0.5, 2.0),
                own_ms: random.between(0.3, 1.5),
                statements: (0..2 + random.below(3))
                    .map(|n| (place(index, n), random.between(0.5, 4.0)))
                    .collect(),
            })
            .collect();
        let journal = Journal::new(JournalLimits::default());
        World { random, endpoints, journal, rate, innocent: None, trace: 0 }
    }

    pub fn endpoint_name(&self, index: usize) -> &str {
        &self.endpoints[index].name
    }

    pub fn place_of(&self, fault: &Fault) -> PartKey {
        self.endpoints[fault.endpoint].statements[fault.statement].0.clone()
    }

    /// A fault at this time, chosen by the seed.
    pub fn choose(&mut self, kind: FaultKind, onset_s: i64) -> Fault {
        let endpoint = self.random.below(ENDPOINTS);
        let statement = self.random.below(self.endpoints[endpoint].statements.len());
        let few =
            matches!(kind, FaultKind::SlowStatement | FaultKind::ErrorBurst) && self.random.unit() < 0.5;
        let organizations = if few { (0..6).map(|n| organization(n * 3)).collect() } else { Vec::new() };
        let strength = match kind {
            FaultKind::NPlusOne => self.random.between(8.0, 40.0),
            FaultKind::PoolStarved => self.random.between(20.0, 60.0),
            _ => self.random.between(4.0, 20.0),
        };
        let surging = organization(self.random.below(ORGANIZATIONS));
        Fault { kind, endpoint, statement, onset_s, strength, organizations, surging }
    }

    pub fn note(&mut self, kind: ChangeKind, what: &str, at_s: i64) {
        let change =
            LedgerChange { kind, what: what.to_owned(), at_us: at_s * 1_000_000, organization: None };
        self.journal.changes_mut().add(change);
    }

    /// One second of traffic; `level` is the load of the time of day.
    pub fn second(&mut self, second: i64, level: f64, fault: Option<&Fault>) {
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

    fn request(&mut self, second: i64, index: usize, organization: u128, level: f64, fault: Option<&Fault>) {
        let World { random, endpoints, .. } = self;
        let endpoint = &endpoints[index];
        let is_hit = |fault: &Fault| {
            index == fault.endpoint
                && (fault.organizations.is_empty() || fault.organizations.contains(&organization))
        };
        let (mut failed, mut error) = (random.unit() < 0.001, None);
        // Busy hours are a little slower.
        let pace = 0.95 + 0.1 * level;
        let mut parts: Vec<PartUse> = Vec::new();
        for (number, (part, ms)) in endpoint.statements.iter().enumerate() {
            let hit = fault.filter(|fault| is_hit(fault) && fault.statement == number);
            let (mut times, mut ms) = (1, ms * pace * random.spread(0.3));
            match hit.map(|fault| (fault.kind, fault.strength)) {
                Some((
                    FaultKind::SlowStatement | FaultKind::BadDeploy | FaultKind::PoolStarved,
                    strength,
                )) => {
                    ms = 5.0 + ms * strength;
                }
                Some((FaultKind::NPlusOne, strength)) => (times, ms) = (strength as u32, ms * strength),
                Some((FaultKind::Lock, strength)) if random.unit() < 0.6 => {
                    ms += 30.0 * strength * random.unit()
                }
                Some((FaultKind::Surge, _)) => ms *= 4.0,
                Some((FaultKind::ErrorBurst, _)) if random.unit() < 0.6 => failed = true,
                _ => {}
            }
            let broke = u32::from(failed && hit.is_some());
            if broke == 1 {
                error = Some(format!("duplicate key {}", random.below(1000)));
            }
            parts.push(PartUse { part: part.clone(), times, time_us: (ms * 1000.0) as u64, failed: broke });
        }
        if fault.is_some_and(|fault| fault.kind == FaultKind::PoolStarved) {
            parts.push(pool_wait(random));
        }
        let own = endpoint.own_ms * pace * random.spread(0.4);
        // One request in 500 meets a pause.
        let pause = if random.unit() < 0.002 { random.between(20.0, 200.0) } else { 0.0 };
        let known: u64 = parts.iter().map(|part| part.time_us).sum();
        self.trace += 1;
        let event = WideEvent {
            at_us: second * 1_000_000 + random.below(1_000_000) as i64,
            name: endpoint.name.clone(),
            organization: Some(organization),
            user: Some((organization << 8) + random.below(20) as u128),
            duration_us: known + ((own + pause) * 1000.0) as u64,
            failed,
            error,
            trace: self.trace,
            parts,
        };
        self.journal.record(&event);
    }
}

fn pool_wait(random: &mut Random) -> PartUse {
    let time_us = (20_000.0 * random.spread(0.5)) as u64;
    PartUse { part: PartKey::PoolWait, times: 1, time_us, failed: 0 }
}

pub fn place(endpoint: usize, number: usize) -> PartKey {
    PartKey::Statement(Arc::new(StatementPlace {
        name: format!("things{endpoint}.statement{number}"),
        file: format!("modules/things{endpoint}/src/list.rs"),
        line: 10 * number as u32 + 7,
    }))
}
