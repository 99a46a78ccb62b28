//! What changed in the tables and indexes of the database beside the process.

use std::collections::BTreeMap;

use tenfold_data::{SchemaItem, SchemaKind};
use tenfold_observe::telemetry::Telemetry;
use tenfold_observe::telemetry::diagnosis::{ChangeKind, LedgerChange};

/// How many changes of one look are noted.
const MOST: usize = 20;

/// The schema as it was seen last.
#[derive(Default)]
pub(super) struct SeenSchema(Option<SchemaLook>);

struct SchemaLook {
    at_us: i64,
    items: Items,
}

/// Tables and indexes by their names.
type Items = BTreeMap<(SchemaKind, String), SchemaItem>;

impl SeenSchema {
    /// How long ago it was, in microseconds.
    pub(super) fn age_us(&self, now_us: i64) -> i64 {
        self.0.as_ref().map_or(i64::MAX, |look| now_us.saturating_sub(look.at_us))
    }

    /// Whether it was never seen since then.
    pub(super) fn looked_before(&self, at_us: i64) -> bool {
        self.0.as_ref().is_none_or(|look| look.at_us < at_us)
    }

    /// Notes what differs from the look before. `began_us` is when the look began.
    pub(super) fn note(&mut self, telemetry: &Telemetry, items: Vec<SchemaItem>, began_us: i64) {
        let items: Items = items.into_iter().map(|item| ((item.kind, item.name.clone()), item)).collect();
        if let Some(SchemaLook { at_us, items: before }) = &self.0
            && !items.is_empty()
        {
            let now_us = telemetry.clock().now().as_microsecond();
            for (what, item) in differences(before, &items).into_iter().take(MOST) {
                telemetry.note(LedgerChange {
                    unseen_us: Some(*at_us),
                    statements: Some(concerned(telemetry, before, &item)),
                    ..LedgerChange::new(ChangeKind::Schema, what, now_us)
                });
            }
        }
        self.0 = Some(SchemaLook { at_us: began_us, items });
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

fn differences(before: &Items, now: &Items) -> Vec<(String, SchemaItem)> {
    let mut found = Vec::new();
    for (key, item) in before {
        let what = match now.get(key) {
            Some(same) if same.definition == item.definition => continue,
            Some(_) => format!("{} was altered", words(item)),
            None if !stands(item, before, now) => continue,
            None => format!("{} was dropped", words(item)),
        };
        found.push((what, item.clone()));
    }
    for (_, item) in now.iter().filter(|(key, item)| !before.contains_key(*key) && stands(item, now, before))
    {
        found.push((format!("{} was created", words(item)), item.clone()));
    }
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

fn words(item: &SchemaItem) -> String {
    match item.kind {
        SchemaKind::Table => format!("the table {}", item.name),
        SchemaKind::Index => format!("the index {} of {}", item.name, item.table),
        SchemaKind::Statistics => format!("what SQLite was told of {} of {}", item.name, item.table),
    }
}
