//! The picture of the modules as a Mermaid diagram, and the document in which it is committed.

use std::collections::{BTreeMap, BTreeSet};

use crate::facts::Facts;
use crate::rules::{interface_of, needed_modules, owner_of};

const FENCE: &str = "```mermaid\n";

/// The diagram: each module with the interfaces it provides and the tables it owns, an arrow for each module
/// it needs with the traits it needs there. Everything in the order of names, so that equal workspaces give
/// equal text. Ends with a line break.
pub fn mermaid(facts: &Facts) -> String {
    let modules = facts.workspace.modules();
    let mut lines = vec!["flowchart TD".to_owned()];
    for module in &modules {
        let mut parts = vec![format!("<b>{module}</b>")];
        parts.extend(provided(facts, module).iter().map(|interface| format!("provides {interface}")));
        parts.extend(tables(facts, &modules, module).into_iter().map(str::to_owned));
        lines.push(format!("    {}[\"{}\"]", node(module), parts.join("<br/>")));
    }
    let mut arrows: BTreeMap<(&str, &str), BTreeSet<String>> = BTreeMap::new();
    for (pair, needs) in needed_modules(facts) {
        arrows.entry(pair).or_default().extend(needs.into_iter().map(|(_, name)| name));
    }
    for ((from, to), traits) in arrows {
        let traits: Vec<String> = traits.into_iter().collect();
        lines.push(format!("    {} -->|{}| {}", node(from), traits.join(", "), node(to)));
    }
    lines.join("\n") + "\n"
}

/// The first diagram in a Markdown `document`, as [`mermaid`] would write it.
pub fn committed(document: &str) -> Option<&str> {
    let (start, end) = fenced(document)?;
    Some(&document[start..end])
}

/// `document` with its first diagram replaced by `picture`, or with `picture` at its end when it has none.
pub fn rewritten(document: &str, picture: &str) -> String {
    match fenced(document) {
        Some((start, end)) => format!("{}{picture}{}", &document[..start], &document[end..]),
        None if document.is_empty() => format!("# The modules\n\n{FENCE}{picture}```\n"),
        None => format!("{}\n\n{FENCE}{picture}```\n", document.trim_end()),
    }
}

/// Where the text inside the first fence begins and ends.
fn fenced(document: &str) -> Option<(usize, usize)> {
    let start = document.find(FENCE)? + FENCE.len();
    let end = if document[start..].starts_with("```") { 0 } else { document[start..].find("\n```")? + 1 };
    Some((start, start + end))
}

/// A name that Mermaid takes for a node: `end` alone would be a keyword.
fn node(module: &str) -> String {
    format!("module_{}", module.replace('-', "_"))
}

fn provided<'a>(facts: &'a Facts, module: &'a str) -> BTreeSet<&'a str> {
    let uses = facts.implementation(module).flat_map(|file| {
        file.source.provides.iter().filter_map(|named| interface_of(facts, file.package, named))
    });
    uses.map(|(_, interface)| interface.name.as_str()).collect()
}

fn tables<'a>(facts: &'a Facts, modules: &[&str], module: &str) -> BTreeSet<&'a str> {
    let own = facts.tables.iter().filter(|found| facts.package(found.package).module() == Some(module));
    own.map(|found| found.table.name.as_str())
        .filter(|table| owner_of(table, modules) == Some(module))
        .collect()
}
