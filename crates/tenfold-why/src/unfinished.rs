//! Requests that have no answer yet: while everything hangs, nothing ends that could be recorded.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::ops::Range;

use crate::decomposition::Spending;
use crate::event::WideEvent;
use crate::incident::BASELINE_S;
use crate::journal::Journal;
use crate::onset::DISPERSION;
use crate::overdue::OverdueRequests;
use crate::sample::EventSample;
use crate::seconds::{SecondCell, second_of};
use crate::statistics::poisson_tail;

/// A request is overdue once it has taken longer than this share of those before.
const USUAL: f64 = 0.99;
/// How many overdue requests are expected at any moment where none was seen.
const UNSEEN: f64 = 0.05;
/// The most that may be left to chance: the question is asked again and again.
const CHANCE: f64 = 0.001;

/// What requests of an endpoint took before the first of those that have no answer began.
struct UsualTimes {
    /// Which time only one of a hundred exceeded, in milliseconds.
    long_ms: f32,
    /// How many are expected to have taken longer so far, at any moment: by Little's law, how often they come times how much longer they take.
    expected: f64,
}

impl Journal {
    /// The journal for one question, with requests that have no answer yet; their `at_us` is when they began. It is a copy if any of them count.
    ///
    /// Only those count that are overdue, and only if there are more of them than there always are, in their endpoint or in all. Each counts
    /// with the time that it has taken so far, in the second in which it began, so that the onset is when the first of them began.
    pub fn with_unfinished(&self, requests: &[WideEvent]) -> Cow<'_, Journal> {
        if requests.is_empty() {
            return Cow::Borrowed(self);
        }
        let (usual, ended) = (self.usual_before(requests), self.ended_among(requests));
        let mut overdue: HashMap<usize, Vec<&WideEvent>> = HashMap::new();
        for request in requests.iter().filter(|request| !ended.contains(&request.trace)) {
            let Some(endpoint) = self.find(&request.name) else { continue };
            let ms = request.duration_us as f32 / 1_000.0;
            if usual.get(&endpoint).is_some_and(|usual| ms > usual.long_ms) {
                overdue.entry(endpoint).or_default().push(request);
            }
        }
        let expected = |endpoint: &usize| usual.get(endpoint).map_or(0.0, |usual| usual.expected);
        let (all, of_all) = overdue
            .iter()
            .fold((0.0, 0), |sum, (endpoint, known)| (sum.0 + expected(endpoint), sum.1 + known.len()));
        let p_of_all = by_chance(all, of_all);
        let mut journal = Cow::Borrowed(self);
        for (endpoint, requests) in overdue {
            let own = by_chance(expected(&endpoint), requests.len()) * self.endpoints.len() as f64;
            let p = p_of_all.min(own);
            if p < CHANCE {
                let copy = journal.to_mut();
                requests.iter().for_each(|request| copy.add_overdue(endpoint, request));
                let all = requests.into_iter().cloned().collect();
                copy.overdue.insert(endpoint, OverdueRequests { all, p });
            }
        }
        journal
    }

    /// Those that have ended since they were looked at.
    fn ended_among(&self, requests: &[WideEvent]) -> HashSet<u128> {
        let traces: HashSet<u128> = requests.iter().map(|request| request.trace).collect();
        self.samples.newest_first().map(|event| event.trace).filter(|trace| traces.contains(trace)).collect()
    }

    fn usual_before(&self, requests: &[WideEvent]) -> HashMap<usize, UsualTimes> {
        let mut began: HashMap<usize, i64> = HashMap::new();
        for request in requests {
            let Some(endpoint) = self.find(&request.name) else { continue };
            let first = began.entry(endpoint).or_insert(request.at_us);
            *first = request.at_us.min(*first);
        }
        let baseline = i64::from(BASELINE_S) * 1_000_000;
        let mut before: HashMap<usize, Vec<&EventSample>> = HashMap::new();
        for event in self.samples.all() {
            let endpoint = usize::from(event.endpoint);
            if began.get(&endpoint).is_some_and(|first| (first - baseline..*first).contains(&event.at_us)) {
                before.entry(endpoint).or_default().push(event);
            }
        }
        let usual = |(endpoint, events): (usize, Vec<&EventSample>)| {
            (endpoint, self.usual(endpoint, &events, began.get(&endpoint).copied().unwrap_or(0)))
        };
        before.into_iter().map(usual).collect()
    }

    /// What an endpoint takes, by some of its requests until a moment.
    fn usual(&self, endpoint: usize, events: &[&EventSample], until_us: i64) -> UsualTimes {
        let mut all: Vec<f32> = events.iter().map(|event| event.ms).collect();
        let place = (all.len() as f64 * USUAL) as usize;
        let long_ms = *all.select_nth_unstable_by(place, f32::total_cmp).1;
        let longer_ms: f64 = all.iter().map(|ms| f64::from((ms - long_ms).max(0.0))).sum();
        let first_us = events.iter().map(|event| event.at_us).min().unwrap_or(until_us);
        let (first, end) = (second_of(first_us), second_of(until_us));
        let counted = self.endpoints[endpoint].seconds.between(first, end);
        // Of many requests only some are kept.
        let each = counted.map(|cell| f64::from(cell.count)).sum::<f64>() / all.len() as f64;
        let seconds = f64::from(end.saturating_sub(first).max(1));
        UsualTimes { long_ms, expected: each.max(1.0) * longer_ms / 1_000.0 / seconds }
    }

    fn add_overdue(&mut self, endpoint: usize, request: &WideEvent) {
        let (second, most) = (request.second(), self.most_seconds());
        let cell = |times, errors, slow, time_us: u64| {
            let ms = time_us as f64 / 1_000.0;
            let sum_log = ms.max(0.001).ln() as f32;
            SecondCell { second, count: times, errors, slow, sum_ms: ms as f32, sum_log }
        };
        for used in &request.parts {
            let cell = cell(used.times, used.failed, 0, used.time_us);
            self.part(endpoint, &used.part, second).restore(cell, most);
        }
        let known = &mut self.endpoints[endpoint];
        let is_slow = known.usual.add(request.duration_us as f64 / 1_000.0);
        known.seconds.restore(cell(1, 0, u32::from(is_slow), request.duration_us), most);
        let mut sample = self.sample(endpoint, request);
        // As if it ended now.
        sample.at_us += i64::try_from(request.duration_us).unwrap_or(i64::MAX);
        self.samples.push(sample);
    }

    /// Moves the requests that are overdue and began in the seconds `before` from what an endpoint spent then to what it spends now: they
    /// have not ended.
    pub(crate) fn move_overdue(
        &self,
        endpoint: usize,
        before: &Range<u32>,
        spent: (&mut Spending, &mut Spending),
    ) {
        let overdue = self.overdue.get(&endpoint).into_iter().flat_map(|overdue| &overdue.all);
        let (was, is) = spent;
        for request in overdue.filter(|request| before.contains(&request.second())) {
            for (spending, sign) in [(&mut *was, -1.0), (&mut *is, 1.0)] {
                spending.requests += sign;
                spending.ms += sign * request.duration_us as f64 / 1_000.0;
                for used in &request.parts {
                    let part = spending.parts.entry(used.part.clone()).or_default();
                    part.times += sign * f64::from(used.times);
                    part.ms += sign * used.time_us as f64 / 1_000.0;
                }
            }
        }
    }
}

/// The probability of so many overdue requests where this many are expected.
fn by_chance(expected: f64, overdue: usize) -> f64 {
    poisson_tail(DISPERSION * (expected + UNSEEN), overdue as f64)
}
