//! Each type's name is defined once in the repository that holds the framework, so that a name means one thing wherever it
//! is read. Projects are free: their names may equal those of the framework and of each other's modules.

use super::unique::later_ones;
use crate::facts::WorkspaceFacts;
use crate::violation::{FileLine, Rule, Violation};

/// The package whose workspace is held to this.
const FRAMEWORK: &str = "tenfold";

/// One violation for each definition after the first of its name.
pub fn violations(facts: &WorkspaceFacts) -> Vec<Violation> {
    let mut packages = facts.workspace.packages.iter();
    if !packages.any(|package| package.name == FRAMEWORK && !package.is_external) {
        return Vec::new();
    }
    let types =
        facts.file_arrows.iter().flat_map(|files| files.types.iter().map(move |defined| (files, defined)));
    let placed = types.map(|(files, defined)| {
        let name = defined.name.as_str();
        (name, FileLine::new(&files.paths[defined.file], defined.line), name)
    });
    later_ones(placed, violation)
}

fn violation(name: &str, place: FileLine, other: &FileLine) -> Violation {
    let wrong = format!("the type {name} is defined twice, also in {other}");
    let remedy = "name each by what it is, or share one of them";
    Violation::new(Rule::Types, place, name, wrong, remedy)
}
