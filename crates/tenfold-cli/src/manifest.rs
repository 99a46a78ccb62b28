//! The lines of a manifest that declare its dependencies, so that a message can point to them.

use std::collections::BTreeMap;

use toml::de::{DeTable, DeValue};

use crate::workspace::DependencyKind;

/// The line (from 1) of each dependency in a manifest's `text`, by table and by the key in that table.
///
/// Tables below `[target.'…']` count like the others. A manifest that does not parse gives an empty map:
/// Cargo has already rejected it.
pub fn dependency_lines(text: &str) -> BTreeMap<(DependencyKind, String), usize> {
    let mut lines = BTreeMap::new();
    let Ok(manifest) = DeTable::parse(text) else { return lines };
    collect(manifest.get_ref(), text, &mut lines);
    let targets = manifest.get_ref().get("target").and_then(|target| target.get_ref().as_table());
    for target in targets.into_iter().flat_map(DeTable::values) {
        if let DeValue::Table(table) = target.get_ref() {
            collect(table, text, &mut lines);
        }
    }
    lines
}

/// The line (from 1) of the byte `offset` in `text`.
pub fn line_at(text: &str, offset: usize) -> usize {
    text.bytes().take(offset).filter(|byte| *byte == b'\n').count() + 1
}

fn collect(table: &DeTable<'_>, text: &str, lines: &mut BTreeMap<(DependencyKind, String), usize>) {
    for kind in [DependencyKind::Normal, DependencyKind::Build, DependencyKind::Dev] {
        let Some(DeValue::Table(dependencies)) = table.get(kind.table()).map(|value| value.get_ref()) else {
            continue;
        };
        for key in dependencies.keys() {
            lines.entry((kind, key.get_ref().to_string())).or_insert_with(|| line_at(text, key.span().start));
        }
    }
}
