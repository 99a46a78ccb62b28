//! A server that shares its cores evenly among the requests that run, with Poisson arrivals from a seed.

use std::collections::BTreeMap;
use std::time::Duration;

use tenfold_admission::{
    AdmissionController, AdmissionSettings, Admitted, ArrivalOutcome, Candidate, Flow, LimitSettings,
    RequestClass, Settled,
};

/// How often the controller is told the time.
const TICK: f64 = 0.05;
/// A client gives up after this many seconds: what is served later is of no use.
const CLIENT_PATIENCE: f64 = 1.0;

/// Requests of one flow.
#[derive(Clone, Copy)]
pub struct Traffic {
    pub flow: u64,
    pub class: RequestClass,
    pub kind: usize,
    /// Requests a second.
    pub rate: f64,
    /// The mean time that a request takes alone, in seconds: from half of it to one and a half.
    pub work: f64,
    /// When it begins and ends, in seconds.
    pub from: f64,
    pub to: f64,
    /// How often a client sends a refused request again.
    pub retries: u32,
}

/// Normal requests of one flow for the whole run.
pub fn traffic(flow: u64, rate: f64, work: f64) -> Traffic {
    Traffic {
        flow,
        class: RequestClass::Normal,
        kind: 0,
        rate,
        work,
        from: 0.0,
        to: f64::INFINITY,
        retries: 0,
    }
}

/// What became of a request.
#[derive(Clone, Copy, Debug)]
pub struct RequestRecord {
    pub flow: u64,
    pub class: RequestClass,
    /// When it was sent, in seconds.
    pub sent: f64,
    /// How long it took, if it was served.
    pub took: Option<f64>,
}

impl RequestRecord {
    pub fn is_good(&self) -> bool {
        self.took.is_some_and(|took| took <= CLIENT_PATIENCE)
    }
}

/// A request that waits or runs.
struct SimulatedRequest {
    traffic: Traffic,
    sent: f64,
    began: f64,
    /// Seconds of work that are left.
    left: f64,
    admitted: Option<Admitted>,
}

pub struct Simulation {
    controller: AdmissionController<SimulatedRequest>,
    cores: f64,
    /// Whether the work runs on the threads that notice arrivals, as on SQLite.
    pub computes: bool,
    /// Each probe of so many is late, because the machine stands still now and then.
    pub stands_still: Option<usize>,
    /// What it costs to refuse or to take a request, in seconds.
    overhead_each: f64,
    overhead: f64,
    random: u64,
    now: f64,
    running: Vec<SimulatedRequest>,
    /// What is sent again, and when.
    again: BTreeMap<Duration, Traffic>,
    pub records: Vec<RequestRecord>,
    pub limits: Vec<usize>,
    /// How many ran at each tick.
    pub running_at_once: Vec<usize>,
}

/// As a process with so many threads has them.
pub fn settings(threads: usize) -> AdmissionSettings {
    AdmissionSettings {
        limit: LimitSettings {
            floor: 2 * threads,
            floor_of_short: 4 * threads,
            start: 8 * threads,
            ceiling: 1000,
        },
        spare_floor: threads,
        max_waiting: 1000,
        overload_wait: Duration::from_millis(50),
        max_wait: Duration::from_millis(500),
    }
}

impl Simulation {
    pub fn new(settings: AdmissionSettings, cores: f64, seed: u64) -> Self {
        Simulation {
            controller: AdmissionController::new(settings, seed),
            cores,
            computes: true,
            stands_still: None,
            overhead_each: 0.000_023,
            overhead: 0.0,
            random: seed,
            now: 0.0,
            running: Vec::new(),
            again: BTreeMap::new(),
            records: Vec::new(),
            limits: Vec::new(),
            running_at_once: Vec::new(),
        }
    }

    /// From above 0 up to 1.
    fn random(&mut self) -> f64 {
        // Xorshift64* (Vigna, 2016).
        self.random ^= self.random >> 12;
        self.random ^= self.random << 25;
        self.random ^= self.random >> 27;
        let mixed = self.random.wrapping_mul(0x2545_f491_4f6c_dd1d);
        ((mixed >> 11) as f64 + 1.0) / (1u64 << 53) as f64
    }

    /// Runs this traffic for so many seconds of virtual time.
    pub fn run(&mut self, traffic: &[Traffic], seconds: f64) {
        let end = self.now + seconds;
        let mut due: Vec<f64> = Vec::new();
        for one in traffic {
            let first = self.now.max(one.from) + self.pause(one.rate);
            due.push(first);
        }
        let mut tick = self.now + TICK;
        while self.now < end {
            let (next, arrival) = due
                .iter()
                .enumerate()
                .fold((0, f64::INFINITY), |best, (index, at)| if *at < best.1 { (index, *at) } else { best });
            let again = self.again.keys().next().map_or(f64::INFINITY, Duration::as_secs_f64);
            self.advance(arrival.min(tick).min(again).min(end));
            if self.now >= again
                && let Some((_, one)) = self.again.pop_first()
            {
                self.arrive(one);
            }
            if self.now >= tick {
                tick += TICK;
                self.controller.tick(self.time(), self.lag());
                self.running_at_once.push(self.running.len());
                self.limits.push(self.controller.figures().limit);
                self.settle();
            }
            if self.now >= arrival {
                let one = traffic[next];
                due[next] += self.pause(one.rate);
                if self.now < one.to {
                    self.arrive(one);
                }
            }
        }
    }

    fn pause(&mut self, rate: f64) -> f64 {
        -self.random().ln() / rate
    }

    fn time(&self) -> Duration {
        Duration::from_secs_f64(self.now)
    }

    /// How late a timer fires: behind the work that is under way, if no core is free.
    fn lag(&self) -> Duration {
        let is_busy = self.computes && self.running.len() as f64 >= self.cores;
        let work = if is_busy { self.running.iter().map(|request| request.left).sum() } else { 0.0 };
        let still = self.stands_still.is_some_and(|every| self.limits.len().is_multiple_of(every));
        Duration::from_secs_f64((self.overhead + work) / self.cores + if still { 0.008 } else { 0.0 })
    }

    fn arrive(&mut self, traffic: Traffic) {
        self.overhead += self.overhead_each;
        let left = traffic.work * (0.5 + self.random());
        let request = SimulatedRequest { traffic, sent: self.now, began: self.now, left, admitted: None };
        let (class, flow, kind) = (traffic.class, Flow(traffic.flow), traffic.kind);
        let mut request = Some(request);
        let now = self.time();
        let arrived = self
            .controller
            .arrive(now, Candidate { class, flow, kind }, |_| request.take().expect("it arrives once"));
        match (arrived, request) {
            (ArrivalOutcome::Admitted(admitted), Some(request)) => self.begin(request, admitted),
            (ArrivalOutcome::Refused, Some(request)) => self.refuse(&request),
            _ => {}
        }
        self.settle();
    }

    fn settle(&mut self) {
        while let Some(settled) = self.controller.settle(self.time()) {
            match settled {
                Settled::Admitted(request, admitted) => self.begin(request, admitted),
                Settled::Refused(request) => self.refuse(&request),
                Settled::Returned(..) => unreachable!("nothing is paused"),
            }
        }
    }

    fn begin(&mut self, mut request: SimulatedRequest, admitted: Admitted) {
        request.began = self.now;
        request.admitted = Some(admitted);
        self.running.push(request);
    }

    fn refuse(&mut self, request: &SimulatedRequest) {
        let (flow, class) = (request.traffic.flow, request.traffic.class);
        self.records.push(RequestRecord { flow, class, sent: request.sent, took: None });
        if request.traffic.retries > 0 {
            let retries = request.traffic.retries - 1;
            // As Retry-After says.
            let at = self.now + 1.0 + 3.0 * self.random();
            self.again.insert(Duration::from_secs_f64(at), Traffic { retries, ..request.traffic });
        }
    }

    /// Lets the server work until this time.
    fn advance(&mut self, until: f64) {
        while self.now < until {
            let overhead = self.overhead / self.cores;
            if overhead > 0.0 {
                let spent = overhead.min(until - self.now);
                self.overhead = if spent < overhead { self.overhead - spent * self.cores } else { 0.0 };
                self.now = if spent < overhead { until } else { self.now + spent };
                continue;
            }
            let rate = (self.cores / self.running.len() as f64).min(1.0);
            let least = self.running.iter().map(|request| request.left).fold(f64::INFINITY, f64::min);
            let spent = (least / rate).min(until - self.now);
            let is_done = least / rate <= until - self.now;
            self.running.iter_mut().for_each(|request| request.left -= spent * rate);
            self.now = if is_done { self.now + spent } else { until };
            if is_done {
                self.finish();
            }
        }
    }

    fn finish(&mut self) {
        let (done, running) =
            std::mem::take(&mut self.running).into_iter().partition(|request| request.left <= 1e-9);
        self.running = running;
        let done: Vec<SimulatedRequest> = done;
        for request in done {
            let took = Duration::from_secs_f64(self.now - request.began);
            let admitted = request.admitted.expect("what runs was admitted");
            self.controller.finish(self.time(), &admitted, Some(took));
            let (flow, class) = (request.traffic.flow, request.traffic.class);
            self.records.push(RequestRecord {
                flow,
                class,
                sent: request.sent,
                took: Some(self.now - request.sent),
            });
        }
        self.settle();
    }

    /// The records of the requests that were sent between these times: of the time of sending, not of the end, or those
    /// that wait for long would be missing.
    pub fn sent(&self, from: f64, to: f64) -> impl Iterator<Item = &RequestRecord> {
        self.records.iter().filter(move |record| (from..to).contains(&record.sent))
    }
}

/// How many of these are served in time.
pub fn good<'a>(records: impl Iterator<Item = &'a RequestRecord>) -> f64 {
    records.filter(|record| record.is_good()).count() as f64
}

/// The share of these that is served in time.
pub fn success<'a>(records: impl Iterator<Item = &'a RequestRecord>) -> f64 {
    let (served, all) =
        records.fold((0_u32, 0_u32), |(served, all), record| (served + u32::from(record.is_good()), all + 1));
    f64::from(served) / f64::from(all.max(1))
}

/// The 99th percentile of the times of those that were served.
pub fn p99<'a>(records: impl Iterator<Item = &'a RequestRecord>) -> f64 {
    let mut times: Vec<f64> = records.filter_map(|record| record.took).collect();
    times.sort_by(f64::total_cmp);
    times[times.len() * 99 / 100]
}
