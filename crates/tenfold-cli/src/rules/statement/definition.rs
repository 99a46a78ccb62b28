//! What CREATE TABLE and ALTER TABLE say about a table's columns and its primary key.

use super::MigrationStatement;

/// What a statement does to the columns or the key of a table.
#[derive(Debug, PartialEq, Eq)]
pub enum Change {
    /// The table is created, with these columns and this key, which may be empty.
    Made { columns: Vec<String>, key: Vec<String> },
    /// A column is added; whether it is the key.
    Column { name: String, is_key: bool },
    /// Its key is these columns from now on; none if the statement does not name them.
    Key(Option<Vec<String>>),
    /// It gets another name.
    Renamed(String),
    /// It is dropped.
    Dropped,
}

impl MigrationStatement {
    /// What the statement does to the columns or the key of [`MigrationStatement::table`].
    pub fn changes(&self) -> Vec<Change> {
        match self.words.first().map(String::as_str) {
            Some("CREATE") if self.words.iter().take(4).any(|word| word == "TABLE") => {
                self.made().into_iter().collect()
            }
            Some("ALTER") if !self.table.is_empty() => {
                self.actions().iter().filter_map(|action| of_action(&action.words)).collect()
            }
            Some("DROP") if !self.table.is_empty() => vec![Change::Dropped],
            _ => Vec::new(),
        }
    }

    /// The columns and the key in the parentheses; none for CREATE TABLE … AS.
    fn made(&self) -> Option<Change> {
        let open = self.words.iter().position(|word| word == "(")?;
        if self.words[..open].iter().any(|word| word == "AS" || word == "OF") {
            return None;
        }
        let (mut columns, mut key) = (Vec::new(), Vec::new());
        for item in items(&self.words[open + 1..]) {
            match of_item(item) {
                Some(Change::Column { name, is_key }) => {
                    if is_key {
                        key = vec![name.clone()];
                    }
                    columns.push(name);
                }
                Some(Change::Key(Some(named))) => key = named,
                _ => {}
            }
        }
        Some(Change::Made { columns, key })
    }
}

fn of_action(words: &[String]) -> Option<Change> {
    match words.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["ADD", "COLUMN", "IF", "NOT", "EXISTS", ..] => of_item(&words[5..]),
        ["ADD", "COLUMN", ..] => of_item(&words[2..]),
        ["ADD", ..] => of_item(&words[1..]),
        ["RENAME", "TO", name, ..] => Some(Change::Renamed(plain(name))),
        _ => None,
    }
}

/// A column, or a key of the table; no other constraint.
fn of_item(words: &[String]) -> Option<Change> {
    match words.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["CONSTRAINT", _, "PRIMARY", "KEY", ..] => Some(Change::Key(listed(&words[4..]))),
        ["PRIMARY", "KEY", ..] => Some(Change::Key(listed(&words[2..]))),
        [] | ["CONSTRAINT" | "UNIQUE" | "CHECK" | "FOREIGN" | "EXCLUDE" | "LIKE", ..] => None,
        [name, rest @ ..] => {
            let is_key = rest.windows(2).any(|pair| pair == ["PRIMARY", "KEY"]);
            Some(Change::Column { name: plain(name), is_key })
        }
    }
}

/// The names in `(a, b)`.
fn listed(words: &[String]) -> Option<Vec<String>> {
    let inside = words.strip_prefix(&["(".to_owned()])?;
    Some(items(inside).iter().filter_map(|item| item.first()).map(|name| plain(name)).collect())
}

/// The items that commas separate, up to the closing parenthesis.
fn items(words: &[String]) -> Vec<&[String]> {
    let (mut all, mut start, mut depth) = (Vec::new(), 0, 0_usize);
    for (at, word) in words.iter().enumerate() {
        match word.as_str() {
            "(" => depth += 1,
            ")" if depth == 0 => {
                all.push(&words[start..at]);
                return all;
            }
            ")" => depth -= 1,
            "," if depth == 0 => {
                all.push(&words[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    all.push(&words[start..]);
    all
}

/// A name as the databases fold it.
fn plain(word: &str) -> String {
    word.trim_matches('"').to_lowercase()
}
