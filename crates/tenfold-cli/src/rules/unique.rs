//! Operations, routes, kinds of jobs, events and permissions have names that are stored, sent and called, so an application
//! has each once. The start of the application refuses two; this rule finds them before anything is built, and also
//! in modules that no test starts together.

use std::collections::BTreeMap;

use crate::facts::{SourceFile, WorkspaceFacts};
use crate::source::{NameKind, UniqueName};
use crate::violation::{FileLine, Rule, Violation};

/// The violations.
pub fn violations(facts: &WorkspaceFacts) -> Vec<Violation> {
    let mut files: Vec<&SourceFile> = facts.sources.iter().filter(|file| file.is_product).collect();
    // A name from outside is there first: it is not ours to change.
    files.sort_by_key(|file| !facts.package(file.package).is_external);
    let of_files =
        files.into_iter().flat_map(|file| file.source.unique.iter().map(move |unique| (file, unique)));
    let placed = of_files.map(|(file, unique)| (key(unique), FileLine::new(&file.path, unique.line), unique));
    later_ones(placed, violation)
}

/// A violation for each of those whose key was there before. `say` is told of it, its place and that of the first.
pub(super) fn later_ones<K: Ord, T>(
    all: impl Iterator<Item = (K, FileLine, T)>,
    say: impl Fn(T, FileLine, &FileLine) -> Violation,
) -> Vec<Violation> {
    let mut first: BTreeMap<K, FileLine> = BTreeMap::new();
    let mut found = Vec::new();
    for (key, place, one) in all {
        match first.get(&key) {
            Some(other) => found.push(say(one, place, other)),
            None => drop(first.insert(key, place)),
        }
    }
    found
}

/// Two routes are one if they differ only in the names of what a path carries.
fn key(unique: &UniqueName) -> (NameKind, String) {
    if unique.kind != NameKind::Route {
        return (unique.kind, unique.name.clone());
    }
    let parts = unique.name.split('/').map(|part| if part.starts_with('{') { "{}" } else { part });
    (unique.kind, parts.collect::<Vec<_>>().join("/"))
}

fn violation(unique: &UniqueName, place: FileLine, other: &FileLine) -> Violation {
    let (what, remedy) = match unique.kind {
        NameKind::Operation => ("the operation", "rename one of the handlers"),
        NameKind::Route => ("the route", "give one of them another method or path"),
        NameKind::Job => ("the kind of job", "give one of them another KIND"),
        NameKind::Event => ("the event", "give one of them another NAME"),
        NameKind::Permission => ("the permission", "share one `impl Permission`, or give one another NAME"),
    };
    let name = &unique.name;
    Violation::new(
        Rule::Unique,
        place,
        name,
        format!("{what} {name} is there twice, also in {other}"),
        remedy,
    )
}
