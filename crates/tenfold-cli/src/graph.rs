//! The picture of the modules as a Mermaid diagram.

use std::collections::BTreeSet;

use crate::facts::WorkspaceFacts;
use crate::rules::{References, heard_modules, interface_of, needed_modules, owner_of};

/// The diagram: each module with the interfaces it provides and the tables it owns, an arrow for each module
/// it needs with the traits, and a dotted arrow for each module it listens to with the events. Everything is
/// sorted by name, so that equal workspaces give equal text. Ends with a line break.
pub fn mermaid(facts: &WorkspaceFacts) -> String {
    let modules = facts.workspace.modules();
    let mut lines = vec!["flowchart TD".to_owned()];
    for module in &modules {
        let mut parts = vec![format!("<b>{module}</b>")];
        parts.extend(provided(facts, module).iter().map(|interface| format!("provides {interface}")));
        parts.extend(tables(facts, &modules, module).into_iter().map(str::to_owned));
        lines.push(format!("    {}[\"{}\"]", node(module), parts.join("<br/>")));
    }
    lines.extend(arrows("-->", needed_modules(facts)));
    lines.extend(arrows("-.->", heard_modules(facts)));
    lines.join("\n") + "\n"
}

/// A name that Mermaid accepts as a node: `end` alone would be a keyword.
fn node(module: &str) -> String {
    format!("module_{}", module.replace('-', "_"))
}

/// A line for each pair of modules: an arrow labelled with what the first uses of the second.
fn arrows(arrow: &str, references: References<'_>) -> Vec<String> {
    let line = |((from, to), uses): ((&str, &str), BTreeSet<(_, String)>)| {
        let names: BTreeSet<String> = uses.into_iter().map(|(_, name)| name).collect();
        let names: Vec<String> = names.into_iter().collect();
        format!("    {} {arrow}|{}| {}", node(from), names.join(", "), node(to))
    };
    references.into_iter().map(line).collect()
}

fn provided<'a>(facts: &'a WorkspaceFacts, module: &'a str) -> BTreeSet<&'a str> {
    let uses = facts.implementation(module).flat_map(|file| {
        file.source.provides.iter().filter_map(|named| interface_of(facts, file.package, named))
    });
    uses.map(|(_, interface)| interface.name.as_str()).collect()
}

fn tables<'a>(facts: &'a WorkspaceFacts, modules: &[&str], module: &str) -> BTreeSet<&'a str> {
    let own = facts.tables.iter().filter(|found| facts.package(found.package).module() == Some(module));
    own.map(|found| found.table.name.as_str())
        .filter(|table| owner_of(table, modules) == Some(module))
        .collect()
}
