//! Which module a registration refers to by `dyn X`, or by an event.

use std::collections::{BTreeMap, BTreeSet};

use crate::facts::{SourceFile, WorkspaceFacts};
use crate::source::{DeclaredEvent, DeclaredInterface, NamedUse};
use crate::violation::FileLine;
use crate::workspace::PackageRole;

/// Something that an interface package declares, with its module and its source.
type Declaration<'a, D> = (&'a str, &'a SourceFile, &'a D);

/// For each ordered pair of modules: the places where the first names something of the second, with its name.
pub type References<'a> = BTreeMap<(&'a str, &'a str), BTreeSet<(FileLine, String)>>;

/// The interface that `named` refers to in a source of the package at index `package`.
///
/// A path that begins with an interface crate's name means that crate's trait. A trait that came in through a
/// glob or a re-export is found by its name, first among the crates on which the package depends.
pub fn interface_of<'a>(
    facts: &'a WorkspaceFacts,
    package: usize,
    named: &NamedUse,
) -> Option<(&'a str, &'a DeclaredInterface)> {
    let same_name: Vec<_> =
        facts.interfaces().filter(|(_, _, interface)| interface.name == named.name()).collect();
    let (module, _, interface) =
        within_reach(facts, package, named, &same_name).or_else(|| same_name.first().copied())?;
    Some((module, interface))
}

/// The event of an interface package that `named` refers to in a source of the package at index `package`,
/// found like an interface. None for an event that the module keeps private: listening to it concerns no other
/// module.
fn event_of<'a>(
    facts: &'a WorkspaceFacts,
    package: usize,
    named: &NamedUse,
) -> Option<(&'a str, &'a DeclaredEvent)> {
    let same_name: Vec<_> = facts.events().filter(|(_, _, event)| event.name == named.name()).collect();
    let (module, _, event) = within_reach(facts, package, named, &same_name)?;
    Some((module, event))
}

/// The one of `same_name` from the crate that begins the path, else the first from a crate on which the package
/// depends.
fn within_reach<'a, D>(
    facts: &WorkspaceFacts,
    package: usize,
    named: &NamedUse,
    same_name: &[Declaration<'a, D>],
) -> Option<Declaration<'a, D>> {
    let dependencies = &facts.package(package).dependencies;
    let by_path = same_name.iter().find(|(_, file, _)| {
        named.path.len() > 1
            && dependencies.iter().any(|dependency| {
                dependency.member == Some(file.package) && named.path.first() == Some(&dependency.crate_name)
            })
    });
    let by_edge = || {
        same_name.iter().find(|(_, file, _)| {
            dependencies.iter().any(|dependency| dependency.member == Some(file.package))
        })
    };
    by_path.or_else(by_edge).copied()
}

/// The traits of other modules that each module names in `.needs::<dyn X>()`.
pub fn needed_modules(facts: &WorkspaceFacts) -> References<'_> {
    references(facts, |file| {
        let named = file.source.needs.iter();
        named
            .filter_map(|named| {
                let (other, interface) = interface_of(facts, file.package, named)?;
                Some((other, named.line, interface.name.clone()))
            })
            .collect()
    })
}

/// The events of other modules that each module names in `.on::<X, _, _>(…)`.
pub fn heard_modules(facts: &WorkspaceFacts) -> References<'_> {
    references(facts, |file| {
        let named = file.source.listens.iter();
        named
            .filter_map(|named| {
                let (other, event) = event_of(facts, file.package, named)?;
                Some((other, named.line, event.name.clone()))
            })
            .collect()
    })
}

fn references<'a>(
    facts: &'a WorkspaceFacts,
    named_in: impl Fn(&'a SourceFile) -> Vec<(&'a str, usize, String)>,
) -> References<'a> {
    let mut found = References::new();
    for file in facts.sources.iter().filter(|file| file.is_product) {
        let PackageRole::Implementation(module) = &facts.package(file.package).role else { continue };
        for (other, line, name) in named_in(file) {
            if other != module {
                let place = FileLine::new(&file.path, line);
                found.entry((module.as_str(), other)).or_default().insert((place, name));
            }
        }
    }
    found
}
