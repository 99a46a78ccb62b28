//! Suggestions for a mistyped name.

use std::collections::BTreeSet;

/// The most names one hint lists.
const SHOWN: usize = 5;

/// A hint for an unknown `name`: the nearest of the `allowed` names, or else the names in the same section,
/// or else the sections. `separator` separates a section from its key.
pub(super) fn hint<'a>(name: &str, separator: &str, allowed: impl Iterator<Item = &'a str>) -> String {
    let allowed = distinct(allowed);
    let near = nearest(name, &allowed);
    if !near.is_empty() {
        return format!("did you mean {}?", listed(&near, " or "));
    }
    let (section, last) = name.rsplit_once(separator).unwrap_or(("", name));
    let namesakes: Vec<&str> =
        allowed.iter().copied().filter(|key| last_part(key, separator) == last).collect();
    if !namesakes.is_empty() {
        return format!("did you mean {}?", listed(&namesakes, " or "));
    }
    let neighbours: Vec<&str> = allowed
        .iter()
        .copied()
        .filter(|key| key.rsplit_once(separator).is_some_and(|(theirs, _)| theirs == section))
        .collect();
    if !neighbours.is_empty() {
        return format!("remove it; the other keys are {}", listed(&neighbours, ", "));
    }
    let sections =
        distinct(allowed.iter().filter_map(|key| key.split_once(separator)).map(|(section, _)| section));
    format!("remove it; the sections are {}", listed(&sections, ", "))
}

/// The allowed names within a third of the length (two edits at least), nearest first.
fn nearest<'a>(name: &str, allowed: &[&'a str]) -> Vec<&'a str> {
    let limit = (name.chars().count() / 3).clamp(2, 4);
    let written = name.to_lowercase();
    let mut near: Vec<(usize, &str)> = allowed
        .iter()
        .filter(|candidate| candidate.len().abs_diff(name.len()) <= 4 * limit)
        .map(|candidate| (edits(&written, &candidate.to_lowercase()), *candidate))
        .filter(|(distance, _)| *distance <= limit)
        .collect();
    near.sort();
    let closest = near.first().map_or(0, |(distance, _)| *distance);
    near.into_iter().take_while(|(distance, _)| *distance <= closest + 1).map(|(_, name)| name).collect()
}

/// Insertions, deletions, replacements and swaps of neighbours that turn `a` into `b` (optimal string
/// alignment, the restricted Damerau–Levenshtein distance).
fn edits(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut before_last: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let replaced = last[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut best = replaced.min(last[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(before_last[j - 2] + 1);
            }
            row.push(best);
        }
        before_last = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

/// Each name once, in the order in which it first comes.
fn distinct<'a>(names: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut seen = BTreeSet::new();
    names.filter(|name| seen.insert(*name)).collect()
}

fn last_part<'a>(name: &'a str, separator: &str) -> &'a str {
    name.rsplit_once(separator).map_or(name, |(_, last)| last)
}

fn listed(names: &[&str], between: &str) -> String {
    let shown: Vec<String> = names.iter().take(SHOWN).map(|name| format!("`{name}`")).collect();
    let more = if names.len() > SHOWN { ", …" } else { "" };
    format!("{}{more}", shown.join(between))
}
