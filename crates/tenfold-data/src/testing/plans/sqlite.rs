//! SQLite's plans, on an empty in-memory copy of the schema.

use std::path::Path;

use rusqlite::{Connection, OpenFlags};

use super::advice::{IndexCandidate, candidates};
use super::shape::{self, RequiredColumns};
use super::verdict::{AccessPath, BadPlan, PlannedTable, Ran, SCALES, Scale, TENANT, fault_of};
use crate::migrate::statistics;
use crate::statement::Dialect;

/// Explains with the file's own statistics, and with those of each scale.
pub(super) fn explain(path: &Path, statements: &[Ran]) -> Vec<BadPlan> {
    let copy = copy_schema(path).expect("the test's database can be read");
    let found = explain_on(&copy, statements);
    let taken = names_of_indexes(&copy).expect("a schema can be read");
    let advised = |(mut plan, candidates): (BadPlan, Vec<IndexCandidate>)| {
        for candidate in candidates {
            if mends(path, &candidate, &plan.statement) {
                plan.index = Some(candidate.advice(&taken));
                break;
            }
            plan.tried.push(candidate.columns());
        }
        plan
    };
    found.into_iter().map(advised).collect()
}

/// Each bad plan, with the indexes that might fix it.
fn explain_on(copy: &Connection, statements: &[Ran]) -> Vec<(BadPlan, Vec<IndexCandidate>)> {
    let tables = tables(copy).expect("a schema can be read");
    let mut bad = Vec::new();
    let mut planned_for = "a database as it is made";
    for scale in [None, Some(&SCALES[0]), Some(&SCALES[1])] {
        if let Some(scale) = scale {
            tell(copy, scale).expect("statistics can be replaced");
            planned_for = scale.name;
        }
        for statement in statements {
            if bad.iter().all(|(plan, _): &(BadPlan, _)| plan.statement.text != statement.text) {
                bad.extend(judge(copy, &tables, statement, planned_for));
            }
        }
    }
    bad
}

/// Whether a statement passes with this index, which gets the statistics that a migration would give it.
fn mends(path: &Path, candidate: &IndexCandidate, statement: &Ran) -> bool {
    let copy = copy_schema(path).expect("the test's database can be read");
    let script = format!("{} {}", candidate.trial(), statistics::script());
    copy.execute_batch(&script).is_ok() && explain_on(&copy, std::slice::from_ref(statement)).is_empty()
}

fn names_of_indexes(copy: &Connection) -> rusqlite::Result<Vec<String>> {
    let mut names = copy.prepare("SELECT name FROM sqlite_schema WHERE type = 'index'")?;
    names.query_map([], |row| row.get(0))?.collect()
}

/// The file's tables and indexes without rows, and its statistics.
pub(in crate::testing) fn copy_schema(path: &Path) -> rusqlite::Result<Connection> {
    let file = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    let copy = Connection::open_in_memory()?;
    rusqlite::vtab::array::load_module(&copy)?;
    crate::words::register(&copy)?;
    copy.execute_batch("PRAGMA foreign_keys = ON; ANALYZE sqlite_schema;")?;
    let mut schema = file.prepare(
        "SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%'
             AND name NOT IN (SELECT name FROM pragma_table_list WHERE type = 'shadow') ORDER BY type <> 'table'",
    )?;
    let texts = schema.query_map([], |row| row.get::<_, String>(0))?;
    texts.into_iter().try_for_each(|text| copy.execute_batch(&text?))?;
    let mut statistics = file.prepare("SELECT tbl, idx, stat FROM sqlite_stat1")?;
    let mut rows = statistics.query([])?;
    while let Some(row) = rows.next()? {
        let (table, index, stat): (String, Option<String>, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
        copy.execute("INSERT INTO sqlite_stat1 VALUES ($1, $2, $3)", (table, index, stat))?;
    }
    copy.execute_batch("ANALYZE sqlite_schema")?;
    Ok(copy)
}

fn tables(copy: &Connection) -> rusqlite::Result<Vec<PlannedTable>> {
    let mut columns = copy.prepare(
        "SELECT t.name, c.name, c.pk FROM pragma_table_list t, pragma_table_info(t.name) c
         WHERE t.schema = 'main' AND t.type = 'table' ORDER BY t.name, c.cid",
    )?;
    let mut rows = columns.query([])?;
    let mut tables: Vec<PlannedTable> = Vec::new();
    while let Some(row) = rows.next()? {
        let (name, column, key): (String, String, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
        if tables.last().is_none_or(|table| table.name != name) {
            tables.push(PlannedTable { name, ..PlannedTable::default() });
        }
        if let Some(table) = tables.last_mut() {
            table.owned |= column == TENANT && key == 1;
            table.key.extend((key > 0).then(|| column.clone()));
            table.columns.push(column);
        }
    }
    Ok(tables)
}

/// Replaces the statistics with those of a scale. If an index begins with the organization, its first column gets the
/// number of rows for each organization. The other numbers stay as seeded, for a table five times as large.
fn tell(copy: &Connection, scale: &Scale) -> rusqlite::Result<()> {
    let mut seeded = copy.prepare(
        "SELECT s.rowid, s.stat, EXISTS (SELECT 1 FROM pragma_index_list(s.tbl) l, pragma_index_info(l.name) c
             WHERE (l.name = s.idx OR (l.origin = 'pk' AND s.idx = s.tbl)) AND c.seqno = 0 AND c.name = $1)
         FROM sqlite_stat1 s",
    )?;
    let mut rows = seeded.query([TENANT])?;
    let mut changes = Vec::new();
    while let Some(row) = rows.next()? {
        let (id, stat, by_tenant): (i64, String, bool) = (row.get(0)?, row.get(1)?, row.get(2)?);
        let mut numbers: Vec<&str> = stat.split(' ').collect();
        let of_one = (scale.rows / scale.organizations).to_string();
        // A partial index was seeded with less than a million rows.
        let all = (numbers[0].parse::<u64>().unwrap_or(0) * scale.rows / 1_000_000).to_string();
        numbers[0] = &all;
        // A table with one row for each organization keeps one.
        if by_tenant && numbers.len() > 1 && numbers[1] != "1" {
            numbers[1] = &of_one;
        }
        changes.push((id, numbers.join(" ")));
    }
    for (id, stat) in changes {
        copy.execute("UPDATE sqlite_stat1 SET stat = $1 WHERE rowid = $2", (stat, id))?;
    }
    copy.execute_batch("ANALYZE sqlite_schema")
}

fn judge(
    copy: &Connection,
    tables: &[PlannedTable],
    statement: &Ran,
    scale: &'static str,
) -> Option<(BadPlan, Vec<IndexCandidate>)> {
    let plan = plan_of(copy, &statement.text)
        .unwrap_or_else(|error| panic!("SQLite cannot explain {}: {error}", statement.name));
    let sorts = plan.iter().any(|line| line == "USE TEMP B-TREE FOR ORDER BY");
    let faults = plan.iter().find_map(|line| {
        let (table, alias, access) = access(copy, tables, line, &statement.text)?;
        let asked = asked(statement, table, &alias);
        let fault = fault_of(table, &access, sorts).or_else(|| {
            // One row for each key that is looked up: their number does not grow with the table.
            let is_one_row = is_one_row(table, &access);
            let unserved = sorts && asked.limited && !asked.ordered.is_empty() && !is_one_row;
            unserved.then(|| format!("sorts {} for a page", table.name))
        })?;
        Some((fault, candidates(table, &asked)))
    });
    let (fault, candidates) = faults?;
    let (statement, plan, tried) = (statement.clone(), plan.join("\n"), Vec::new());
    let bad = BadPlan { statement, dialect: Dialect::Sqlite, fault, scale, plan, index: None, tried };
    Some((bad, candidates))
}

/// Whether all columns of the primary key are compared for equality.
fn is_one_row(table: &PlannedTable, access: &AccessPath) -> bool {
    let AccessPath::Index { equal, .. } = access else { return false };
    !table.key.is_empty() && table.key.iter().all(|column| equal.contains(column))
}

fn asked(statement: &Ran, table: &PlannedTable, alias: &str) -> RequiredColumns {
    shape::asked(&statement.text, &[&table.name, alias], &table.columns)
}

fn plan_of(copy: &Connection, text: &str) -> rusqlite::Result<Vec<String>> {
    let mut explained = copy.prepare(&format!("EXPLAIN QUERY PLAN {text}"))?;
    let mut lines = Vec::new();
    let mut rows = explained.raw_query();
    while let Some(row) = rows.next()? {
        lines.push(row.get(3)?);
    }
    Ok(lines)
}

/// Reads a line such as `SEARCH notes AS n USING COVERING INDEX notes_by_day (org_id=? AND day>?)`.
fn access<'t>(
    copy: &Connection,
    tables: &'t [PlannedTable],
    line: &str,
    text: &str,
) -> Option<(&'t PlannedTable, String, AccessPath)> {
    let (verb, rest) = line.split_once(' ')?;
    if verb != "SCAN" && verb != "SEARCH" {
        return None;
    }
    // SQLite shows a table only by its alias.
    let alias = rest.split([' ', '(']).next()?.to_owned();
    let table = tables.iter().find(|table| table.name == alias).or_else(|| by_alias(tables, &alias, text))?;
    let index = rest.split_once(" INDEX ").and_then(|(_, index)| index.split(' ').next());
    let asked = shape::asked(text, &[&table.name, &alias], &table.columns);
    let predicate = index.map_or_else(RequiredColumns::default, |index| {
        shape::condition(&predicate(copy, index).unwrap_or_default(), &[&table.name], &table.columns)
    });
    if verb == "SCAN" {
        // A partial index holds only the requested rows. A page of a global table may walk an index.
        let is_partial = predicate != RequiredColumns::default();
        let goes_along = index.is_some() && asked.limited && asked.equal.is_empty() && !table.owned;
        let fine = is_partial || goes_along;
        return (!fine).then_some((table, alias, AccessPath::Scan));
    }
    let conditions = rest.split_once(" (").map_or("", |(_, conditions)| conditions);
    if conditions.starts_with("rowid=") {
        // The primary key of a table that has row numbers.
        let equal = table.key.clone();
        return Some((table, alias, AccessPath::Index { equal, filtered: Vec::new() }));
    }
    let conditions = match index.filter(|_| conditions.contains(EXPRESSION)) {
        Some(index) => with_expressions(conditions, &definition(copy, index).unwrap_or_default()),
        None => conditions.to_owned(),
    };
    let searched = shape::condition(&conditions, &[], &table.columns);
    let known = [&*searched.equal, &searched.others, &predicate.equal, &predicate.others].concat();
    let conditions = asked.equal.iter().chain(&asked.others);
    // A page that continues in the index walks it: `(name, id) > ($2, $3)` skips the rows with the same name.
    let is_page = asked.ordered.first().is_some_and(|first| searched.others.contains(first));
    let is_skipped =
        |column: &String| is_page && asked.ordered.contains(column) && !asked.equal.contains(column);
    let filtered =
        conditions.filter(|column| !known.contains(column) && !is_skipped(column)).cloned().collect();
    Some((table, alias, AccessPath::Index { equal: searched.equal, filtered }))
}

/// `FROM notes n` or `FROM notes AS n` in the text.
fn by_alias<'t>(tables: &'t [PlannedTable], alias: &str, text: &str) -> Option<&'t PlannedTable> {
    let words: Vec<&str> =
        text.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|w| !w.is_empty()).collect();
    tables.iter().find(|table| {
        let places = words.iter().enumerate().filter(|(_, word)| **word == table.name);
        places.into_iter().any(|(index, _)| {
            let next = words[index + 1..].iter().find(|word| !word.eq_ignore_ascii_case("as"));
            next.is_some_and(|next| *next == alias)
        })
    })
}

/// How a plan shows a part of an index that is not a column.
const EXPRESSION: &str = "<expr>";

/// The conditions of a plan, such as `org_id=? AND <expr>>?)`, with the index's expressions, which SQLite does not
/// show. The columns compared for equality are the first of the index. A bound begins with the column after them.
fn with_expressions(conditions: &str, definition: &str) -> String {
    let columns = columns_of(definition);
    let mut equal = 0;
    let mut named = Vec::new();
    for condition in conditions.split(" AND ") {
        let mut text = condition.to_owned();
        // From the last to the first, so that the commas before each one are still those of the plan.
        while let Some(at) = text.rfind(EXPRESSION) {
            let place = equal + text[..at].matches(',').count();
            text.replace_range(at..at + EXPRESSION.len(), columns.get(place).copied().unwrap_or_default());
        }
        equal += usize::from(condition.trim_end_matches(')').ends_with("=?"));
        named.push(text);
    }
    named.join(" AND ")
}

/// The list in parentheses of the text that created an index.
fn columns_of(definition: &str) -> Vec<&str> {
    let list = definition.split_once('(').map_or("", |(_, list)| list);
    let (mut depth, mut begin, mut columns) = (0_usize, 0, Vec::new());
    for (at, sign) in list.char_indices() {
        match sign {
            '(' => depth += 1,
            ',' | ')' if depth == 0 => {
                columns.push(list[begin..at].trim());
                begin = at + 1;
                if sign == ')' {
                    break;
                }
            }
            ')' => depth -= 1,
            _ => {}
        }
    }
    columns
}

/// The condition of a partial index.
fn predicate(copy: &Connection, index: &str) -> rusqlite::Result<String> {
    let sql = definition(copy, index)?;
    Ok(sql.split_once("WHERE").map(|(_, predicate)| predicate.to_owned()).unwrap_or_default())
}

/// The text that created an index. The index of a constraint has none.
fn definition(copy: &Connection, index: &str) -> rusqlite::Result<String> {
    let text = "SELECT coalesce(sql, '') FROM sqlite_schema WHERE name = $1";
    copy.query_row(text, [index], |row| row.get(0))
}

#[cfg(test)]
mod tests {
    use super::with_expressions;

    #[test]
    fn an_expression_is_named_by_its_index() {
        let index = "CREATE INDEX i ON notes (org_id, lower(title), coalesce(a, b), id DESC) WHERE id > 3";
        for (plan, named) in [
            ("org_id=? AND <expr>>? AND <expr><?)", "org_id=? AND lower(title)>? AND lower(title)<?)"),
            ("org_id=? AND (<expr>,<expr>)>(?,?))", "org_id=? AND (lower(title),coalesce(a, b))>(?,?))"),
            ("org_id=? AND <expr>=? AND <expr>=?)", "org_id=? AND lower(title)=? AND coalesce(a, b)=?)"),
        ] {
            assert_eq!(with_expressions(plan, index), named);
        }
    }
}
