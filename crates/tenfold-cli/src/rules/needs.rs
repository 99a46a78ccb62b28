//! What a module says it needs is what Cargo lets it reach: `.needs::<dyn X>()` equals the edges to other
//! modules' interface packages in `[dependencies]`.
//!
//! An interface package may name another one's types freely; cycles are another rule's.

use crate::facts::{Facts, SourceFile};
use crate::source::TraitUse;
use crate::violation::{Place, Rule, Violation};
use crate::workspace::{Dependency, Kind, Role};

use super::references::{interface_of, needed_modules};

/// What breaks the rule.
pub fn violations(facts: &Facts) -> Vec<Violation> {
    let needed = needed_modules(facts);
    let mut found = Vec::new();
    for package in &facts.workspace.packages {
        let Role::Implementation(module) = &package.role else { continue };
        for dependency in package.dependencies.iter().filter(|dependency| dependency.kind == Kind::Normal) {
            let Some(Role::Interface(other)) = dependency.member.map(|target| &facts.package(target).role)
            else {
                continue;
            };
            if other != module && !needed.contains_key(&(module.as_str(), other.as_str())) {
                found.push(edge_without_needs(facts, module, other, dependency));
            }
        }
        for file in facts.implementation(module) {
            found.extend(
                file.source.needs.iter().filter_map(|named| needs_without_edge(facts, module, file, named)),
            );
        }
    }
    found
}

fn edge_without_needs(facts: &Facts, module: &str, other: &str, dependency: &Dependency) -> Violation {
    let traits: Vec<String> = facts
        .interfaces()
        .filter(|(owner, _, _)| *owner == other)
        .map(|(_, _, interface)| format!("`.needs::<dyn {}>()`", interface.name))
        .collect();
    let add = if traits.is_empty() { "the `.needs::<dyn …>()`".to_owned() } else { traits.join(" or ") };
    let registered = facts.implementation(module).find_map(|file| {
        file.source.registrations.first().map(|literal| Place::new(&file.path, literal.line))
    });
    let at = registered.map_or_else(|| "where the module is built".to_owned(), |place| format!("at {place}"));
    Violation::new(
        Rule::Needs,
        dependency.place.clone(),
        &dependency.package,
        format!(
            "module {module} depends on {} and does not declare that it needs {other}",
            dependency.package
        ),
        format!("add {add} {at}, or remove the dependency"),
    )
}

fn needs_without_edge(facts: &Facts, module: &str, file: &SourceFile, named: &TraitUse) -> Option<Violation> {
    let place = Place::new(&file.path, named.line);
    let name = named.name();
    let violation =
        |wrong: String, remedy: String| Some(Violation::new(Rule::Needs, place, name, wrong, remedy));
    let Some((other, _)) = interface_of(facts, file.package, named) else {
        return violation(
            format!("module {module} needs `dyn {name}`, a trait that no interface package declares"),
            format!(
                "declare it as `#[module_api(name = \"…\", version = 1)] pub trait {name}` in a module's api/, or correct the name"
            ),
        );
    };
    if other == module {
        return violation(
            format!("module {module} needs `dyn {name}`, its own interface"),
            "remove the line: a module calls itself directly".to_owned(),
        );
    }
    let is_edge = facts.package(file.package).dependencies.iter().any(|dependency| {
        let role = dependency.member.map(|target| &facts.package(target).role);
        dependency.kind == Kind::Normal && matches!(role, Some(Role::Interface(api)) if api == other)
    });
    if is_edge {
        return None;
    }
    violation(
        format!(
            "module {module} needs `dyn {name}` of {other}, and its manifest does not depend on {other}-api"
        ),
        format!(
            "add `{other}-api` to [dependencies] of {}, or remove the line",
            facts.package(file.package).manifest
        ),
    )
}
