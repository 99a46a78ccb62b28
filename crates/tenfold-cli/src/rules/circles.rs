//! Files form no import circle of more than two.
//!
//! No file of a circle can be understood or moved without the others. A pair is allowed: one file and its other half.

use std::collections::{BTreeMap, BTreeSet};

use crate::facts::{FileArrows, WorkspaceFacts};
use crate::violation::{FileLine, Rule, Violation};

/// The most files that may import each other.
const ALLOWED: usize = 2;

/// One violation for each circle, at its first file.
pub fn violations(facts: &WorkspaceFacts) -> Vec<Violation> {
    facts.file_arrows.iter().flat_map(of_crate).collect()
}

fn of_crate(files: &FileArrows) -> Vec<Violation> {
    let mut next: BTreeMap<usize, BTreeSet<usize>> = BTreeMap::new();
    for arrow in &files.arrows {
        next.entry(arrow.from).or_default().insert(arrow.to);
    }
    let reached: Vec<BTreeSet<usize>> = (0..files.paths.len()).map(|start| reachable(&next, start)).collect();
    let mut told = BTreeSet::new();
    let mut found = Vec::new();
    for start in 0..files.paths.len() {
        let circle: BTreeSet<usize> =
            reached[start].iter().copied().filter(|file| reached[*file].contains(&start)).collect();
        if circle.len() > ALLOWED && told.insert(circle.clone()) {
            found.push(violation(files, &circle));
        }
    }
    found
}

/// The nodes that can be reached from `start` by at least one arrow.
fn reachable(next: &BTreeMap<usize, BTreeSet<usize>>, start: usize) -> BTreeSet<usize> {
    let mut seen = BTreeSet::new();
    let mut waiting = vec![start];
    while let Some(at) = waiting.pop() {
        waiting.extend(next.get(&at).into_iter().flatten().copied().filter(|to| seen.insert(*to)));
    }
    seen
}

fn violation(files: &FileArrows, circle: &BTreeSet<usize>) -> Violation {
    let mut names: BTreeMap<(usize, usize), BTreeSet<&str>> = BTreeMap::new();
    for arrow in &files.arrows {
        if circle.contains(&arrow.from) && circle.contains(&arrow.to) {
            let name = if arrow.name == "*" { "everything" } else { &arrow.name };
            names.entry((arrow.from, arrow.to)).or_default().insert(name);
        }
    }
    let first = circle.iter().map(|file| &files.paths[*file]).min().cloned().unwrap_or_default();
    let line =
        files.arrows.iter().find(|arrow| files.paths[arrow.from] == first && circle.contains(&arrow.to));
    let wrong = format!("{} files import each other in a circle", circle.len());
    let remedy = "move what several of them need into a file that imports none of them";
    let place = FileLine::new(&first, line.map_or(1, |arrow| arrow.line));
    let details = names.into_iter().map(|((from, to), names)| {
        let names = names.into_iter().collect::<Vec<_>>().join(", ");
        format!("{} → {}: {names}", files.paths[from], files.paths[to])
    });
    Violation { details: details.collect(), ..Violation::new(Rule::Circles, place, &first, wrong, remedy) }
}
