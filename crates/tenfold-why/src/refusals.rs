//! Refused requests: how many for each endpoint, and for each organization.
//!
//! They leave no event, since thousands may be refused in a second: only counts of each second.

use std::collections::BTreeMap;

use crate::seconds::Seconds;
use crate::space_saving::SpaceSaving;

/// How many organizations are told apart by what of theirs was refused.
const ORGANIZATIONS: usize = 32;
/// What an organization keeps of its weight from one minute to the next.
const FADE: f64 = 0.9;

/// What refused requests are counted by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RefusedOf {
    /// The endpoint, by its name.
    Endpoint(String),
    /// The organization; 0 for requests without one.
    Organization(u128),
}

/// How many requests were refused in one second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RefusedCell {
    /// The second, since 1970.
    pub second: u32,
    /// How many.
    pub count: u32,
    /// How many of them because of the bytes that are held for clients; the others because too many requests came.
    pub for_bytes: u32,
}

/// The seconds in which requests of one endpoint, or of one organization, were refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SavedRefusals {
    /// Which requests.
    pub of: RefusedOf,
    /// The seconds, the oldest first.
    pub cells: Vec<RefusedCell>,
}

/// What a journal knows of refused requests. In its cells `errors` are those that were refused for bytes.
#[derive(Clone, Debug)]
pub(crate) struct Refusals {
    endpoints: BTreeMap<usize, Seconds>,
    organizations: BTreeMap<u128, Seconds>,
    heaviest: SpaceSaving<u128>,
    minute: u32,
}

impl Default for Refusals {
    fn default() -> Self {
        let (endpoints, organizations) = (BTreeMap::new(), BTreeMap::new());
        Refusals { endpoints, organizations, heaviest: SpaceSaving::new(ORGANIZATIONS), minute: 0 }
    }
}

impl Refusals {
    /// The series of an endpoint, by its index in the journal.
    pub(crate) fn endpoint_mut(&mut self, endpoint: usize) -> &mut Seconds {
        self.endpoints.entry(endpoint).or_default()
    }

    /// The series of an organization that has this to add. It takes the place of the one with the fewest, if there are too many.
    pub(crate) fn organization_mut(&mut self, organization: u128, cell: RefusedCell) -> &mut Seconds {
        if cell.second / 60 != self.minute {
            self.minute = cell.second / 60;
            self.heaviest.fade(FADE);
        }
        if let Some(evicted) = self.heaviest.add(organization, f64::from(cell.count)) {
            self.organizations.remove(&evicted);
        }
        self.organizations.entry(organization).or_default()
    }

    /// The series of an endpoint, if any of its requests was refused.
    pub(crate) fn endpoint(&self, endpoint: usize) -> Option<&Seconds> {
        self.endpoints.get(&endpoint)
    }

    /// The endpoints with refused requests, by their index.
    pub(crate) fn endpoints(&self) -> impl Iterator<Item = (usize, &Seconds)> {
        self.endpoints.iter().map(|(endpoint, seconds)| (*endpoint, seconds))
    }

    /// The organizations with the most refused requests. The id 0 stands for requests without one.
    pub(crate) fn organizations(&self) -> impl Iterator<Item = (u128, &Seconds)> {
        self.organizations.iter().map(|(organization, seconds)| (*organization, seconds))
    }

    /// How many series it has.
    pub(crate) fn series(&self) -> usize {
        self.endpoints.len() + self.organizations.len()
    }
}
