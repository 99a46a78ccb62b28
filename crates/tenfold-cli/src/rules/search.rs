//! An entity that is searched has its index: a migration of its module has the line `-- tenfold: search table (texts)`,
//! from which the migration runner makes the index and what keeps it.

use super::tables::owner_of;
use crate::facts::{MigrationText, WorkspaceFacts};
use crate::violation::{FileLine, Rule, Violation};

/// How the line begins.
const MARK: &str = "-- tenfold: search ";

/// A line that makes an index.
struct Index<'a> {
    file: &'a MigrationText,
    line: usize,
    /// `table (texts)`
    what: &'a str,
}

/// The violations.
pub fn violations(facts: &WorkspaceFacts) -> Vec<Violation> {
    let indexes: Vec<Index<'_>> = facts.migrations.iter().flat_map(indexes).collect();
    let missing = facts.sources.iter().filter(|file| file.is_product).flat_map(|file| {
        let searched = file.source.entities.iter().filter(|entity| !entity.searched.is_empty());
        searched.filter_map(|entity| {
            let table = &entity.table.value;
            let what = format!("{table} ({})", entity.searched.join(", "));
            let has_index = |index: &Index<'_>| index.file.package == file.package && index.what == what;
            if indexes.iter().any(has_index) {
                return None;
            }
            let place = FileLine::new(&file.path, entity.table.line);
            let wrong = format!(
                "the entity of `{table}` is searched, and no migration of its module makes the index"
            );
            Some(Violation::new(
                Rule::Search,
                place,
                table,
                wrong,
                format!("add a migration with the line `{MARK}{what}`"),
            ))
        })
    });
    let modules = facts.workspace.modules();
    missing.chain(indexes.iter().filter_map(|index| foreign(facts, &modules, index))).collect()
}

fn indexes(file: &MigrationText) -> impl Iterator<Item = Index<'_>> {
    let lines = (1..).zip(file.text.lines());
    lines.filter_map(move |(line, text)| Some(Index { file, line, what: text.strip_prefix(MARK)?.trim() }))
}

/// An index of another module's table.
fn foreign(facts: &WorkspaceFacts, modules: &[&str], index: &Index<'_>) -> Option<Violation> {
    let table = index.what.split(' ').next().unwrap_or_default();
    let module = facts.package(index.file.package).module()?;
    let owner = owner_of(table, modules)?;
    if owner == module {
        return None;
    }
    let place = FileLine::new(&index.file.path, index.line);
    let wrong =
        format!("a migration of {module} makes a search index of `{table}`, which belongs to {owner}");
    Some(Violation::new(Rule::Search, place, table, wrong, format!("let a migration of {owner} make it")))
}
