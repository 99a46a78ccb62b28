//! Only an application depends on a module's implementation, in any table of the manifest: a test that
//! reaches into another module's code would pin it as firmly as the product does.

use crate::facts::Facts;
use crate::violation::{Rule, Violation};
use crate::workspace::Role;

/// The violations.
pub fn violations(facts: &Facts) -> Vec<Violation> {
    let mut found = Vec::new();
    for (index, package) in facts.workspace.packages.iter().enumerate() {
        if package.role == Role::Application {
            continue;
        }
        for dependency in &package.dependencies {
            let Some(target) = dependency.member.filter(|target| *target != index) else { continue };
            let Role::Implementation(module) = &facts.package(target).role else { continue };
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

fn remedy(role: &Role, module: &str) -> String {
    match role {
        Role::Interface(own) if own == module => {
            format!("an interface does not know its implementation: move what both need into {module}-api")
        }
        _ => format!(
            "depend on {module}-api and call the module through its interface; only an application may know implementations"
        ),
    }
}
