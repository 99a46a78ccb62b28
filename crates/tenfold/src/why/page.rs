//! A page of the history as text.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tenfold_observe::telemetry::diagnosis::{
    ChangeKind, EventSample, LedgerChange, PartKey, RefusedCell, RefusedOf, SavedEvent, SavedPage,
    SavedRefusals, SavedSeries, SecondCell, StatementPlace,
};

use super::unread::UnreadPage;

/// A page as JSON: short, since there is one for every ten seconds.
#[derive(Serialize, Deserialize)]
pub(super) struct PageText {
    series: Vec<SeriesText>,
    events: Vec<EventText>,
    changes: Vec<ChangeText>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    refused: Vec<RefusedText>,
}

/// Endpoint, part, and the seconds: second, count, errors, much slower ones, milliseconds, sum of logarithms.
#[derive(Serialize, Deserialize)]
struct SeriesText(String, Option<PartText>, Vec<(u32, u32, u32, u32, f32, f32)>);

/// Which requests were refused, and the seconds: second, how many, how many of them for bytes.
#[derive(Serialize, Deserialize)]
struct RefusedText(RefusedOfText, Vec<(u32, u32, u32)>);

#[derive(Serialize, Deserialize)]
enum RefusedOfText {
    Endpoint(String),
    Organization(HexId),
}

#[derive(Serialize, Deserialize)]
pub(super) enum PartText {
    Statement(String, String, u32),
    PoolWait,
    WriterWait(Option<String>),
    LockWait(Option<String>),
    AdmissionWait,
    SchedulerWait,
    Outbound(Option<String>),
    Commit,
    Queue(String),
    OwnCode,
    Other,
}

/// Endpoint, error, microseconds since 1970, organization, user, trace, milliseconds, whether it failed, milliseconds in its queue.
#[derive(Serialize, Deserialize)]
struct EventText(String, String, i64, HexId, HexId, HexId, f32, bool, #[serde(default)] f32);

/// An id in hexadecimal: JSON's numbers are too short for it.
#[derive(Serialize, Deserialize)]
pub(super) struct HexId(String);

/// Kind, what, microseconds since 1970, organization, since when it was not seen, the names of statements, for how many it stands.
#[derive(Serialize, Deserialize)]
struct ChangeText(
    KindText,
    String,
    i64,
    Option<HexId>,
    #[serde(default)] Option<i64>,
    #[serde(default)] Option<Vec<String>>,
    #[serde(default = "once", skip_serializing_if = "is_once")] u32,
);

fn once() -> u32 {
    1
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde gives a reference")]
fn is_once(times: &u32) -> bool {
    *times == 1
}

#[derive(Serialize, Deserialize)]
enum KindText {
    Deploy,
    Migration,
    Setting,
    Schedule,
    Job,
    Surge,
    Schema,
    Plan,
    Maintenance,
}

/// A page as text.
pub(super) fn write(page: SavedPage) -> String {
    // Numbers that are none are written as null, and such a page is skipped when it is read.
    serde_json::to_string(&PageText::from(page)).unwrap_or_default()
}

/// The page of a text, without starts: the table of changes has those, and of a loop only some.
///
/// # Errors
/// It is damaged, or another build wrote it differently.
pub(super) fn read(text: &str) -> Result<SavedPage, UnreadPage> {
    let page = serde_json::from_str::<PageText>(text).ok().and_then(PageText::page);
    let mut page = page.ok_or_else(|| UnreadPage::of(text))?;
    page.changes.retain(|change| change.kind != ChangeKind::Deploy);
    Ok(page)
}

impl From<SavedPage> for PageText {
    fn from(page: SavedPage) -> Self {
        let series = page.series.into_iter().map(|saved| {
            let cells = saved.cells.iter();
            let cells = cells
                .map(|cell| (cell.second, cell.count, cell.errors, cell.slow, cell.sum_ms, cell.sum_log));
            SeriesText(saved.endpoint, saved.part.map(PartText::from), cells.collect())
        });
        let events = page.events.into_iter().map(|SavedEvent { endpoint, error, event }| {
            let [organization, user, trace] = [event.organization, event.user, event.trace].map(HexId::of);
            let (ms, failed, waited_ms) = (event.ms, event.failed, event.waited_ms);
            EventText(endpoint, error, event.at_us, organization, user, trace, ms, failed, waited_ms)
        });
        let changes = page.changes.into_iter().map(|change| {
            let LedgerChange { kind, what, at_us, organization, unseen_us, statements, times } = change;
            ChangeText(kind.into(), what, at_us, organization.map(HexId::of), unseen_us, statements, times)
        });
        PageText {
            series: series.collect(),
            events: events.collect(),
            changes: changes.collect(),
            refused: page.refused.into_iter().map(RefusedText::from).collect(),
        }
    }
}

impl PageText {
    /// The page; `None` if an id in it is none.
    pub(super) fn page(self) -> Option<SavedPage> {
        let PageText { series, events, changes, refused } = self;
        let series = series.into_iter().map(|SeriesText(endpoint, part, cells)| SavedSeries {
            endpoint,
            part: part.map(PartKey::from),
            cells: cells
                .into_iter()
                .map(|(second, count, errors, slow, sum_ms, sum_log)| SecondCell {
                    second,
                    count,
                    errors,
                    slow,
                    sum_ms,
                    sum_log,
                })
                .collect(),
        });
        let events = events.into_iter().map(
            |EventText(endpoint, error, at_us, organization, user, trace, ms, failed, waited_ms)| {
                let (organization, user, trace) = (organization.id()?, user.id()?, trace.id()?);
                let event = EventSample {
                    at_us,
                    organization,
                    user,
                    trace,
                    ms,
                    waited_ms,
                    endpoint: 0,
                    error: 0,
                    failed,
                };
                Some(SavedEvent { endpoint, error, event })
            },
        );
        let changes = changes.into_iter().map(
            |ChangeText(kind, what, at_us, organization, unseen_us, statements, times)| LedgerChange {
                kind: kind.into(),
                what,
                at_us,
                organization: organization.and_then(|id| id.id()),
                unseen_us,
                statements,
                times,
            },
        );
        Some(SavedPage {
            series: series.collect(),
            events: events.collect::<Option<_>>()?,
            changes: changes.collect(),
            refused: refused.into_iter().map(RefusedText::refusals).collect::<Option<_>>()?,
        })
    }
}

impl From<SavedRefusals> for RefusedText {
    fn from(SavedRefusals { of, cells }: SavedRefusals) -> Self {
        let of = match of {
            RefusedOf::Endpoint(name) => RefusedOfText::Endpoint(name),
            RefusedOf::Organization(id) => RefusedOfText::Organization(HexId::of(id)),
        };
        RefusedText(of, cells.iter().map(|cell| (cell.second, cell.count, cell.for_bytes)).collect())
    }
}

impl RefusedText {
    fn refusals(self) -> Option<SavedRefusals> {
        let RefusedText(of, cells) = self;
        let of = match of {
            RefusedOfText::Endpoint(name) => RefusedOf::Endpoint(name),
            RefusedOfText::Organization(id) => RefusedOf::Organization(id.id()?),
        };
        let cells =
            cells.into_iter().map(|(second, count, for_bytes)| RefusedCell { second, count, for_bytes });
        Some(SavedRefusals { of, cells: cells.collect() })
    }
}

impl HexId {
    pub(super) fn of(id: u128) -> Self {
        HexId(format!("{id:x}"))
    }

    pub(super) fn id(&self) -> Option<u128> {
        u128::from_str_radix(&self.0, 16).ok()
    }
}

impl From<PartKey> for PartText {
    fn from(part: PartKey) -> Self {
        match part {
            PartKey::Statement(place) => {
                PartText::Statement(place.name.clone(), place.file.clone(), place.line)
            }
            PartKey::PoolWait => PartText::PoolWait,
            PartKey::WriterWait(holder) => PartText::WriterWait(holder.as_deref().map(str::to_owned)),
            PartKey::LockWait(holder) => PartText::LockWait(holder.as_deref().map(str::to_owned)),
            PartKey::AdmissionWait => PartText::AdmissionWait,
            PartKey::SchedulerWait => PartText::SchedulerWait,
            PartKey::Outbound(service) => PartText::Outbound(service.as_deref().map(str::to_owned)),
            PartKey::Commit => PartText::Commit,
            PartKey::Queue { queue, .. } => PartText::Queue(queue.to_string()),
            PartKey::OwnCode => PartText::OwnCode,
            PartKey::Other => PartText::Other,
        }
    }
}

impl From<PartText> for PartKey {
    fn from(part: PartText) -> Self {
        match part {
            PartText::Statement(name, file, line) => {
                PartKey::Statement(Arc::new(StatementPlace { name, file, line }))
            }
            PartText::PoolWait => PartKey::PoolWait,
            PartText::WriterWait(holder) => PartKey::WriterWait(holder.map(Arc::from)),
            PartText::LockWait(holder) => PartKey::LockWait(holder.map(Arc::from)),
            PartText::AdmissionWait => PartKey::AdmissionWait,
            PartText::SchedulerWait => PartKey::SchedulerWait,
            PartText::Outbound(service) => PartKey::Outbound(service.map(Arc::from)),
            PartText::Commit => PartKey::Commit,
            PartText::Queue(queue) => PartKey::Queue { queue: Arc::from(queue), busy_with: None },
            PartText::OwnCode => PartKey::OwnCode,
            PartText::Other => PartKey::Other,
        }
    }
}

impl From<ChangeKind> for KindText {
    fn from(kind: ChangeKind) -> Self {
        match kind {
            ChangeKind::Deploy => KindText::Deploy,
            ChangeKind::Migration => KindText::Migration,
            ChangeKind::Setting => KindText::Setting,
            ChangeKind::Schedule => KindText::Schedule,
            ChangeKind::Job => KindText::Job,
            ChangeKind::Surge => KindText::Surge,
            ChangeKind::Schema => KindText::Schema,
            ChangeKind::Plan => KindText::Plan,
            ChangeKind::Maintenance => KindText::Maintenance,
        }
    }
}

impl From<KindText> for ChangeKind {
    fn from(kind: KindText) -> Self {
        match kind {
            KindText::Deploy => ChangeKind::Deploy,
            KindText::Migration => ChangeKind::Migration,
            KindText::Setting => ChangeKind::Setting,
            KindText::Schedule => ChangeKind::Schedule,
            KindText::Job => ChangeKind::Job,
            KindText::Surge => ChangeKind::Surge,
            KindText::Schema => ChangeKind::Schema,
            KindText::Plan => ChangeKind::Plan,
            KindText::Maintenance => ChangeKind::Maintenance,
        }
    }
}
