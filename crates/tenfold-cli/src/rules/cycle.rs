//! Modules form no cycle.
//!
//! Cargo sees packages: auth → billing-api, billing → notifications-api, notifications → auth-api is not a
//! cycle for Cargo, since no package depends on an implementation. For an engineer who reads, deploys or
//! moves a module it is one. So this rule collapses a module's two packages into one node; dependencies,
//! `.needs::<dyn X>()` and `.on::<X, _, _>(…)` between nodes are edges.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::facts::WorkspaceFacts;
use crate::violation::{FileLine, Rule, Violation};
use crate::workspace::DependencyKind;

use super::references::{heard_modules, needed_modules};

/// Why one module depends on another, and where it says so.
type Causes = BTreeSet<(FileLine, String)>;
type Edges<'a> = BTreeMap<(&'a str, &'a str), Causes>;

/// For each edge that must go, the shortest cycle that it closes.
pub fn violations(facts: &WorkspaceFacts) -> Vec<Violation> {
    let mut edges = edges(facts);
    let fan_in = fan_in(&edges);
    let mut found = Vec::new();
    while let Some(closing) = closing_edge(&edges, &fan_in) {
        let path = shortest_path(&edges, closing.1, closing.0);
        found.push(violation(facts, &edges, &path));
        edges.remove(&closing);
    }
    found
}

fn edges(facts: &WorkspaceFacts) -> Edges<'_> {
    let mut edges = Edges::new();
    for package in &facts.workspace.packages {
        let Some(module) = package.module() else { continue };
        for dependency in
            package.dependencies.iter().filter(|dependency| dependency.kind != DependencyKind::Dev)
        {
            let Some(other) = dependency.member.and_then(|target| facts.package(target).module()) else {
                continue;
            };
            if other != module {
                let cause = format!("{} depends on {}", package.name, dependency.package);
                edges.entry((module, other)).or_default().insert((dependency.place.clone(), cause));
            }
        }
    }
    for (pair, needs) in needed_modules(facts) {
        let causes = needs.into_iter().map(|(place, name)| (place, format!(".needs::<dyn {name}>()")));
        edges.entry(pair).or_default().extend(causes);
    }
    for (pair, events) in heard_modules(facts) {
        let causes = events.into_iter().map(|(place, name)| (place, format!(".on::<{name}, _, _>(…)")));
        edges.entry(pair).or_default().extend(causes);
    }
    edges
}

/// How many modules depend on each.
fn fan_in<'a>(edges: &Edges<'a>) -> BTreeMap<&'a str, usize> {
    let mut counts = BTreeMap::new();
    for (_, to) in edges.keys() {
        *counts.entry(*to).or_default() += 1;
    }
    counts
}

/// The edge that should go: the one whose removal leaves the fewest edges on cycles. Ties go to the edge from
/// the module that most others depend on, since that module should depend on none; then to the one with the
/// fewest places to fix, then to the last by name.
fn closing_edge<'a>(edges: &Edges<'a>, fan_in: &BTreeMap<&str, usize>) -> Option<(&'a str, &'a str)> {
    cyclic(edges, None).into_iter().min_by_key(|edge| {
        let left = cyclic(edges, Some(*edge)).len();
        let rests_on = fan_in.get(edge.0).copied().unwrap_or(0);
        let places = edges.get(edge).map_or(0, BTreeSet::len);
        (left, std::cmp::Reverse(rests_on), places, std::cmp::Reverse(*edge))
    })
}

/// The edges that lie on a cycle of the graph without the edge `without`.
fn cyclic<'a>(edges: &Edges<'a>, without: Option<(&str, &str)>) -> Vec<(&'a str, &'a str)> {
    let kept: Vec<(&str, &str)> = edges.keys().filter(|edge| Some(**edge) != without).copied().collect();
    let reaches = |from: &str, to: &str| {
        let mut seen = BTreeSet::from([from]);
        let mut waiting = vec![from];
        while let Some(at) = waiting.pop() {
            for (_, next) in kept.iter().filter(|(start, _)| *start == at) {
                if seen.insert(*next) {
                    waiting.push(*next);
                }
            }
        }
        seen.contains(to)
    };
    kept.iter().filter(|(from, to)| reaches(to, from)).copied().collect()
}

/// The nodes from `from` to `to`, both included; `to` is reachable.
fn shortest_path<'a>(edges: &Edges<'a>, from: &'a str, to: &'a str) -> Vec<&'a str> {
    let mut before: BTreeMap<&str, &str> = BTreeMap::new();
    let mut waiting = VecDeque::from([from]);
    while let Some(at) = waiting.pop_front() {
        for (_, next) in edges.keys().filter(|(start, _)| *start == at) {
            if *next != from && !before.contains_key(next) {
                before.insert(next, at);
                waiting.push_back(next);
            }
        }
    }
    let mut path = vec![to];
    while let Some(previous) = path.last().and_then(|last| before.get(last)) {
        path.push(previous);
    }
    path.reverse();
    path
}

/// `path` leads from the target of the closing edge to its source.
fn violation(facts: &WorkspaceFacts, edges: &Edges<'_>, path: &[&str]) -> Violation {
    let (first, last) = (path[0], path[path.len() - 1]);
    let mut ring = path.to_vec();
    ring.push(first);
    let mut details = Vec::new();
    for pair in ring.windows(2) {
        for (place, cause) in edges.get(&(pair[0], pair[1])).into_iter().flatten() {
            details.push(format!("{} → {}: {cause} ({place})", pair[0], pair[1]));
        }
    }
    let call = closing_call(facts, last, first);
    let place = match (&call, edges.get(&(last, first)).and_then(|causes| causes.last())) {
        (Some((place, _)), _) | (None, Some((place, _))) => place.clone(),
        (None, None) => FileLine::new("Cargo.toml", 1),
    };
    let closes = match &call {
        Some((place, call)) => format!("the call `{call}` at {place} closes the cycle"),
        None => format!("what {last} takes from {first} at {place} closes the cycle"),
    };
    details.push(match cargo_refuses(facts, path) {
        true => format!("Cargo will refuse this too, the packages form a cycle; {closes}"),
        false => {
            format!("Cargo accepts this, but the modules cannot be read, moved or deployed apart; {closes}")
        }
    });
    let wrong = format!("modules form a cycle: {}", ring.join(" → "));
    let remedy = format!(
        "let {last} publish an event to which {first} listens, or move what {last} asks of {first} into {last}"
    );
    let mut violation = Violation::new(Rule::Cycle, place, first, wrong, remedy);
    violation.details = details;
    violation
}

/// The first call in `from`'s implementation on a receiver named after `to` or one of its traits, of a method
/// that `to`'s interface has.
fn closing_call(facts: &WorkspaceFacts, from: &str, to: &str) -> Option<(FileLine, String)> {
    let interfaces: Vec<_> = facts
        .interfaces()
        .filter(|(module, _, _)| *module == to)
        .map(|(_, _, interface)| interface)
        .collect();
    let field = to.replace('-', "_");
    facts.implementation(from).find_map(|file| {
        file.source.calls.iter().find_map(|call| {
            let is_call = interfaces.iter().any(|interface| {
                interface.methods.contains(&call.method)
                    && (call.receiver == interface.name || call.receiver == field)
            });
            is_call.then(|| {
                (FileLine::new(&file.path, call.line), format!("{}.{}(…)", call.receiver, call.method))
            })
        })
    })
}

/// Whether the packages of these modules themselves form a cycle.
fn cargo_refuses(facts: &WorkspaceFacts, modules: &[&str]) -> bool {
    let is_inside =
        |index: usize| facts.package(index).module().is_some_and(|module| modules.contains(&module));
    let next = |index: usize| {
        let dependencies = facts.package(index).dependencies.iter();
        dependencies
            .filter(|dependency| dependency.kind != DependencyKind::Dev)
            .filter_map(|dependency| dependency.member)
            .filter(move |target| is_inside(*target))
    };
    (0..facts.workspace.packages.len()).filter(|start| is_inside(*start)).any(|start| {
        let mut seen = BTreeSet::new();
        let mut waiting: Vec<usize> = next(start).collect();
        while let Some(at) = waiting.pop() {
            if seen.insert(at) {
                waiting.extend(next(at));
            }
        }
        seen.contains(&start)
    })
}
