//! An entity and the key of its table agree on the owner of the rows.
//!
//! The statements of a global entity run with system access, so row-level security does not restrict them.
//! Three checks keep such an entity off a tenant's table: this rule; the derive, which requires `tenant = …` or
//! `global = "why"`; and `migrate`, which refuses at run time what this rule refuses here.

use std::collections::BTreeMap;

use super::statement::{Change, statements};
use crate::facts::{MigrationText, SourceFile, WorkspaceFacts};
use crate::source::DeclaredEntity;
use crate::violation::{FileLine, Rule, Violation};
use crate::workspace::PackageRole;

/// The column by which row-level security separates organizations.
const ORGANIZATION: &str = "org_id";

/// A table after all migrations.
struct TableColumns {
    /// Where it is created.
    place: FileLine,
    columns: Vec<String>,
    /// None if a migration does not name its columns.
    key: Option<Vec<String>>,
    /// Whether its migration says why it has no entity.
    says_no_entity: bool,
}

impl TableColumns {
    fn key_begins_with_organization(&self) -> bool {
        self.key.as_ref().is_none_or(|key| key.first().is_some_and(|first| first == ORGANIZATION))
    }
}

/// The violations.
pub fn violations(facts: &WorkspaceFacts) -> Vec<Violation> {
    let entities: Vec<_> = entities(facts).collect();
    let mut found = of_database(&tables(facts.migrations_on_postgres()), &entities);
    found.extend(of_database(&tables(facts.migrations_on_sqlite()), &entities));
    found
}

/// The entities of modules, with their sources.
fn entities(facts: &WorkspaceFacts) -> impl Iterator<Item = (&SourceFile, &DeclaredEntity)> {
    let is_module = |file: &&SourceFile| {
        file.is_product && matches!(facts.package(file.package).role, PackageRole::Implementation(_))
    };
    let files = facts.sources.iter().filter(is_module);
    files.flat_map(|file| file.source.entities.iter().map(move |entity| (file, entity)))
}

/// The tables of one database.
fn tables<'a>(migrations: impl Iterator<Item = &'a MigrationText>) -> BTreeMap<String, TableColumns> {
    let mut tables = BTreeMap::new();
    for file in migrations {
        for statement in statements(&file.text) {
            for change in statement.changes() {
                let place = FileLine::new(&file.path, statement.line);
                apply(&mut tables, &statement.table, change, (place, statement.says_no_entity));
            }
        }
    }
    tables
}

fn apply(
    tables: &mut BTreeMap<String, TableColumns>,
    name: &str,
    change: Change,
    (place, says_no_entity): (FileLine, bool),
) {
    match (change, tables.get_mut(name)) {
        (Change::Made { columns, key }, _) => {
            tables.insert(name.to_owned(), TableColumns { place, columns, key: Some(key), says_no_entity });
        }
        (Change::Column { name, is_key }, Some(table)) => {
            if is_key {
                table.key = Some(vec![name.clone()]);
            }
            table.says_no_entity |= says_no_entity;
            table.columns.push(name);
        }
        (Change::Key(key), Some(table)) => table.key = key,
        (Change::Renamed(to), Some(_)) => {
            let table = tables.remove(name);
            tables.extend(table.map(|table| (to, table)));
        }
        (Change::Dropped, _) => drop(tables.remove(name)),
        (Change::Column { .. } | Change::Key(_) | Change::Renamed(_), None) => {}
    }
}

fn of_database(
    tables: &BTreeMap<String, TableColumns>,
    entities: &[(&SourceFile, &DeclaredEntity)],
) -> Vec<Violation> {
    let mut found = Vec::new();
    for (file, entity) in entities {
        let name = entity.table.value.to_lowercase();
        let Some(table) = tables.get(&name) else { continue };
        let judged = judge(&name, table, entity);
        let place = || FileLine::new(&file.path, entity.table.line);
        found.extend(
            judged.map(|(wrong, remedy)| Violation::new(Rule::Tenant, place(), &name, wrong, remedy)),
        );
    }
    for (name, table) in tables.iter().filter(|(_, table)| table.columns.iter().any(|it| it == ORGANIZATION))
    {
        let has_entity = entities.iter().any(|(_, entity)| entity.table.value.to_lowercase() == *name);
        if !has_entity && !table.says_no_entity {
            found.push(Violation::new(
                Rule::Tenant,
                table.place.clone(),
                name,
                format!("`{name}` names organizations in {ORGANIZATION}, and no entity says whose its rows are"),
                format!(
                    "declare an entity with `tenant = {ORGANIZATION}`, or with `global = \"why\"`; for a table that is \
                     reached by `sql!` alone, write `-- tenfold: no entity, because …` above its CREATE TABLE"
                ),
            ));
        }
    }
    found
}

/// What is wrong with an entity of `table`, and how to fix it.
fn judge(name: &str, table: &TableColumns, entity: &DeclaredEntity) -> Option<(String, String)> {
    let begins = table.key_begins_with_organization();
    match &entity.tenant {
        Some(column) if column != ORGANIZATION => Some((
            format!(
                "the organization of `{name}` stands in {column}: row-level security looks at {ORGANIZATION} alone"
            ),
            format!("call the column {ORGANIZATION}"),
        )),
        Some(_) if !begins => Some((
            format!("the rows of `{name}` belong to organizations, and its key begins with something else"),
            format!(
                "begin it with the organization, PRIMARY KEY ({ORGANIZATION}, …): row-level security on PostgreSQL goes by \
                 that, and each organization's rows then lie together"
            ),
        )),
        None if begins && table.key.is_some() => Some((
            format!(
                "an entity of `{name}` is global, and the key of the table begins with {ORGANIZATION}: it would show \
                     the rows of all organizations to each"
            ),
            format!(
                "declare it with `tenant = {ORGANIZATION}`; what works for all organizations takes a SystemContext and \
                 names one after the other by `within(organization)`"
            ),
        )),
        Some(_) | None => None,
    }
}
