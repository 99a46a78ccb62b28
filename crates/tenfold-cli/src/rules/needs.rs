//! A module's declared needs match what Cargo lets it use: `.needs::<dyn X>()` and `.on::<X, _, _>(…)` together
//! equal the dependencies on other modules' interface packages in `[dependencies]`.
//!
//! A module that only listens to another's events calls nothing of it, so it declares no need.
//!
//! An interface package may use the types of another one freely; another rule checks for cycles.

use crate::facts::{SourceFile, WorkspaceFacts};
use crate::source::NamedUse;
use crate::violation::{FileLine, Rule, Violation};
use crate::workspace::{Dependency, DependencyKind, PackageRole};

use super::references::{heard_modules, interface_of, needed_modules};

/// The violations.
pub fn violations(facts: &WorkspaceFacts) -> Vec<Violation> {
    let (needed, heard) = (needed_modules(facts), heard_modules(facts));
    let mut found = Vec::new();
    for package in &facts.workspace.packages {
        let PackageRole::Implementation(module) = &package.role else { continue };
        for dependency in
            package.dependencies.iter().filter(|dependency| dependency.kind == DependencyKind::Normal)
        {
            let Some(PackageRole::Interface(other)) =
                dependency.member.map(|target| &facts.package(target).role)
            else {
                continue;
            };
            let pair = (module.as_str(), other.as_str());
            if other != module && !needed.contains_key(&pair) && !heard.contains_key(&pair) {
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

fn edge_without_needs(
    facts: &WorkspaceFacts,
    module: &str,
    other: &str,
    dependency: &Dependency,
) -> Violation {
    let traits = facts.interfaces().filter(|(owner, _, _)| *owner == other);
    let traits = traits.map(|(_, _, interface)| format!("`.needs::<dyn {}>()`", interface.name));
    let events = facts.events().filter(|(owner, _, _)| *owner == other);
    let events = events.map(|(_, _, event)| format!("`.on::<{}, _, _>(…)`", event.name));
    let ways: Vec<String> = traits.chain(events).collect();
    let add = if ways.is_empty() { "the `.needs::<dyn …>()`".to_owned() } else { ways.join(" or ") };
    let registered = facts.implementation(module).find_map(|file| {
        file.source.registrations.first().map(|literal| FileLine::new(&file.path, literal.line))
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

fn needs_without_edge(
    facts: &WorkspaceFacts,
    module: &str,
    file: &SourceFile,
    named: &NamedUse,
) -> Option<Violation> {
    let place = FileLine::new(&file.path, named.line);
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
        dependency.kind == DependencyKind::Normal
            && matches!(role, Some(PackageRole::Interface(api)) if api == other)
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
