//! Each kind of job is registered by a module. Otherwise no worker would run it: the application refuses to enqueue it
//! at run time, and this rule reports it earlier.

use crate::facts::{SourceFile, WorkspaceFacts};
use crate::source::DeclaredJob;
use crate::violation::{FileLine, Rule, Violation};
use crate::workspace::PackageRole;

/// The violations.
pub fn violations(facts: &WorkspaceFacts) -> Vec<Violation> {
    let mut found = Vec::new();
    for file in facts.sources.iter().filter(|file| file.is_product) {
        let missing = file.source.jobs.iter().filter(|job| !is_registered(facts, file, job));
        found.extend(missing.map(|job| unregistered(facts, file, job)));
    }
    found
}

/// Whether a source of the same package, or the application's package, registers a type of this name: types of the
/// same name in two packages are two kinds.
fn is_registered(facts: &WorkspaceFacts, file: &SourceFile, job: &DeclaredJob) -> bool {
    let registering = facts.sources.iter().filter(|other| {
        let is_application = facts.package(other.package).role == PackageRole::Application;
        other.is_product && (other.package == file.package || is_application)
    });
    registering.flat_map(|other| &other.source.runs).any(|run| run.name() == job.name)
}

fn unregistered(facts: &WorkspaceFacts, file: &SourceFile, job: &DeclaredJob) -> Violation {
    let built = facts.sources.iter().filter(|other| other.package == file.package && other.is_product);
    let built = built
        .filter_map(|other| {
            other.source.registrations.first().map(|new| FileLine::new(&other.path, new.line))
        })
        .next();
    let at = built.map_or_else(|| "where the module is built".to_owned(), |place| format!("at {place}"));
    let name = &job.name;
    Violation::new(
        Rule::Jobs,
        FileLine::new(&file.path, job.line),
        name,
        format!("no module registers the job {name}, so it would never run"),
        format!("add `.job::<{name}>()` {at}, or remove the job"),
    )
}
