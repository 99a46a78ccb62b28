//! Which module a registration means by `dyn X`.

use std::collections::{BTreeMap, BTreeSet};

use crate::facts::Facts;
use crate::source::{DeclaredInterface, TraitUse};
use crate::violation::Place;
use crate::workspace::Role;

/// The interface that `named` means in a source of the package at index `package`.
///
/// A path that begins with an interface crate's name means that crate's trait. A trait that came in through a
/// glob or a re-export is found by its name, first among the crates on which the package depends.
pub fn interface_of<'a>(
    facts: &'a Facts,
    package: usize,
    named: &TraitUse,
) -> Option<(&'a str, &'a DeclaredInterface)> {
    let same_name: Vec<_> =
        facts.interfaces().filter(|(_, _, interface)| interface.name == named.name()).collect();
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
    let (module, _, interface) = by_path.or_else(by_edge).or_else(|| same_name.first())?;
    Some((module, interface))
}

/// What each module's `.needs::<dyn X>()` name in other modules: by module and by needed module, the places
/// with the traits' names.
pub fn needed_modules(facts: &Facts) -> BTreeMap<(&str, &str), BTreeSet<(Place, String)>> {
    let mut needed: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
    for file in facts.sources.iter().filter(|file| file.is_product) {
        let Role::Implementation(module) = &facts.package(file.package).role else { continue };
        for named in &file.source.needs {
            let Some((other, interface)) = interface_of(facts, file.package, named) else { continue };
            if other != module {
                needed
                    .entry((module.as_str(), other))
                    .or_default()
                    .insert((Place::new(&file.path, named.line), interface.name.clone()));
            }
        }
    }
    needed
}
