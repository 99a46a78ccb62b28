//! The plan of a statement in words: which indexes it uses and which tables it reads whole.

/// The plans of a statement around the onset of an incident, a step a line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PlanPair {
    /// Before it; `None` if it was not taken.
    pub before: Option<String>,
    /// Since then; `None` if it was not taken again.
    pub now: Option<String>,
}

impl PlanPair {
    /// Whether both are known and are not the same.
    pub fn differ(&self) -> bool {
        matches!((&self.before, &self.now), (Some(before), Some(now)) if before != now)
    }
}

/// What is different between two plans, such as `index notes_by_day → scan of notes`. `None` if they are the same.
pub fn plan_change(before: &str, now: &str) -> Option<String> {
    if before == now {
        return None;
    }
    let (was, is) = (accesses(before), accesses(now));
    if was != is {
        return Some(format!("{} → {}", only(&was, &is), only(&is, &was)));
    }
    // The same indexes, but joined or sorted in another way.
    let (was, is) = (steps(before), steps(now));
    Some(format!("{} → {}", only(&was, &is), only(&is, &was)))
}

/// Whether a plan or a statement has this name of a table or an index as a word of its own.
pub fn names_word(text: &str, name: &str) -> bool {
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    text.match_indices(name).any(|(at, _)| {
        let (before, after) = (&text[..at], &text[at + name.len()..]);
        !before.ends_with(is_part) && !after.starts_with(is_part)
    })
}

/// What one has that the other has not; all of it if that is nothing.
fn only(of: &[String], other: &[String]) -> String {
    let mut only: Vec<&str> = of.iter().filter(|step| !other.contains(step)).map(|step| &**step).collect();
    if only.is_empty() {
        only = of.iter().map(|step| &**step).collect();
    }
    only.dedup();
    if only.is_empty() { "no table".to_owned() } else { only.join(", ") }
}

fn steps(plan: &str) -> Vec<String> {
    plan.lines().map(|line| line.trim_start_matches([' ', '-', '>']).to_owned()).collect()
}

/// How each table is reached, in the order of the plan.
fn accesses(plan: &str) -> Vec<String> {
    steps(plan).iter().filter_map(|step| access(step)).collect()
}

/// A step of PostgreSQL or SQLite that reaches a table.
fn access(step: &str) -> Option<String> {
    let after =
        |words: &str| step.split_once(words)?.1.split([' ', '(']).next().filter(|name| !name.is_empty());
    if let Some(table) = after("Seq Scan on ") {
        return Some(format!("scan of {table}"));
    }
    let of_postgres = after("Index Scan using ").or_else(|| after("Index Only Scan using "));
    let of_postgres = of_postgres.or_else(|| after("Index Scan Backward using "));
    let of_postgres = of_postgres.or_else(|| after("Index Only Scan Backward using "));
    if let Some(index) = of_postgres.or_else(|| after("Bitmap Index Scan on ")) {
        return Some(format!("index {index}"));
    }
    let table = after("SEARCH ").or_else(|| after("SCAN "))?;
    let is_scan = step.starts_with("SCAN ");
    if table == "CONSTANT" || step.contains(" VIRTUAL TABLE ") {
        return None;
    }
    if step.contains(" USING AUTOMATIC ") {
        return Some(format!("an index made for this run on {table}"));
    }
    match after(" INDEX ") {
        Some(index) if is_scan => Some(format!("scan of index {index}")),
        Some(index) => Some(format!("index {index}")),
        None if is_scan => Some(format!("scan of {table}")),
        None => Some(format!("key of {table}")),
    }
}
