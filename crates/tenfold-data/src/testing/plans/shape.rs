//! What a text requires of one table. It is not a parser: it reads the words of the conditions and the order, in the
//! order of the text.

/// What a text requires of one table. A column used as `lower(column)` is listed in that form.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct RequiredColumns {
    /// Columns that are compared for equality: `column = …`, `column IN (…)`.
    pub equal: Vec<String>,
    /// Columns with any other condition.
    pub others: Vec<String>,
    /// The columns of `ORDER BY`.
    pub ordered: Vec<String>,
    /// The columns of the order that have `DESC`.
    pub descending: Vec<String>,
    /// Whether there is a `LIMIT`.
    pub limited: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum ClausePart {
    Condition,
    Order,
    Other,
}

/// Reads what `text` requires of the table known as `names` (its name and alias), which has these `columns`. An
/// unqualified column counts as this table's.
pub(super) fn asked(text: &str, names: &[&str], columns: &[String]) -> RequiredColumns {
    let words = words(text);
    let mut asked = RequiredColumns::default();
    let (mut part, mut outer) = (ClausePart::Other, Vec::new());
    for (index, word) in words.iter().enumerate() {
        match word.to_ascii_uppercase().as_str() {
            "(" => outer.push(part),
            ")" => part = outer.pop().unwrap_or(ClausePart::Other),
            "WHERE" | "ON" | "HAVING" => part = ClausePart::Condition,
            "ORDER" => part = ClausePart::Order,
            "LIMIT" => {
                asked.limited = true;
                part = ClausePart::Other;
            }
            "SELECT" | "FROM" | "JOIN" | "GROUP" | "SET" | "RETURNING" | "FOR" | "VALUES" | "CONFLICT" => {
                part = ClausePart::Other;
            }
            _ => {
                let Some(column) = column(word, names, columns) else { continue };
                let (first, column) = match is_lower(&words, index) {
                    true => (index - 2, format!("lower({column})")),
                    false => (index, column.to_owned()),
                };
                let list = match part {
                    ClausePart::Other => continue,
                    ClausePart::Order => &mut asked.ordered,
                    ClausePart::Condition if is_equal(&words, first, index) => &mut asked.equal,
                    ClausePart::Condition => &mut asked.others,
                };
                if !list.contains(&column) {
                    list.push(column.clone());
                    if part == ClausePart::Order && is_descending(&words, index) {
                        asked.descending.push(column);
                    }
                }
            }
        }
    }
    asked
}

/// The columns in a condition of a plan, such as `((org_id = $1) AND (ROW(email, id) > ROW($2, $3)))`.
pub(super) fn condition(text: &str, names: &[&str], columns: &[String]) -> RequiredColumns {
    asked(&format!("WHERE {text}"), names, columns)
}

fn column<'a>(word: &'a str, names: &[&str], columns: &[String]) -> Option<&'a str> {
    let column = match word.rsplit_once('.') {
        Some((table, column)) if names.contains(&table) => column,
        Some(_) => return None,
        None => word,
    };
    columns.iter().any(|known| known == column).then_some(column)
}

/// Whether the column at `index` is the only argument of `lower(…)`.
fn is_lower(words: &[&str], index: usize) -> bool {
    let opens = index >= 2 && words[index - 1] == "(" && words[index - 2].eq_ignore_ascii_case("lower");
    opens && words.get(index + 1) == Some(&")")
}

/// Whether the expression that begins at `first`, with the column at `index`, is compared for equality.
fn is_equal(words: &[&str], first: usize, index: usize) -> bool {
    let is = |word: Option<&&str>| word.is_some_and(|word| *word == "=" || word.eq_ignore_ascii_case("in"));
    // A closing parenthesis may come first, as in `((email)::text = $1)`.
    let next = words[index + 1..].iter().find(|word| **word != ")" && **word != "::" && **word != "text");
    is(next) || first.checked_sub(1).is_some_and(|before| words[before] == "=")
}

/// Whether the column at `index` of an order is followed by `DESC`.
fn is_descending(words: &[&str], index: usize) -> bool {
    let next = words[index + 1..].iter().find(|word| **word != ")");
    next.is_some_and(|word| word.eq_ignore_ascii_case("desc"))
}

/// Words, numbers and symbols, without quoted texts.
fn words(text: &str) -> Vec<&str> {
    let mut words = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let is_word = |c: char| c.is_alphanumeric() || "_.$".contains(c);
        let is_sign = |c: char| "=<>!:|".contains(c);
        let length = match first {
            '\'' => rest[1..].find('\'').map_or(rest.len(), |end| end + 2),
            _ if is_word(first) => rest.find(|c| !is_word(c)).unwrap_or(rest.len()),
            _ if is_sign(first) => rest.find(|c| !is_sign(c)).unwrap_or(rest.len()),
            _ => first.len_utf8(),
        };
        let (word, behind) = rest.split_at(length);
        if !first.is_whitespace() && !"'\"`".contains(first) {
            words.push(word);
        }
        rest = behind;
    }
    words
}

#[cfg(test)]
mod tests {
    use super::{RequiredColumns, asked};

    fn of(text: &str) -> RequiredColumns {
        let columns = ["org_id", "id", "status", "at"].map(str::to_owned);
        asked(text, &["t", "notes"], &columns)
    }

    fn list(columns: &[&str]) -> Vec<String> {
        columns.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_page_behind_a_cursor_asks_for_an_order_and_a_range() {
        let page = "SELECT org_id, id, status FROM notes WHERE org_id = $1 AND status = $2 AND (at, id) < ($3, $4) \
                    ORDER BY at DESC, id DESC LIMIT $5";
        let (equal, others) = (list(&["org_id", "status"]), list(&["at", "id"]));
        let descending = others.clone();
        assert_eq!(
            of(page),
            RequiredColumns { equal, ordered: others.clone(), others, descending, limited: true }
        );
    }

    #[test]
    fn another_tables_columns_and_texts_are_no_conditions() {
        let joined = "SELECT s.id FROM others s JOIN notes t ON t.org_id = s.org_id AND t.id = s.note \
                      WHERE s.status = 'at = status' AND t.at IS NULL";
        let (equal, others) = (list(&["org_id", "id"]), list(&["at"]));
        assert_eq!(of(joined), RequiredColumns { equal, others, ..RequiredColumns::default() });
    }

    #[test]
    fn small_letters_of_a_column_are_another_column() {
        let page = "SELECT id FROM notes WHERE org_id = $1 AND lower(status) >= $2 AND $3 = lower(t.at) \
                    ORDER BY lower(status) DESC, id DESC LIMIT $4";
        let (equal, others) = (list(&["org_id", "lower(at)"]), list(&["lower(status)"]));
        let ordered = list(&["lower(status)", "id"]);
        let descending = ordered.clone();
        assert_eq!(of(page), RequiredColumns { equal, others, ordered, descending, limited: true });
    }

    #[test]
    fn what_is_set_is_no_condition_and_an_inner_select_is_one_of_its_own() {
        let update = "UPDATE notes SET status = $2 WHERE id IN (SELECT id FROM notes WHERE at <= $1 ORDER BY at LIMIT 5) \
                      RETURNING status";
        let (equal, others) = (list(&["id"]), list(&["at"]));
        let ordered = others.clone();
        assert_eq!(
            of(update),
            RequiredColumns { equal, ordered, others, limited: true, ..RequiredColumns::default() }
        );
    }
}
