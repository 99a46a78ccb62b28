//! The rules, one per file, each a function from the facts to the violations.

mod circles;
mod cycle;
mod implementation;
mod jobs;
mod layers;
mod layout;
mod locks;
mod needs;
mod rebuild;
mod references;
mod registered;
mod rls;
mod search;
mod statement;
mod tables;
mod tenant;
mod types;
mod unique;

use crate::facts::WorkspaceFacts;
use crate::violation::Violation;
use crate::workspace::shown;

pub(crate) use references::{References, heard_modules, interface_of, needed_modules};
pub(crate) use tables::owner_of;

/// All violations, by place; exceptions are not applied yet.
pub fn violations(facts: &WorkspaceFacts) -> Vec<Violation> {
    let mut found = facts.unreadable.clone();
    found.extend(layout::violations(facts));
    found.extend(implementation::violations(facts));
    found.extend(cycle::violations(facts));
    found.extend(circles::violations(facts));
    found.extend(types::violations(facts));
    found.extend(needs::violations(facts));
    found.extend(jobs::violations(facts));
    found.extend(registered::violations(facts));
    found.extend(unique::violations(facts));
    found.extend(tables::violations(facts));
    found.extend(locks::violations(facts));
    found.extend(rls::violations(facts));
    found.extend(tenant::violations(facts));
    found.extend(search::violations(facts));
    found.extend(rebuild::violations(facts));
    found.extend(layers::violations(facts));
    // What came from outside is not ours to mend.
    let external = facts.workspace.packages.iter().filter(|package| package.is_external);
    let external: Vec<String> =
        external.map(|package| shown(&facts.workspace.root, &package.folder)).collect();
    found.retain(|violation| !external.iter().any(|folder| violation.place.path.starts_with(folder)));
    found.sort();
    found.dedup();
    found
}
