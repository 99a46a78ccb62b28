//! Only an application depends on a module's implementation, in any table of the manifest: a test that
//! reaches into another module's code would pin it as firmly as the product does.

use crate::facts::WorkspaceFacts;
use crate::violation::{Rule, Violation};
use crate::workspace::PackageRole;

/// The violations.
pub fn violations(facts: &WorkspaceFacts) -> Vec<Violation> {
    let mut found = Vec::new();
    for (index, package) in facts.workspace.packages.iter().enumerate() {
        if package.role == PackageRole::Application {
            continue;
        }
        for dependency in &package.dependencies {
            let Some(target) = dependency.member.filter(|target| *target != index) else { continue };
            let PackageRole::Implementation(module) = &facts.package(target).role else { continue };
            found.push(Violation::new(
                Rule::Implementation,
                dependency.place.clone(),
                &dependency.package,
                format!(
                    "{} depends on `{}`, the implementation of module {module}, in [{}]",
                    package.name,
                    dependency.package,
                    dependency.kind.table()
                ),
                remedy(&package.role, module),
            ));
        }
    }
    found
}

fn remedy(role: &PackageRole, module: &str) -> String {
    match role {
        PackageRole::Interface(own) if own == module => {
            format!("an interface does not know its implementation: move what both need into {module}-api")
        }
        _ => format!(
            "depend on {module}-api and call the module through its interface; only an application may know implementations"
        ),
    }
}
