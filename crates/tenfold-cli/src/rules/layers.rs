//! The dependencies between the framework's packages run one way, and only tenfold-data depends on a
//! database driver.
//!
//! `tenfold-macros` <- `tenfold-data` <- `tenfold-jobs`, `tenfold-observe` <- `tenfold` <- modules <-
//! applications; `tenfold-admission`, `tenfold-client`, `tenfold-load` and `tenfold-why` are below `tenfold` and need none of them; `tenfold-mail` is
//! between `tenfold` and the modules; `tenfold-console` and `tenfold-cli` are leaves, which only an application may mount.
//! Dev-dependencies count, except those of tenfold-macros: the output of a derive can only be tested with
//! the packages it names.

use crate::facts::WorkspaceFacts;
use crate::violation::{Rule, Violation};
use crate::workspace::{Dependency, DependencyKind, Package, PackageRole};

/// Each package of the framework with the framework packages on which it may depend.
const ARROWS: [(&str, &[&str]); 12] = [
    ("tenfold-admission", &[]),
    ("tenfold-client", &[]),
    ("tenfold-load", &[]),
    ("tenfold-why", &[]),
    ("tenfold-macros", &[]),
    ("tenfold-data", &["tenfold-macros"]),
    ("tenfold-jobs", &["tenfold-macros", "tenfold-data"]),
    ("tenfold-observe", &["tenfold-admission", "tenfold-macros", "tenfold-data", "tenfold-why"]),
    (
        "tenfold",
        &[
            "tenfold-admission",
            "tenfold-client",
            "tenfold-load",
            "tenfold-macros",
            "tenfold-data",
            "tenfold-jobs",
            "tenfold-observe",
            "tenfold-why",
        ],
    ),
    ("tenfold-mail", &["tenfold-macros", "tenfold-data", "tenfold-jobs", "tenfold-observe", "tenfold"]),
    (
        "tenfold-console",
        &["tenfold-macros", "tenfold-data", "tenfold-jobs", "tenfold-observe", "tenfold", "tenfold-mail"],
    ),
    ("tenfold-cli", &["tenfold-macros", "tenfold-data", "tenfold-jobs", "tenfold-observe", "tenfold"]),
];

/// Packages on which only an application may depend.
const LEAVES: [&str; 2] = ["tenfold-console", "tenfold-cli"];

/// Packages that only tenfold-data may name.
const DRIVERS: [&str; 9] = [
    "deadpool-postgres",
    "diesel",
    "libsqlite3-sys",
    "postgres",
    "postgres-types",
    "rusqlite",
    "sea-orm",
    "sqlx",
    "tokio-postgres",
];

/// The violations.
pub fn violations(facts: &WorkspaceFacts) -> Vec<Violation> {
    let mut found = Vec::new();
    for (index, package) in facts.workspace.packages.iter().enumerate() {
        for dependency in package.dependencies.iter().filter(|dependency| dependency.member != Some(index)) {
            let target = dependency.member.map(|target| facts.package(target));
            found.extend(driver(package, dependency));
            found.extend(arrow(package, dependency).or_else(|| upward(package, dependency, target)));
        }
    }
    found
}

fn driver(package: &Package, dependency: &Dependency) -> Option<Violation> {
    let is_driver = DRIVERS.contains(&dependency.package.as_str());
    (is_driver && package.name != "tenfold-data").then(|| {
        violation(
            dependency,
            format!("{} depends on the database driver {}", package.name, dependency.package),
            "go through tenfold-data: a statement that passes by it has no name, no tenant and no count",
        )
    })
}

/// Dependencies among the framework's packages, and on the leaves.
fn arrow(package: &Package, dependency: &Dependency) -> Option<Violation> {
    let target = dependency.package.as_str();
    if LEAVES.contains(&target) && package.role != PackageRole::Application {
        return Some(violation(
            dependency,
            format!("{} depends on {target}, which is a leaf", package.name),
            "move what both need below them; only an application may mount a leaf",
        ));
    }
    let (_, allowed) = ARROWS.iter().find(|(name, _)| *name == package.name)?;
    let is_ours = ARROWS.iter().any(|(name, _)| *name == target);
    let is_test_of_macros = package.name == "tenfold-macros" && dependency.kind == DependencyKind::Dev;
    (is_ours && !allowed.contains(&target) && !is_test_of_macros).then(|| {
        let may =
            if allowed.is_empty() { "no package of the framework".to_owned() } else { allowed.join(", ") };
        violation(
            dependency,
            format!("{} depends on {target}, against the arrows of the layout", package.name),
            &format!("{} may depend on {may}; move what it needs down, or turn the call round", package.name),
        )
    })
}

/// The framework is below modules, modules are below applications.
fn upward(package: &Package, dependency: &Dependency, target: Option<&Package>) -> Option<Violation> {
    let target = target?;
    let goes_up = match (&package.role, &target.role) {
        // Another rule covers the dependency on an implementation.
        (PackageRole::Framework, PackageRole::Interface(_) | PackageRole::Application) => true,
        (PackageRole::Implementation(_) | PackageRole::Interface(_), PackageRole::Application) => true,
        _ => false,
    };
    goes_up.then(|| {
        violation(
            dependency,
            format!("{} depends on {}, which stands above it", package.name, target.name),
            "what lies below crates/ knows no modules, and a module knows no application: pass in what it needs",
        )
    })
}

fn violation(dependency: &Dependency, wrong: String, remedy: &str) -> Violation {
    Violation::new(Rule::Layers, dependency.place.clone(), &dependency.package, wrong, remedy)
}
