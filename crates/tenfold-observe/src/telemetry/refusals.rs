//! Requests that are refused: counted, since there may be thousands in a second, and each costs some 20 microseconds.
//!
//! Counting takes a short lock and allocates nothing, but for the first one of a route. Once a second the counts become rows, which the journal
//! takes with the next question at the latest.

use std::collections::{HashMap, VecDeque};

use tenfold_data::{OrgId, Timestamp};
use tenfold_why::{RefusedCell, RefusedOf, SpaceSaving};

use super::rollup::{MINUTES, minute_of};

/// How many organizations are told apart in one second.
const ORGANIZATIONS: usize = 32;
/// How many rows wait at most while somebody asks.
const MOST_ROWS: usize = 4_096;

/// A request that was refused before anything was done for it, or because there was no room for its body.
#[derive(Clone, Copy, Debug)]
pub struct RefusedRequest<'a> {
    /// Its method, one of a bounded number.
    pub method: &'static str,
    /// The pattern of its route.
    pub route: &'a str,
    /// The organization of its token, if that is known.
    pub organization: Option<OrgId>,
    /// Whether it was refused for the bytes that are held for clients, and not because too many requests come.
    pub for_bytes: bool,
}

/// A row for the journal.
pub(super) type RefusedRow = (RefusedOf, RefusedCell);

/// The requests of the current second, and what of the seconds before is not in the journal yet.
#[derive(Debug)]
pub(super) struct RefusalCounter {
    second: u32,
    /// By method (there are few), then by route. A route stays after its second, with a count of 0.
    routes: Vec<(&'static str, HashMap<Box<str>, RouteRefusals>)>,
    organizations: SpaceSaving<u128>,
    rows: Vec<RefusedRow>,
    /// The newest last.
    minutes: VecDeque<(i64, u64)>,
}

#[derive(Clone, Copy, Debug, Default)]
struct RouteRefusals {
    count: u32,
    for_bytes: u32,
}

impl Default for RefusalCounter {
    fn default() -> Self {
        RefusalCounter {
            second: 0,
            routes: Vec::new(),
            organizations: SpaceSaving::new(ORGANIZATIONS),
            rows: Vec::new(),
            minutes: VecDeque::new(),
        }
    }
}

impl RefusalCounter {
    /// Counts one; whether a second is over, so that there are rows to take.
    pub(super) fn count(&mut self, refused: RefusedRequest<'_>, now: Timestamp) -> bool {
        let second = u32::try_from(now.as_second()).unwrap_or(0);
        let is_over = second != self.second;
        if is_over {
            self.finish();
            self.second = second;
        }
        self.count_minute(minute_of(now));
        let known = self.routes.iter().position(|(method, _)| *method == refused.method);
        let place = known.unwrap_or_else(|| {
            self.routes.push((refused.method, HashMap::new()));
            self.routes.len() - 1
        });
        let routes = &mut self.routes[place].1;
        let for_bytes = u32::from(refused.for_bytes);
        if let Some(counted) = routes.get_mut(refused.route) {
            counted.count = counted.count.saturating_add(1);
            counted.for_bytes = counted.for_bytes.saturating_add(for_bytes);
        } else {
            routes.insert(Box::from(refused.route), RouteRefusals { count: 1, for_bytes });
        }
        self.organizations.add(refused.organization.map_or(0, |id| id.0.as_u128()), 1.0);
        is_over
    }

    fn count_minute(&mut self, minute: i64) {
        // If the clock was set back, it counts into the newest minute.
        if self.minutes.back().is_none_or(|(newest, _)| *newest < minute) {
            self.minutes.push_back((minute, 0));
            while self.minutes.len() > MINUTES {
                self.minutes.pop_front();
            }
        }
        if let Some((_, count)) = self.minutes.back_mut() {
            *count += 1;
        }
    }

    /// Makes rows of what was counted. While nobody takes them, further ones are dropped.
    fn finish(&mut self) {
        let second = self.second;
        for (method, routes) in &mut self.routes {
            for (route, counted) in routes.iter_mut().filter(|(_, counted)| counted.count > 0) {
                let RouteRefusals { count, for_bytes } = std::mem::take(counted);
                if self.rows.len() < MOST_ROWS {
                    let of = RefusedOf::Endpoint(format!("{method} {route}"));
                    self.rows.push((of, RefusedCell { second, count, for_bytes }));
                }
            }
        }
        for heavy in self.organizations.top(ORGANIZATIONS) {
            // What is certain: of those that came after a full table nobody knows how many were before.
            let count = (heavy.weight - heavy.error) as u32;
            if count > 0 && self.rows.len() < MOST_ROWS {
                let cell = RefusedCell { second, count, for_bytes: 0 };
                self.rows.push((RefusedOf::Organization(heavy.key), cell));
            }
        }
        self.organizations.clear();
    }

    /// The rows of the seconds that are over.
    pub(super) fn take_finished(&mut self) -> Vec<RefusedRow> {
        std::mem::take(&mut self.rows)
    }

    /// All rows; what comes in the current second later makes further ones.
    pub(super) fn take(&mut self) -> Vec<RefusedRow> {
        self.finish();
        self.take_finished()
    }

    /// How many were refused in each of the last `span` minutes, the oldest first.
    pub(super) fn by_minute(&self, now: Timestamp, span: usize) -> Vec<u64> {
        let first = minute_of(now) - span as i64 + 1;
        let mut each = vec![0; span];
        for (minute, count) in &self.minutes {
            if let Some(slot) = usize::try_from(minute - first).ok().and_then(|index| each.get_mut(index)) {
                *slot = *count;
            }
        }
        each
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(route: &str) -> RefusedRequest<'_> {
        RefusedRequest { method: "GET", route, organization: None, for_bytes: false }
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap_or_default()
    }

    #[test]
    fn a_second_makes_a_row_of_each_route_and_organization() {
        let mut counter = RefusalCounter::default();
        assert!(counter.count(request("/a"), at(100)), "the first second begins");
        assert!(!counter.count(RefusedRequest { for_bytes: true, ..request("/a") }, at(100)));
        assert!(!counter.count(request("/b"), at(100)));
        assert!(counter.count(request("/b"), at(101)));
        let mut rows = counter.take_finished();
        rows.sort_by_key(|(of, _)| format!("{of:?}"));
        let cell = |second, count, for_bytes| RefusedCell { second, count, for_bytes };
        let of = |name: &str| RefusedOf::Endpoint(name.to_owned());
        let expected = [
            (of("GET /a"), cell(100, 2, 1)),
            (of("GET /b"), cell(100, 1, 0)),
            (RefusedOf::Organization(0), cell(100, 3, 0)),
        ];
        assert_eq!(rows, expected);
        assert_eq!(counter.take().len(), 2, "the current second so far");
        assert!(counter.take().is_empty());
        assert_eq!(counter.by_minute(at(130), 3), [0, 4, 0]);
    }

    #[test]
    fn rows_are_bounded_while_nobody_takes_them() {
        let mut counter = RefusalCounter::default();
        for second in 0..2 * MOST_ROWS as i64 {
            counter.count(request("/a"), at(second));
        }
        assert_eq!(counter.take().len(), MOST_ROWS);
    }
}
