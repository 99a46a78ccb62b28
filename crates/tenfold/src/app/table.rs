//! Tables for a terminal.

/// The longest cell; a longer one is cut, in a list.
const WIDEST: usize = 60;

/// The rows under their heads, in columns; without heads the last column is as long as it is.
pub(super) fn table(heads: &[&str], rows: &[Vec<String>]) -> String {
    let heads: Vec<String> = heads.iter().map(|head| (*head).to_owned()).collect();
    let is_list = !heads.is_empty();
    let rows = Some(heads).into_iter().filter(|heads| !heads.is_empty()).chain(rows.iter().cloned());
    let rows: Vec<Vec<String>> =
        rows.map(|row| row.iter().map(|cell| one_line(cell, is_list)).collect()).collect();
    let columns = rows.iter().map(Vec::len).max().unwrap_or_default();
    let width = |column: usize| {
        rows.iter().filter_map(|row| row.get(column)).map(|cell: &String| cell.chars().count()).max()
    };
    let widths: Vec<usize> = (0..columns).map(|column| width(column).unwrap_or_default()).collect();
    let line = |row: &Vec<String>| {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
        format!("{}\n", cells.collect::<Vec<_>>().join("  ").trim_end())
    };
    rows.iter().map(line).collect()
}

/// A terminal must not obey what somebody stored, so control characters go.
fn one_line(cell: &str, is_cut: bool) -> String {
    let plain = cell.chars().map(|letter| if letter.is_control() { ' ' } else { letter });
    if is_cut && cell.chars().count() > WIDEST {
        return plain.take(WIDEST - 1).chain(['…']).collect();
    }
    plain.collect()
}
