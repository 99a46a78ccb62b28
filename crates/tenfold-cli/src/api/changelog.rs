//! What the changelog says about unreleased breaking changes.

use super::Break;

/// The prefix of an entry about a breaking change.
const BREAKING: &str = "- Breaking: ";

/// The entries about breaking changes under `## [Unreleased]`, each as one line.
pub fn entries(changelog: &str) -> Vec<String> {
    let section = changelog.lines().skip_while(|line| *line != "## [Unreleased]").skip(1);
    let mut entries: Vec<String> = Vec::new();
    let mut inside = false;
    for line in section.take_while(|line| !line.starts_with("## ")) {
        if line.starts_with(BREAKING) {
            entries.push(line.to_owned());
            inside = true;
        } else if let Some(entry) = entries.last_mut().filter(|_| inside && line.starts_with(' ')) {
            entry.push(' ');
            entry.push_str(line.trim());
        } else {
            inside = false;
        }
    }
    entries
}

/// Whether an entry names the subject of the break, or entries name each operation that it affects.
pub fn explains(entries: &[String], found: &Break) -> bool {
    let named = |name: &str| entries.iter().any(|entry| entry.contains(&format!("`{name}`")));
    named(&found.subject) || found.operations.iter().all(|operation| named(operation))
}
