//! What changed in the tables and indexes of the database beside the process.

use std::collections::BTreeMap;

use tenfold_data::{SchemaItem, SchemaKind};
use tenfold_observe::telemetry::Telemetry;
use tenfold_observe::telemetry::diagnosis::{ChangeKind, LedgerChange, has_passed};

/// How many changes of one look are noted.
const MOST: usize = 20;

/// How often the schema is compared, in microseconds.
const EVERY_US: i64 = 60_000_000;

/// The schema as it was seen last.
#[derive(Default)]
pub(super) struct SchemaSnapshot {
    /// When it was asked for last, in microseconds since 1970. It may not have come.
    asked_us: Option<i64>,
    seen: Option<SchemaLook>,
}

struct SchemaLook {
    at_us: i64,
    items: Items,
}

/// Tables and indexes by their names.
type Items = BTreeMap<(SchemaKind, String), SchemaItem>;

impl SchemaSnapshot {
    /// Whether it should be asked for again: once a minute, and if the clock was set back.
    pub(super) fn is_due(&self, now_us: i64) -> bool {
        self.asked_us.is_none_or(|asked_us| has_passed(EVERY_US, asked_us, now_us))
    }

    /// Whether it was never seen since then.
    pub(super) fn looked_before(&self, at_us: i64) -> bool {
        self.seen.as_ref().is_none_or(|look| look.at_us < at_us)
    }

    /// Notes what differs from the look before. `began_us` is when the look began. A list without items was not read, so it says
    /// nothing, and the one before stays.
    pub(super) fn note(&mut self, telemetry: &Telemetry, items: Vec<SchemaItem>, began_us: i64) {
        self.asked_us = Some(began_us);
        if items.is_empty() {
            return;
        }
        let items: Items = items.into_iter().map(|item| ((item.kind, item.name.clone()), item)).collect();
        if let Some(SchemaLook { at_us, items: before }) = &self.seen {
            let now_us = telemetry.clock().now().as_microsecond();
            for (what, item) in differences(before, &items).into_iter().take(MOST) {
                let kind = match item.kind {
                    SchemaKind::Table | SchemaKind::Index => ChangeKind::Schema,
                    SchemaKind::Statistics => ChangeKind::Maintenance,
                };
                telemetry.note(LedgerChange {
                    unseen_us: Some(*at_us),
                    statements: Some(concerned(telemetry, before, &item)),
                    ..LedgerChange::new(kind, what, now_us)
                });
            }
        }
        self.seen = Some(SchemaLook { at_us: began_us, items });
    }
}

/// An index concerns the statements that used it; one that is new, and a table, those on the table.
fn concerned(telemetry: &Telemetry, before: &Items, item: &SchemaItem) -> Vec<String> {
    let was_there = before.contains_key(&(item.kind, item.name.clone()));
    if item.kind == SchemaKind::Index && was_there {
        return telemetry.statements_with_index(&item.name);
    }
    telemetry.statements_with_table(&item.table)
}

/// What differs, in words: tables and indexes before statistics, which are often many.
fn differences(before: &Items, now: &Items) -> Vec<(String, SchemaItem)> {
    let mut found = Vec::new();
    for (key, item) in before {
        let what = match now.get(key) {
            Some(same) if same.definition == item.definition => continue,
            Some(_) => told(item, "altered"),
            None if !stands(item, before, now) => continue,
            None => told(item, "dropped"),
        };
        found.push((what, item.clone()));
    }
    for (_, item) in now.iter().filter(|(key, item)| !before.contains_key(*key) && stands(item, now, before))
    {
        found.push((told(item, "created"), item.clone()));
    }
    found.sort_by_key(|(_, item)| item.kind);
    found
}

/// Whether an item that only one of two schemas has could be in the other one too: the indexes of a table come and go with it, and so
/// do the statistics of an index.
fn stands(item: &SchemaItem, with: &Items, without: &Items) -> bool {
    let is_there = |kind: SchemaKind, name: &str| without.contains_key(&(kind, name.to_owned()));
    let of_index = (SchemaKind::Index, item.name.clone());
    match item.kind {
        SchemaKind::Table => true,
        SchemaKind::Index => is_there(SchemaKind::Table, &item.table),
        SchemaKind::Statistics => {
            let has_index = !with.contains_key(&of_index) || without.contains_key(&of_index);
            has_index && is_there(SchemaKind::Table, &item.table)
        }
    }
}

fn told(item: &SchemaItem, verb: &str) -> String {
    let SchemaItem { name, table, .. } = item;
    match item.kind {
        SchemaKind::Table => format!("the table {name} was {verb}"),
        SchemaKind::Index => format!("the index {name} of {table} was {verb}"),
        // Those of a table without an index have its name.
        SchemaKind::Statistics if name == table => format!("the statistics of the table {name} were {verb}"),
        SchemaKind::Statistics => format!("the statistics of the index {name} of {table} were {verb}"),
    }
}
