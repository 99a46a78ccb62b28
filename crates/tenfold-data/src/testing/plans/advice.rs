//! Indexes that might fix a plan. They are created and tried before one is suggested.

use super::shape::RequiredColumns;
use super::verdict::{PlannedTable, TENANT};

/// The name of an index on trial.
const TRIAL: &str = "tenfold_trial";

/// An index on a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct IndexCandidate {
    table: String,
    /// Its columns, some with `DESC`.
    columns: Vec<String>,
}

impl IndexCandidate {
    /// `CREATE INDEX` under the trial name.
    pub(super) fn trial(&self) -> String {
        self.create(TRIAL)
    }

    /// `CREATE INDEX` under a name that no index has.
    pub(super) fn advice(&self, taken: &[String]) -> String {
        let own = self.columns.iter().map(|column| column.split(' ').next().unwrap_or_default());
        let word = |column: &str| column.replace('(', "_").replace(')', "");
        let own: Vec<String> = own.filter(|column| *column != TENANT).map(word).collect();
        let names = (1..=own.len()).map(|count| format!("{}_by_{}", self.table, own[..count].join("_and_")));
        let free = names.into_iter().find(|name| !taken.contains(name));
        self.create(&free.unwrap_or_else(|| format!("{}_by_these", self.table)))
    }

    /// Its columns in parentheses.
    pub(super) fn columns(&self) -> String {
        format!("({})", self.columns.join(", "))
    }

    fn create(&self, name: &str) -> String {
        format!("CREATE INDEX {name} ON {} {};", self.table, self.columns())
    }
}

/// Indexes that might serve a text, the most likely first: the equal columns, then the order or the other compared
/// columns.
pub(super) fn candidates(table: &PlannedTable, asked: &RequiredColumns) -> Vec<IndexCandidate> {
    let (ordered, others) = (directed(asked), asked.others.clone());
    let mut candidates = Vec::new();
    for last in [vec![ordered.clone()], vec![others.clone()], vec![ordered, others]] {
        let last = last.concat();
        let tenant = asked.equal.iter().filter(|column| *column == TENANT);
        let mut columns: Vec<String> = Vec::new();
        for column in tenant.chain(&asked.equal).chain(&last) {
            let name = |column: &str| column.trim_end_matches(" DESC").to_owned();
            if !columns.iter().any(|known| name(known) == name(column)) {
                columns.push(column.clone());
            }
        }
        let candidate = IndexCandidate { table: table.name.clone(), columns };
        let has_own = candidate.columns.iter().any(|column| column != TENANT);
        if has_own && !candidates.contains(&candidate) {
            candidates.push(candidate);
        }
    }
    candidates
}

/// The columns of the order. An index can be read from either end, so directions matter only where they differ.
fn directed(asked: &RequiredColumns) -> Vec<String> {
    let is_mixed = asked.descending.len() < asked.ordered.len();
    let directed = |column: &String| match is_mixed && asked.descending.contains(column) {
        true => format!("{column} DESC"),
        false => column.clone(),
    };
    asked.ordered.iter().map(directed).collect()
}

#[cfg(test)]
mod tests {
    use super::candidates;
    use crate::testing::plans::shape::asked;
    use crate::testing::plans::verdict::PlannedTable;

    fn tried(text: &str) -> Vec<String> {
        let columns = ["org_id", "id", "status", "at"].map(str::to_owned).to_vec();
        let table =
            PlannedTable { name: "notes".to_owned(), columns, owned: true, ..PlannedTable::default() };
        let asked = asked(text, &["notes"], &table.columns);
        candidates(&table, &asked).iter().map(super::IndexCandidate::columns).collect()
    }

    #[test]
    fn the_order_comes_before_what_is_compared() {
        let text = "SELECT id FROM notes WHERE org_id = $1 AND status > $2 ORDER BY at, id LIMIT 9";
        assert_eq!(tried(text), ["(org_id, at, id)", "(org_id, status)", "(org_id, at, id, status)"]);
    }

    #[test]
    fn directions_are_named_where_they_differ() {
        let text = "SELECT id FROM notes WHERE org_id = $1 ORDER BY at DESC, id LIMIT 9";
        assert_eq!(tried(text), ["(org_id, at DESC, id)"]);
        let text = "SELECT id FROM notes WHERE org_id = $1 ORDER BY at DESC, id DESC LIMIT 9";
        assert_eq!(tried(text), ["(org_id, at, id)"]);
    }

    #[test]
    fn small_letters_are_indexed_as_such() {
        let text = "SELECT id FROM notes WHERE org_id = $1 AND lower(status) >= $2 ORDER BY lower(status), id LIMIT 9";
        assert_eq!(tried(text), ["(org_id, lower(status), id)", "(org_id, lower(status))"]);
    }

    #[test]
    fn nothing_but_the_organization_is_no_index() {
        assert_eq!(tried("SELECT id FROM notes WHERE org_id = $1"), Vec::<String>::new());
    }

    #[test]
    fn a_name_that_is_taken_is_not_given_again() {
        let columns = ["org_id", "at", "id"].map(str::to_owned).to_vec();
        let candidate = super::IndexCandidate { table: "notes".to_owned(), columns };
        let name = |taken: &[&str]| {
            let taken: Vec<String> = taken.iter().map(ToString::to_string).collect();
            candidate.advice(&taken).split(' ').nth(2).map(str::to_owned).unwrap()
        };
        assert_eq!(name(&[]), "notes_by_at");
        assert_eq!(name(&["notes_by_at"]), "notes_by_at_and_id");
        let columns = ["org_id", "lower(status)"].map(str::to_owned).to_vec();
        let lower = super::IndexCandidate { table: "notes".to_owned(), columns }.advice(&[]);
        assert_eq!(lower, "CREATE INDEX notes_by_lower_status ON notes (org_id, lower(status));");
    }
}
