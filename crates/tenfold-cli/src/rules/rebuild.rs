//! Cargo watches a module's migrations: `migrations!()` reads the folder, and a new file in it changes no source.
//!
//! Without a build script Cargo would notice edits of existing files, but not a new one.

use std::collections::BTreeSet;

use crate::facts::WorkspaceFacts;
use crate::violation::{FileLine, Rule, Violation};

/// What a build script must print; one colon was the form before Cargo 1.77.
const WATCH: [&str; 2] = ["cargo::rerun-if-changed=migrations", "cargo:rerun-if-changed=migrations"];

/// The violations.
pub fn violations(facts: &WorkspaceFacts) -> Vec<Violation> {
    let with_migrations: BTreeSet<usize> = facts.migrations.iter().map(|file| file.package).collect();
    with_migrations
        .into_iter()
        .filter(|package| !is_watched(facts, *package))
        .map(|it| violation(facts, it))
        .collect()
}

fn is_watched(facts: &WorkspaceFacts, package: usize) -> bool {
    let script = build_script(facts, package);
    let mut scripts = facts.sources.iter().filter(|file| file.path == script);
    scripts.any(|file| file.source.told_cargo.iter().any(|told| WATCH.contains(&told.value.as_str())))
}

fn violation(facts: &WorkspaceFacts, package: usize) -> Violation {
    let package_name = &facts.package(package).name;
    Violation::new(
        Rule::Rebuild,
        FileLine::new(build_script(facts, package), 1),
        package_name,
        format!("Cargo does not see a new file among the migrations of {package_name}"),
        format!("let its build script say `fn main() {{ println!(\"{}\"); }}`", WATCH[0]),
    )
}

/// Its path below the workspace root.
fn build_script(facts: &WorkspaceFacts, package: usize) -> String {
    let manifest = &facts.package(package).manifest;
    let folder = manifest.strip_suffix("Cargo.toml").unwrap_or(manifest);
    format!("{folder}build.rs")
}
