//! A part of a journal that outlives its process.

use std::collections::HashMap;

use crate::changes::LedgerChange;
use crate::event::PartKey;
use crate::journal::{Journal, JournalLimits};
use crate::refusals::{RefusedCell, RefusedOf, SavedRefusals};
use crate::sample::EventSample;
use crate::seconds::{SecondCell, Seconds};

/// How many events of one endpoint are saved with a page.
const EVENTS: usize = 4;

/// What happened in a range of seconds: enough to answer a question about them later, in another process.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SavedPage {
    /// The seconds of endpoints and of their parts.
    pub series: Vec<SavedSeries>,
    /// The requests that were refused.
    pub refused: Vec<SavedRefusals>,
    /// Some single events.
    pub events: Vec<SavedEvent>,
    /// The changes that were noted.
    pub changes: Vec<LedgerChange>,
}

/// Seconds of an endpoint, or of one of its parts.
#[derive(Clone, Debug, PartialEq)]
pub struct SavedSeries {
    /// The endpoint's name.
    pub endpoint: String,
    /// The part; `None` for the endpoint itself.
    pub part: Option<PartKey>,
    /// The seconds in which something happened, the oldest first.
    pub cells: Vec<SecondCell>,
}

/// A single event with the name of its endpoint and the text of its error.
#[derive(Clone, Debug, PartialEq)]
pub struct SavedEvent {
    /// The endpoint's name.
    pub endpoint: String,
    /// The error's fingerprint; empty for none.
    pub error: String,
    /// The event.
    pub event: EventSample,
}

impl SavedPage {
    /// Leaves out what was recorded later than this second, since 1970: by a clock that was wrong.
    pub fn forget_after(&mut self, second: u32) {
        let end_us = (i64::from(second) + 1) * 1_000_000;
        self.series.iter_mut().for_each(|series| series.cells.retain(|cell| cell.second <= second));
        self.series.retain(|series| !series.cells.is_empty());
        self.refused.iter_mut().for_each(|refused| refused.cells.retain(|cell| cell.second <= second));
        self.refused.retain(|refused| !refused.cells.is_empty());
        self.events.retain(|saved| saved.event.at_us < end_us);
        self.changes.retain(|change| change.at_us < end_us);
    }
}

impl Journal {
    /// A journal of what was saved.
    pub fn of(pages: impl IntoIterator<Item = SavedPage>) -> Self {
        let mut journal = Journal::new(JournalLimits::default());
        pages.into_iter().for_each(|page| journal.restore(page));
        journal
    }

    /// What happened in the seconds from `first` to before `end`.
    pub fn save(&self, first: u32, end: u32) -> SavedPage {
        let mut page = SavedPage::default();
        for endpoint in &self.endpoints {
            let all = [(None, &endpoint.seconds)].into_iter();
            let all = all.chain(endpoint.parts.iter().map(|(part, seconds)| (Some(part.clone()), seconds)));
            for (part, seconds) in all {
                let cells: Vec<SecondCell> = seconds.between(first, end).copied().collect();
                if !cells.is_empty() {
                    page.series.push(SavedSeries { endpoint: endpoint.name.clone(), part, cells });
                }
            }
        }
        page.refused = self.saved_refusals(first, end);
        let range = i64::from(first) * 1_000_000..i64::from(end) * 1_000_000;
        let mut taken: HashMap<u16, usize> = HashMap::new();
        for event in self.samples.newest_first().take_while(|event| event.at_us >= range.start) {
            let taken = taken.entry(event.endpoint).or_default();
            if *taken < EVENTS && range.contains(&event.at_us) {
                *taken += 1;
                let endpoint = self.endpoints[usize::from(event.endpoint)].name.clone();
                page.events.push(SavedEvent {
                    endpoint,
                    error: self.error_text(event.error).to_owned(),
                    event: *event,
                });
            }
        }
        page.events.reverse();
        page.changes =
            self.changes().iter().filter(|change| range.contains(&change.at_us)).cloned().collect();
        page
    }

    fn saved_refusals(&self, first: u32, end: u32) -> Vec<SavedRefusals> {
        let saved = |of: RefusedOf, seconds: &Seconds| {
            let cells = seconds.between(first, end).map(|cell| RefusedCell {
                second: cell.second,
                count: cell.count,
                for_bytes: cell.errors,
            });
            SavedRefusals { of, cells: cells.collect() }
        };
        let endpoints = self
            .refusals
            .endpoints()
            .map(|(index, seconds)| saved(RefusedOf::Endpoint(self.endpoints[index].name.clone()), seconds));
        let organizations =
            self.refusals.organizations().map(|(id, seconds)| saved(RefusedOf::Organization(id), seconds));
        endpoints.chain(organizations).filter(|saved| !saved.cells.is_empty()).collect()
    }

    /// Adds a page that another process saved, or this one before it was started again. Pages come in their order.
    pub fn restore(&mut self, page: SavedPage) {
        for SavedSeries { endpoint, part, cells } in page.series {
            let index = self.endpoint(&endpoint);
            let most = self.most_seconds();
            let seconds = match part {
                None => &mut self.endpoints[index].seconds,
                // A wait is in no duration, so it may not be counted with parts of one.
                Some(part) if part.queue().is_some() && !self.has_room_for(index, &part) => continue,
                Some(part) => self.part(index, &part, cells.first().map_or(0, |cell| cell.second)),
            };
            let dropped = cells.into_iter().filter_map(|cell| seconds.restore(cell, most)).max();
            self.dropped = self.dropped.max(dropped);
        }
        for SavedRefusals { of, cells } in page.refused {
            for cell in cells {
                self.restore_refused(&of, cell);
            }
        }
        for SavedEvent { endpoint, error, mut event } in page.events {
            event.endpoint = self.endpoint(&endpoint) as u16;
            event.error = if error.is_empty() { 0 } else { self.error(&error) };
            self.samples.push(event);
        }
        page.changes.into_iter().for_each(|change| self.changes_mut().add(change));
    }

    fn restore_refused(&mut self, of: &RefusedOf, cell: RefusedCell) {
        let most = self.most_seconds();
        let RefusedCell { second, count, for_bytes: errors } = cell;
        let cell_of = SecondCell { second, count, errors, ..SecondCell::default() };
        let dropped = self.refused_mut(of, cell).restore(cell_of, most);
        self.dropped = self.dropped.max(dropped);
    }

    /// The newest second, since 1970, of what was restored and found no room: of some series nothing is known up to then.
    pub fn dropped(&self) -> Option<u32> {
        self.dropped
    }
}
