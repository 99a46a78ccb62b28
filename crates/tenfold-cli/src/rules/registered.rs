//! Everything in a module is part of the application: the module itself, its migrations, its endpoints. A forgotten
//! part would be built and tested by itself, but silently missing in production.

use std::collections::BTreeSet;

use crate::facts::WorkspaceFacts;
use crate::violation::{FileLine, Rule, Violation};
use crate::workspace::{DependencyKind, Package, PackageRole};

/// The violations.
pub fn violations(facts: &WorkspaceFacts) -> Vec<Violation> {
    let packages = facts.workspace.packages.iter().enumerate();
    let modules = packages.filter_map(|(index, package)| match &package.role {
        PackageRole::Implementation(module) => Some((index, package, module.as_str())),
        _ => None,
    });
    let mut found = Vec::new();
    for (index, package, module) in modules {
        found.extend(forgotten_module(facts, index, package, module));
        found.extend(forgotten_migrations(facts, index, module));
        found.extend(forgotten_endpoints(facts, module));
    }
    found
}

/// A module that no application depends on, or that an application's list leaves out.
fn forgotten_module(
    facts: &WorkspaceFacts,
    index: usize,
    package: &Package,
    module: &str,
) -> Option<Violation> {
    let is_application = |other: &&Package| other.role == PackageRole::Application;
    let applications: Vec<_> = facts.workspace.packages.iter().filter(is_application).collect();
    let first = applications.first()?;
    let depends = |application: &&&Package| {
        let mut normal =
            application.dependencies.iter().filter(|dependency| dependency.kind == DependencyKind::Normal);
        normal.any(|dependency| dependency.member == Some(index))
    };
    let mut depending = applications.iter().filter(depends).peekable();
    let place = FileLine::new(&package.manifest, 1);
    if depending.peek().is_none() {
        return Some(Violation::new(
            Rule::Registered,
            place,
            module,
            format!("no application has the module {module}"),
            format!("add it to [dependencies] of {}, and to the list `modules` there", first.manifest),
        ));
    }
    let unlisted = depending.find(|application| {
        application.modules.as_ref().is_some_and(|listed| !listed.contains(&package.name))
    })?;
    Some(Violation::new(
        Rule::Registered,
        place,
        module,
        format!("{} depends on the module {module} and does not list it", unlisted.name),
        format!(
            "add \"{}\" to `modules` in [package.metadata.tenfold] of {}",
            package.name, unlisted.manifest
        ),
    ))
}

fn forgotten_migrations(facts: &WorkspaceFacts, index: usize, module: &str) -> Option<Violation> {
    let migration = facts.migrations.iter().find(|file| file.package == index)?;
    if facts.implementation(module).any(|file| file.source.registers_migrations) {
        return None;
    }
    Some(Violation::new(
        Rule::Registered,
        FileLine::new(&migration.path, 1),
        module,
        format!("the module {module} does not register its migrations, so nobody would run them"),
        "add `.migrations(migrations!())` where the module is built",
    ))
}

fn forgotten_endpoints(facts: &WorkspaceFacts, module: &str) -> Vec<Violation> {
    let routed: BTreeSet<&str> =
        facts.implementation(module).flat_map(|file| &file.source.routed).map(String::as_str).collect();
    let mut found = Vec::new();
    for file in facts.implementation(module) {
        let missing = file.source.endpoints.iter().filter(|endpoint| !routed.contains(&*endpoint.name));
        found.extend(missing.map(|endpoint| {
            let name = &endpoint.name;
            Violation::new(
                Rule::Registered,
                FileLine::new(&file.path, endpoint.line),
                name,
                format!("no route leads to the endpoint {name}"),
                format!("add `.routes(routes!({name}))` to the module's routes, or remove the endpoint"),
            )
        }));
    }
    found
}
