//! What is recorded, in bounded memory.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use std::sync::Arc;

use crate::changes::ChangeLedger;
use crate::decomposition::{PartSpending, Spending};
use crate::event::{PartKey, QueueWait, WideEvent};
use crate::fingerprint::fingerprint;
use crate::histogram::LogHistogram;
use crate::minute_cell::MinuteCell;
use crate::overdue::OverdueRequests;
use crate::past_peaks::PastPeaks;
use crate::refusals::{Refusals, RefusedCell, RefusedOf};
use crate::sample::{EventSample, Samples};
use crate::seconds::{REACH, Seconds, second_of};
use crate::space_saving::{HeavyHitter, SpaceSaving};
use crate::usual::UsualDuration;

/// How many organizations and users are told apart by weight.
const HEAVY: usize = 256;
/// How many different errors are told apart.
const ERRORS: usize = 256;
/// How many minutes an endpoint has histograms for, at most: fourteen days.
const MINUTES: usize = 20_160;
/// What heavy hitters keep of their weight from one minute to the next.
const FADE: f64 = 0.9;
/// How many holders of a lock, and of SQLite's writer, an endpoint tells apart, each: they are texts, without an end.
const HOLDERS: usize = 4;
/// How many services an endpoint tells apart: those that send webhooks call others without an end.
const SERVICES: usize = 16;
/// The name of what found no room.
const OTHER: &str = "other";

/// The bounds of a journal.
#[derive(Clone, Copy, Debug)]
pub struct JournalLimits {
    /// How many endpoints, and parts of endpoints, are told apart.
    pub series: usize,
    /// How many seconds all series have together; 24 bytes each.
    pub seconds: usize,
    /// How many minutes with a histogram all endpoints have together; 1 KB each.
    pub minutes: usize,
    /// How many single events are kept, of the recent ones and of the older ones each; 80 bytes each.
    pub events: usize,
}

impl Default for JournalLimits {
    fn default() -> Self {
        JournalLimits { series: 1_000, seconds: 1_000_000, minutes: 20_000, events: 65_536 }
    }
}

/// All that is recorded of requests and jobs.
#[derive(Clone, Debug)]
pub struct Journal {
    limits: JournalLimits,
    pub(crate) endpoints: Vec<JournalEndpoint>,
    by_name: HashMap<String, usize>,
    /// How many parts have a series of their own.
    parts: usize,
    /// The jobs that run just now, and for how long, in milliseconds.
    pub(crate) running: Vec<(String, f64)>,
    /// The requests that are overdue, by endpoint.
    pub(crate) overdue: HashMap<usize, OverdueRequests>,
    pub(crate) refusals: Refusals,
    pub(crate) samples: Samples,
    errors: Vec<String>,
    heavy: [SpaceSaving<u128>; 4],
    minute: u32,
    /// The seconds of the organizations with the most requests.
    pub(crate) organizations: HashMap<u128, Seconds>,
    busiest: SpaceSaving<u128>,
    changes: ChangeLedger,
    /// The newest restored second that found no room.
    pub(crate) dropped: Option<u32>,
}

/// One route, or one kind of job.
#[derive(Clone, Debug)]
pub(crate) struct JournalEndpoint {
    pub name: String,
    pub seconds: Seconds,
    pub usual: UsualDuration,
    pub minutes: BTreeMap<u32, MinuteCell>,
    pub parts: HashMap<PartKey, Seconds>,
}

impl Journal {
    /// An empty journal.
    pub fn new(limits: JournalLimits) -> Self {
        Journal {
            limits,
            endpoints: Vec::new(),
            by_name: HashMap::new(),
            parts: 0,
            running: Vec::new(),
            overdue: HashMap::new(),
            refusals: Refusals::default(),
            samples: Samples::new(limits.events),
            errors: vec![String::new()],
            heavy: std::array::from_fn(|_| SpaceSaving::new(HEAVY)),
            minute: 0,
            organizations: HashMap::new(),
            busiest: SpaceSaving::new(HEAVY),
            changes: ChangeLedger::default(),
            dropped: None,
        }
    }

    /// Records a finished request or job.
    pub fn record(&mut self, event: &WideEvent) {
        let second = event.second();
        let ms = event.duration_us as f64 / 1_000.0;
        let failed = u32::from(event.failed);
        let index = self.endpoint(&event.name);
        self.record_parts(index, second, event);
        let most = self.most_seconds();
        let minutes = (self.limits.minutes / self.endpoints.len()).clamp(1, MINUTES);
        let endpoint = &mut self.endpoints[index];
        endpoint.seconds.record(second, 1, failed, ms, most);
        if endpoint.usual.add(ms) {
            endpoint.seconds.was_slow();
        }
        endpoint.minutes.entry(second / 60).or_default().record(event.duration_us, event.failed);
        while endpoint.minutes.len() > minutes {
            endpoint.minutes.pop_first();
        }
        self.record_people(event, second, ms);
        let sample = self.sample(index, event);
        self.samples.push(sample);
    }

    /// A request or job of an endpoint, without its parts.
    pub(crate) fn sample(&mut self, endpoint: usize, event: &WideEvent) -> EventSample {
        let error = event.error.as_deref().filter(|_| event.failed).map_or(0, |text| self.error(text));
        EventSample {
            at_us: event.at_us,
            organization: event.organization.unwrap_or(0),
            user: event.user.unwrap_or(0),
            trace: event.trace,
            ms: event.duration_us as f32 / 1_000.0,
            waited_ms: event.waited_us as f32 / 1_000.0,
            endpoint: endpoint as u16,
            error,
            failed: event.failed,
        }
    }

    /// Records how long a job waited in its queue, or has waited so far. Where no series is left it is not recorded.
    pub fn record_wait(&mut self, wait: &QueueWait) {
        let second = second_of(wait.at_us);
        let index = self.endpoint(&wait.kind);
        let part = PartKey::Queue { queue: Arc::from(&*wait.queue), busy_with: None };
        let most = self.most_seconds();
        if self.has_room_for(index, &part) {
            self.part(index, &part, second).record(second, 1, 0, wait.waited_us as f64 / 1_000.0, most);
        }
    }

    /// Records requests that were refused in a second, by their endpoint or by their organization. Both are to be recorded.
    pub fn record_refused(&mut self, of: &RefusedOf, cell: RefusedCell) {
        let most = self.most_seconds();
        self.refused_mut(of, cell).record(cell.second, cell.count, cell.for_bytes, 0.0, most);
    }

    /// The series of refused requests that has this to add.
    pub(crate) fn refused_mut(&mut self, of: &RefusedOf, cell: RefusedCell) -> &mut Seconds {
        match of {
            RefusedOf::Endpoint(name) => {
                let index = self.endpoint(name);
                self.refusals.endpoint_mut(index)
            }
            RefusedOf::Organization(id) => self.refusals.organization_mut(*id, cell),
        }
    }

    /// Sets which jobs run just now, and for how long so far, in milliseconds: they are not recorded before they end.
    pub fn set_running(&mut self, running: Vec<(String, f64)>) {
        self.running = running;
    }

    /// Whether another part of an endpoint may have a series: three fifths of them are parts.
    fn has_room(&self) -> bool {
        self.parts < self.limits.series * 3 / 5
    }

    /// Whether a part of an endpoint has a series of its own, or may have one.
    pub(crate) fn has_room_for(&self, index: usize, part: &PartKey) -> bool {
        self.has_room() || self.endpoints[index].parts.contains_key(part)
    }

    fn record_parts(&mut self, index: usize, second: u32, event: &WideEvent) {
        let most = self.most_seconds();
        for used in &event.parts {
            let ms = used.time_us as f64 / 1_000.0;
            self.part(index, &used.part, second).record(second, used.times, used.failed, ms, most);
        }
    }

    /// The series of a part of an endpoint, for what happened in this second. Each endpoint may need one more for those without room.
    pub(crate) fn part(&mut self, index: usize, part: &PartKey, second: u32) -> &mut Seconds {
        let unnamed = part.unnamed().filter(|_| !self.endpoints[index].parts.contains_key(part));
        let unnamed = unnamed.filter(|unnamed| !self.makes_room(index, unnamed, second));
        let has_room = self.has_room();
        let parts = &mut self.endpoints[index].parts;
        let part = unnamed.as_ref().unwrap_or(part);
        let is_known = parts.contains_key(part);
        self.parts += usize::from(!is_known && has_room);
        let part = if is_known || has_room { part } else { &PartKey::Other };
        if !parts.contains_key(part) {
            parts.insert(part.clone(), Seconds::default());
        }
        parts.get_mut(part).expect("it was inserted")
    }

    /// Whether one more of the parts that have something in common may have a name, such as another service: an endpoint tells a few apart.
    /// A series without any second makes room.
    fn makes_room(&mut self, index: usize, unnamed: &PartKey, second: u32) -> bool {
        let parts = &mut self.endpoints[index].parts;
        let of_kind = |known: &PartKey| known.unnamed().as_ref() == Some(unnamed);
        let most = if matches!(unnamed, PartKey::Outbound(_)) { SERVICES } else { HOLDERS };
        if parts.keys().filter(|known| of_kind(known)).count() < most {
            return true;
        }
        let mut forgotten =
            parts.iter().filter(|(known, seconds)| of_kind(known) && seconds.ended_before(second));
        let Some(forgotten) = forgotten.next().map(|(known, _)| known.clone()) else { return false };
        parts.remove(&forgotten);
        self.parts = self.parts.saturating_sub(1);
        true
    }

    fn record_people(&mut self, event: &WideEvent, second: u32, ms: f64) {
        if second / 60 != self.minute {
            self.minute = second / 60;
            self.heavy.iter_mut().for_each(|heavy| heavy.fade(FADE));
            self.busiest.fade(FADE);
        }
        let [organizations, users, failing_organizations, failing_users] = &mut self.heavy;
        let of =
            [(event.organization, organizations, failing_organizations), (event.user, users, failing_users)];
        for (id, by_time, by_errors) in of {
            let Some(id) = id else { continue };
            by_time.add(id, ms);
            if event.failed {
                by_errors.add(id, 1.0);
            }
        }
        let Some(organization) = event.organization else { return };
        if let Some(evicted) = self.busiest.add(organization, 1.0) {
            self.organizations.remove(&evicted);
        }
        let seconds = self.organizations.entry(organization).or_default();
        seconds.record(second, 1, u32::from(event.failed), ms, REACH as usize / 4);
    }

    /// The index of an endpoint. A fifth of the series may be endpoints; further ones are counted together.
    pub(crate) fn endpoint(&mut self, name: &str) -> usize {
        if let Some(index) = self.find(name) {
            return index;
        }
        let name = if self.has_room_for_endpoint() { name } else { OTHER };
        let (seconds, usual) = (Seconds::default(), UsualDuration::default());
        let (minutes, parts) = (BTreeMap::new(), HashMap::new());
        self.endpoints.push(JournalEndpoint { name: name.to_owned(), seconds, usual, minutes, parts });
        self.by_name.insert(name.to_owned(), self.endpoints.len() - 1);
        self.endpoints.len() - 1
    }

    /// The index of an endpoint that is known, or counted with the others.
    pub(crate) fn find(&self, name: &str) -> Option<usize> {
        let known = self.by_name.get(name);
        known.or_else(|| self.by_name.get(OTHER).filter(|_| !self.has_room_for_endpoint())).copied()
    }

    fn has_room_for_endpoint(&self) -> bool {
        self.endpoints.len() + 1 < (self.limits.series / 5).clamp(1, usize::from(u16::MAX))
    }

    pub(crate) fn error(&mut self, text: &str) -> u16 {
        let text = fingerprint(text);
        let known = self.errors.iter().position(|known| *known == text);
        let index = known.unwrap_or_else(|| {
            if self.errors.len() < ERRORS {
                self.errors.push(if self.errors.len() + 1 == ERRORS { OTHER.to_owned() } else { text });
            }
            self.errors.len() - 1
        });
        index as u16
    }

    /// How many seconds each series may have, so that all together stay within the bound.
    pub(crate) fn most_seconds(&self) -> usize {
        (self.limits.seconds / self.series().max(1)).clamp(60, REACH as usize)
    }

    /// The ledger of changes.
    pub fn changes(&self) -> &ChangeLedger {
        &self.changes
    }

    /// The ledger of changes, to add one.
    pub fn changes_mut(&mut self) -> &mut ChangeLedger {
        &mut self.changes
    }

    /// How many endpoints and parts are told apart, and of how many endpoints and organizations requests were refused.
    pub fn series(&self) -> usize {
        // An endpoint has a part for the others at most.
        2 * self.endpoints.len() + self.parts + self.refusals.series()
    }

    /// The names of its endpoints and kinds of jobs, in the order in which they were met.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.endpoints.iter().map(|endpoint| &*endpoint.name)
    }

    /// The durations of an endpoint in the minutes from `first` to before `end`, counted since 1970.
    pub fn durations(&self, name: &str, minutes: Range<u32>) -> LogHistogram {
        let mut sum = LogHistogram::default();
        if let Some(index) = self.by_name.get(name) {
            let range = self.endpoints[*index].minutes.range(minutes);
            range.for_each(|(_, minute)| sum.merge(&minute.durations));
        }
        sum
    }

    /// The organizations on which most time was spent lately, in milliseconds, the heaviest first.
    pub fn heaviest_organizations(&self, most: usize) -> Vec<HeavyHitter<u128>> {
        self.heavy[0].top(most)
    }

    /// The users on which most time was spent lately, in milliseconds, the heaviest first.
    pub fn heaviest_users(&self, most: usize) -> Vec<HeavyHitter<u128>> {
        self.heavy[1].top(most)
    }

    /// The organizations with the most errors lately.
    pub fn failing_organizations(&self, most: usize) -> Vec<HeavyHitter<u128>> {
        self.heavy[2].top(most)
    }

    /// The users with the most errors lately.
    pub fn failing_users(&self, most: usize) -> Vec<HeavyHitter<u128>> {
        self.heavy[3].top(most)
    }

    /// The text of an error of an event.
    pub(crate) fn error_text(&self, error: u16) -> &str {
        self.errors.get(usize::from(error)).map_or("", |text| text)
    }

    /// What the requests of an endpoint spent in the seconds of a range, without those of past peaks.
    pub(crate) fn spending(&self, endpoint: usize, seconds: &Range<u32>, past: &PastPeaks) -> Spending {
        let endpoint = &self.endpoints[endpoint];
        let sum = |series: &Seconds| {
            let cells = series.between(seconds.start, seconds.end).filter(|cell| !past.has(cell.second));
            cells.fold(PartSpending::default(), |sum, cell| PartSpending {
                times: sum.times + f64::from(cell.count),
                ms: sum.ms + f64::from(cell.sum_ms),
                failed: sum.failed + f64::from(cell.errors),
            })
        };
        let total = sum(&endpoint.seconds);
        // A wait in a queue is before the duration, not in it.
        let parts = endpoint.parts.iter().filter(|(part, _)| part.queue().is_none());
        let parts = parts.map(|(part, series)| (part.clone(), sum(series))).collect();
        Spending { requests: total.times, ms: total.ms, parts }
    }
}
