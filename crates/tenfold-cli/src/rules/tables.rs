//! A table has one owner, whose name is its prefix; no other module reads, writes or references it.
//!
//! It examines `#[entity(table = "…")]`, the texts in `sql!`, and migrations. Applications own no tables and
//! use none of a module's. [`crate::sql`] lists what a static check cannot see.

use crate::facts::{TableUse, WorkspaceFacts};
use crate::sql::Naming;
use crate::violation::{Rule, Violation};

/// Framework tables that a module may use anyway. Empty, and it must stay so.
const OPEN_FRAMEWORK_TABLES: [&str; 0] = [];

/// The violations.
pub fn violations(facts: &WorkspaceFacts) -> Vec<Violation> {
    let modules = facts.workspace.modules();
    facts.tables.iter().filter_map(|found| judge(facts, &modules, found)).collect()
}

/// The module whose prefix `table` has; of `auth` and `auth-tokens` the longest match.
pub fn owner_of<'a>(table: &str, modules: &[&'a str]) -> Option<&'a str> {
    let bears = |module: &&&str| table.starts_with(&prefix(module));
    modules.iter().filter(bears).max_by_key(|module| module.len()).copied()
}

fn prefix(module: &str) -> String {
    format!("{}_", module.replace('-', "_"))
}

fn judge(facts: &WorkspaceFacts, modules: &[&str], found: &TableUse) -> Option<Violation> {
    let table = &found.table;
    let is_home = table.schema.as_deref().is_none_or(|schema| ["public", "main"].contains(&schema));
    let owner = owner_of(&table.name, modules).filter(|_| is_home);
    let Some(module) = facts.package(found.package).module() else {
        return owner.map(|owner| of_another(found, &facts.package(found.package).name, owner));
    };
    if owner == Some(module) {
        return None;
    }
    if let Some(owner) = owner {
        return Some(of_another(found, &format!("module {module}"), owner));
    }
    if OPEN_FRAMEWORK_TABLES.contains(&table.name.as_str()) {
        return None;
    }
    let written = match &table.schema {
        Some(schema) => format!("{schema}.{}", table.name),
        None => table.name.clone(),
    };
    let (wrong, remedy) = if table.name.starts_with("tenfold_") {
        (
            format!("module {module} names `{written}`, a table of the framework"),
            "use what the framework offers (jobs, events, cache) instead of its tables".to_owned(),
        )
    } else {
        (
            format!("module {module} names the table `{written}`, which lacks its prefix"),
            format!("call it `{}{}`, or ask its owner through an interface", prefix(module), table.name),
        )
    };
    Some(Violation::new(Rule::Tables, found.place.clone(), &table.name, wrong, remedy))
}

fn of_another(found: &TableUse, who: &str, owner: &str) -> Violation {
    let table = &found.table.name;
    match found.table.naming {
        Naming::References => Violation::new(
            Rule::ForeignKey,
            found.place.clone(),
            table,
            format!("{who} references `{table}`, a table of {owner}: no foreign key crosses a module"),
            format!(
                "keep the id without a foreign key, and listen to the event by which {owner} says that it is gone"
            ),
        ),
        Naming::Uses => Violation::new(
            Rule::Tables,
            found.place.clone(),
            table,
            format!("{who} names the table `{table}`, which belongs to {owner}"),
            format!(
                "call {owner} through its interface ({owner}-api); what a list needs for each row is a call with `batch_by`"
            ),
        ),
    }
}
