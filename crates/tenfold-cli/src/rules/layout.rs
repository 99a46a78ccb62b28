//! Folders, packages, interfaces and registrations have the module's name, since tables, configuration and
//! messages are named after it.

use crate::facts::WorkspaceFacts;
use crate::violation::{FileLine, Rule, Violation};
use crate::workspace::{Package, PackageRole};

/// The violations.
pub fn violations(facts: &WorkspaceFacts) -> Vec<Violation> {
    let mut found: Vec<Violation> = facts.workspace.packages.iter().filter_map(package).collect();
    found.extend(twins(facts));
    for file in facts.sources.iter().filter(|file| file.is_product) {
        let PackageRole::Implementation(module) = &facts.package(file.package).role else { continue };
        for registered in file.source.registrations.iter().filter(|registered| registered.value != *module) {
            found.push(misnamed(
                &file.path,
                registered.line,
                &registered.value,
                module,
                "registers itself as",
            ));
        }
        for provided in &file.source.provides {
            found.extend(provides(facts, &file.path, module, provided));
        }
    }
    for (module, file, interface) in facts.interfaces() {
        if let Some(named) = interface.module.as_ref().filter(|named| *named != module) {
            found.push(misnamed(
                &file.path,
                interface.line,
                named,
                module,
                "declares an interface under the name",
            ));
        }
    }
    found
}

fn package(package: &Package) -> Option<Violation> {
    let place = FileLine::new(&package.manifest, 1);
    match &package.role {
        PackageRole::Implementation(module) if module_of(&package.name) != module => Some(Violation::new(
            Rule::Layout,
            place,
            &package.name,
            format!("the package of module {module} is called {}, and so would its statements", package.name),
            format!(
                "call it {module}: by that name telemetry and the guard over rights know whose a statement is"
            ),
        )),
        PackageRole::Interface(module) if module_of(&package.name) != format!("{module}-api") => {
            Some(Violation::new(
                Rule::Layout,
                place,
                &package.name,
                format!("the interface package of module {module} is called {}", package.name),
                format!("call it {module}-api"),
            ))
        }
        PackageRole::Other if package.manifest.split('/').any(|part| part == "modules") => {
            Some(Violation::new(
                Rule::Layout,
                place,
                &package.name,
                format!("package {} is in a folder of modules and is not a module", package.name),
                "a module is modules/<name>/ with its interface in modules/<name>/api/; move the package out",
            ))
        }
        _ => None,
    }
}

/// The name without the prefix of the modules that come with Tenfold: the package `tenfold-auth` is the module `auth`.
fn module_of(package: &str) -> &str {
    package.strip_prefix("tenfold-").unwrap_or(package)
}

/// Two packages with the same role and name: `modules/auth` and `app/modules/auth`.
fn twins(facts: &WorkspaceFacts) -> Vec<Violation> {
    let packages = &facts.workspace.packages;
    let is_twin = |index: usize, package: &Package| {
        package.module().is_some() && packages[..index].iter().any(|earlier| earlier.role == package.role)
    };
    let twins = packages.iter().enumerate().filter(|(index, package)| is_twin(*index, package));
    twins
        .map(|(_, package)| {
            Violation::new(
                Rule::Layout,
                FileLine::new(&package.manifest, 1),
                &package.name,
                format!("a second module is called {}", package.module().unwrap_or_default()),
                "give one of the two another name: tables and configuration are named after it",
            )
        })
        .collect()
}

fn misnamed(path: &str, line: usize, named: &str, module: &str, does: &str) -> Violation {
    Violation::new(
        Rule::Layout,
        FileLine::new(path, line),
        named,
        format!("module {module} {does} \"{named}\""),
        format!("write \"{module}\", or rename the module's folder"),
    )
}

fn provides(
    facts: &WorkspaceFacts,
    path: &str,
    module: &str,
    provided: &crate::source::NamedUse,
) -> Option<Violation> {
    let name = provided.name();
    let is_own = facts.interfaces().any(|(owner, _, interface)| owner == module && interface.name == name);
    (!is_own).then(|| {
        Violation::new(
            Rule::Layout,
            FileLine::new(path, provided.line),
            name,
            format!("module {module} provides `{name}`, which {module}-api does not declare"),
            format!("declare `#[module_api(name = \"{module}\", …)] pub trait {name}` in {module}-api"),
        )
    })
}
