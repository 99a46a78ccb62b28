//! The column that a parameter is for, read from the statement's text: for errors about its value.

/// The column that `$number` is compared with, assigned to, added to or inserted into. If the text does not show it,
/// the parameter itself.
pub(super) fn column_of(text: &str, number: usize) -> String {
    let mark = format!("${number}");
    let ends = |at: usize| !text[at + mark.len()..].starts_with(|c: char| c.is_ascii_digit());
    let places = text.match_indices(&mark).map(|(at, _)| at).filter(|at| ends(*at));
    let mut columns = places.filter_map(|at| operand(&text[..at]).or_else(|| inserted(text, at)));
    columns.next().map_or(mark.clone(), str::to_owned)
}

/// What may stand between a column and its parameter, besides operators.
const COMPARISONS: [&str; 3] = ["IS DISTINCT FROM", "= ANY(", "IN (SELECT value FROM rarray("];

/// `amount` of `… amount = ` and of `… amount = amount + `.
fn operand(before: &str) -> Option<&str> {
    let before = before.trim_end();
    let named = COMPARISONS.iter().find_map(|words| before.strip_suffix(words));
    let left = named.unwrap_or_else(|| before.trim_end_matches(['=', '<', '>', '+']));
    let is_compared = left.len() < before.len();
    let word = left.trim_end().rsplit(|c: char| !(c.is_alphanumeric() || c == '_')).next()?;
    (is_compared && !word.is_empty()).then_some(word)
}

/// `amount` of `INSERT INTO t (id, amount) VALUES ($1, $2)`, for the parameter at `at`.
fn inserted(text: &str, at: usize) -> Option<&str> {
    let list = text.trim_start().strip_prefix("INSERT INTO")?.split_once('(')?.1.split_once(')')?.0;
    let (mut depth, mut place) = (0_usize, 0);
    for sign in text[..at].chars().rev() {
        match sign {
            ')' => depth += 1,
            '(' if depth == 0 => return list.split(',').nth(place).map(str::trim),
            '(' => depth -= 1,
            ',' if depth == 0 => place += 1,
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::column_of;

    #[test]
    fn the_column_of_a_parameter_is_found() {
        let insert = "INSERT INTO t (id, amount, at) VALUES ($1, $2, $3) ON CONFLICT (id) DO UPDATE SET at = excluded.at";
        assert_eq!(column_of(insert, 2), "amount");
        let many = "INSERT INTO t (id, amount) SELECT * FROM unnest($1::uuid[], $2::double precision[])";
        assert_eq!(column_of(many, 2), "amount");
        assert_eq!(column_of("UPDATE t SET name = $1, amount = amount + $2 WHERE id = $3", 2), "amount");
        assert_eq!(column_of("SELECT 1 FROM t WHERE a < $1 AND b IS DISTINCT FROM $11", 11), "b");
        assert_eq!(column_of("SELECT 1 FROM t WHERE (a, b) > ($1, $2)", 2), "$2");
    }
}
