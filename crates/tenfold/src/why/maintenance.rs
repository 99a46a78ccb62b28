//! What PostgreSQL does to its tables: vacuums, statistics, checkpoints.

use std::collections::HashMap;

use tenfold_data::{DatabaseLook, TableActivity};
use tenfold_observe::telemetry::Telemetry;
use tenfold_observe::telemetry::diagnosis::{ChangeKind, LedgerChange};

/// A table with fewer rows is read in no time, whatever is done to it.
const LEAST_ROWS: i64 = 10_000;

/// The counters as they were seen last.
#[derive(Default)]
pub(super) struct SeenActivity {
    tables: Option<SeenTables>,
    checkpoints: Option<SeenCheckpoints>,
}

struct SeenTables {
    at_us: i64,
    tables: HashMap<String, TableActivity>,
}

struct SeenCheckpoints {
    at_us: i64,
    count: i64,
}

impl SeenActivity {
    /// Notes what was done since the look before. `began_us` is when this one began. Counters that were not read are left as they
    /// were seen last.
    pub(super) fn note(&mut self, telemetry: &Telemetry, look: &DatabaseLook, began_us: i64) {
        let now_us = telemetry.clock().now().as_microsecond();
        let note = |what: String, unseen_us: i64, statements: Option<Vec<String>>| {
            let change = LedgerChange::new(ChangeKind::Maintenance, what, now_us);
            telemetry.note(LedgerChange { unseen_us: Some(unseen_us), statements, ..change });
        };
        if let Some(before) = &self.tables {
            for now in look.activity.iter().filter(|now| now.rows >= LEAST_ROWS) {
                let Some(was) = before.tables.get(&now.table) else { continue };
                for what in done(was, now) {
                    note(what, before.at_us, Some(telemetry.statements_with_table(&now.table)));
                }
            }
        }
        if !look.activity.is_empty() {
            let tables = look.activity.iter().map(|activity| (activity.table.clone(), activity.clone()));
            self.tables = Some(SeenTables { at_us: began_us, tables: tables.collect() });
        }
        let Some(count) = look.checkpoints else { return };
        if let Some(before) = self.checkpoints.as_ref().filter(|before| count > before.count) {
            note("the server began a checkpoint".to_owned(), before.at_us, None);
        }
        self.checkpoints = Some(SeenCheckpoints { at_us: began_us, count });
    }
}

/// What was done to a table between two looks. Counters that were reset say nothing.
fn done(was: &TableActivity, now: &TableActivity) -> Vec<String> {
    let table = &now.table;
    let mut done = Vec::new();
    if now.vacuums > was.vacuums {
        done.push(format!("the table {table} was vacuumed"));
    }
    if now.analyzes > was.analyzes {
        done.push(format!("the statistics of {table} were made anew"));
    }
    if is_stale(now) && !is_stale(was) {
        let (rows, changed) = (now.rows, now.changed_rows);
        done.push(match now.has_statistics {
            true => format!("the statistics of {table} are stale: of {rows} rows {changed} were written since they were made"),
            false => format!("the table {table} has {rows} rows and no statistics"),
        });
    }
    done
}

/// Whether the planner cannot know what is in the table: autovacuum would have made statistics long before.
fn is_stale(activity: &TableActivity) -> bool {
    activity.rows >= LEAST_ROWS && (!activity.has_statistics || 2 * activity.changed_rows > activity.rows)
}
