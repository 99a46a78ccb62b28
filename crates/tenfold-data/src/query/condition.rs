//! The conditions of a statement, as data and as SQL.

use std::borrow::Cow;

use uuid::Uuid;

use super::order::{Behind, LetterCase, lower};
use crate::entity::any;
use crate::search::WantedWords;
use crate::statement::Dialect;
use crate::value::Value;

/// A condition on a row.
#[derive(Debug)]
pub(super) enum Test {
    Compare(&'static str, &'static str, Value),
    /// The same comparison on the lowercase text, see [`lower`].
    CompareLower(&'static str, &'static str, Value),
    AnyOf(&'static str, Vec<Value>),
    IsNull(&'static str),
    IsNotNull(&'static str),
    All(Vec<Test>),
    Either(Box<Test>, Box<Test>),
    /// Whether a related row passes a condition.
    Exists(Exists),
    /// Whether the row's texts hold the words.
    Search(TextSearch),
}

/// Whether there is a related row.
#[derive(Debug)]
pub(super) struct Exists {
    pub(super) is_negated: bool,
    /// The column of the list's row that relates the two.
    pub(super) own: &'static str,
    /// The related table, and its column that relates the two, or that the table between names.
    pub(super) table: LinkTable,
    pub(super) between: Option<Between>,
    pub(super) test: Option<Box<Test>>,
}

/// A table, a column of it that holds a link, and the column that names the organization.
#[derive(Debug)]
pub(super) struct LinkTable {
    pub(super) name: &'static str,
    pub(super) link: &'static str,
    pub(super) tenant: Option<&'static str>,
}

/// The table between two entities that each have many of the other.
#[derive(Debug)]
pub(super) struct Between {
    pub(super) table: LinkTable,
    pub(super) to: &'static str,
}

/// Whether a row's texts hold the words of a text.
#[derive(Debug)]
pub(super) struct TextSearch {
    pub(super) entity: &'static str,
    pub(super) table: &'static str,
    pub(super) key: &'static str,
    pub(super) texts: &'static [&'static str],
    pub(super) wanted: WantedWords,
}

/// How the conditions of a statement name the row that they test.
pub(super) struct TestedRow {
    pub(super) dialect: Dialect,
    /// The table, or its alias in an inner select.
    pub(super) row: String,
    /// How many selects this one is inside of. There the columns of the list are in sight as well, so its own need the
    /// alias.
    pub(super) depth: usize,
}

impl TestedRow {
    /// The row of a list.
    pub(super) fn of_list(table: &str, dialect: Dialect) -> Self {
        TestedRow { dialect, row: table.to_owned(), depth: 0 }
    }

    pub(super) fn column(&self, column: &'static str) -> Cow<'static, str> {
        if self.depth == 0 { Cow::Borrowed(column) } else { Cow::Owned(format!("{}.{column}", self.row)) }
    }
}

impl Test {
    /// The searches in it, at any depth.
    pub(super) fn searches<'t>(&'t self, found: &mut Vec<&'t TextSearch>) {
        match self {
            Test::All(tests) => tests.iter().for_each(|test| test.searches(found)),
            Test::Either(one, other) => [one, other].into_iter().for_each(|test| test.searches(found)),
            Test::Exists(exists) => exists.test.iter().for_each(|test| test.searches(found)),
            Test::Search(search) => found.push(search),
            _ => {}
        }
    }

    /// The tables that it looks at beside that of the row. The index of a search is none of them: triggers keep it in the transaction
    /// that changes the row.
    pub(super) fn tables(&self, found: &mut Vec<&'static str>) {
        match self {
            Test::All(tests) => tests.iter().for_each(|test| test.tables(found)),
            Test::Either(one, other) => [one, other].into_iter().for_each(|test| test.tables(found)),
            Test::Exists(exists) => {
                found.push(exists.table.name);
                found.extend(exists.between.iter().map(|between| between.table.name));
                exists.test.iter().for_each(|test| test.tables(found));
            }
            Test::Compare(..) | Test::CompareLower(..) | Test::AnyOf(..) => {}
            Test::IsNull(_) | Test::IsNotNull(_) | Test::Search(_) => {}
        }
    }

    pub(super) fn is_by_value(&self) -> bool {
        self.holds(&|test| match test {
            Test::Compare(_, "=", _) | Test::AnyOf(..) => true,
            Test::Exists(exists) => exists.test.as_ref().is_some_and(|test| test.is_by_value()),
            Test::Search(_) => true,
            _ => false,
        })
    }

    /// Whether this holds for a part that each row must pass.
    pub(super) fn holds(&self, is_so: &impl Fn(&Test) -> bool) -> bool {
        match self {
            Test::All(tests) => tests.iter().any(|test| test.holds(is_so)),
            Test::Either(one, other) => one.holds(is_so) && other.holds(is_so),
            test => is_so(test),
        }
    }
}

impl Test {
    pub(super) fn condition(
        &self,
        place: &TestedRow,
        behind: Option<&Behind>,
        params: &mut Vec<Value>,
    ) -> String {
        let mut compare = |case, (column, operator, value): (&str, &'static str, &Value)| {
            let nearer = behind.and_then(|behind| behind.nearer(case, (column, operator, value)));
            let (operator, value) = nearer.unwrap_or_else(|| (operator, value.clone()));
            params.push(value);
            (operator, params.len())
        };
        match self {
            Test::Compare(column, operator, value) => {
                let (operator, number) = compare(LetterCase::Told, (column, operator, value));
                format!("{} {operator} ${number}", place.column(column))
            }
            Test::CompareLower(column, operator, value) => {
                let (operator, number) = compare(LetterCase::Ignored, (column, operator, value));
                format!("{} {operator} ${number}", lower(&place.column(column)))
            }
            Test::AnyOf(column, values) => {
                params.push(Value::List(values.clone()));
                any(place.dialect, &place.column(column), params.len())
            }
            Test::IsNull(column) => format!("{} IS NULL", place.column(column)),
            Test::IsNotNull(column) => format!("{} IS NOT NULL", place.column(column)),
            Test::All(tests) => {
                let tests: Vec<_> = tests.iter().map(|test| test.condition(place, behind, params)).collect();
                tests.join(" AND ")
            }
            Test::Either(one, other) => {
                let one = one.condition(place, None, params);
                format!("({one} OR {})", other.condition(place, None, params))
            }
            Test::Exists(exists) => exists.condition(place, params),
            Test::Search(search) => search.condition(place, params),
        }
    }
}

impl Exists {
    /// `EXISTS (SELECT 1 FROM labelings AS between_1 JOIN labels AS any_1 ON … WHERE …)`. Each table has its own
    /// condition on the organization, so that its own index is used.
    ///
    /// On PostgreSQL it ends with `OFFSET 0`, which the planner does not turn into a join. The join may read all related
    /// rows of the organization for a page of ten. And it is compared with a number: the planner takes half the rows for
    /// passing an EXISTS, and nearly all for passing `<> 0`. For few rows it would sort them instead of reading the page
    /// in the order of an index.
    pub(super) fn condition(&self, outer: &TestedRow, params: &mut Vec<Value>) -> String {
        let depth = outer.depth + 1;
        let place = TestedRow { dialect: outer.dialect, row: format!("any_{depth}"), depth };
        let (row, table, own) = (&place.row, &self.table, format!("{}.{}", outer.row, self.own));
        let mut source = format!("{} AS {row}", table.name);
        let mut conditions: Vec<String> = Vec::new();
        if let Some(Between { table: join, to }) = &self.between {
            let between = format!("between_{depth}");
            source =
                format!("{} AS {between} JOIN {source} ON {row}.{} = {between}.{to}", join.name, table.link);
            conditions.extend(join.tenant.map(|tenant| format!("{between}.{tenant} = $1")));
            conditions.push(format!("{between}.{} = {own}", join.link));
            conditions.extend(table.tenant.map(|tenant| format!("{row}.{tenant} = $1")));
        } else {
            conditions.extend(table.tenant.map(|tenant| format!("{row}.{tenant} = $1")));
            conditions.push(format!("{row}.{} = {own}", table.link));
        }
        conditions.extend(self.test.iter().map(|test| test.condition(&place, None, params)));
        let not = if self.is_negated { "NOT " } else { "" };
        let inner = format!("SELECT 1 FROM {source} WHERE {}", conditions.join(" AND "));
        match place.dialect {
            Dialect::Sqlite => format!("{not}EXISTS ({inner})"),
            Dialect::Postgres => format!("({not}EXISTS ({inner} OFFSET 0))::integer <> 0"),
        }
    }
}

impl TextSearch {
    /// `id IN (…)`: the rows of the organization that the index finds.
    pub(super) fn condition(&self, place: &TestedRow, params: &mut Vec<Value>) -> String {
        if self.wanted.is_empty() {
            return "1 = 0".to_owned();
        }
        let organization = match params.first() {
            Some(Value::Uuid(organization)) => *organization,
            // A searched entity has an organization, and so has every list that looks at one.
            _ => Uuid::nil(),
        };
        let (key, index) = (place.column(self.key), format!("{}_search", self.table));
        params.push(Value::Text(match place.dialect {
            Dialect::Sqlite => self.wanted.fts5(organization),
            Dialect::Postgres => self.wanted.tsquery(organization),
        }));
        let number = params.len();
        match place.dialect {
            Dialect::Sqlite => format!(
                "{key} IN (SELECT r.id FROM {index} AS s CROSS JOIN {index}_rows AS r ON r.place = s.rowid \
                 WHERE s.words MATCH ${number} AND r.owner = $1)"
            ),
            Dialect::Postgres if place.depth == 0 => {
                format!("{key} IN (SELECT {index}_found($1, ${number}))")
            }
            // Inside of another select the planner would make it a join, and search again for each row outside.
            Dialect::Postgres => format!("({key} IN (SELECT {index}_found($1, ${number}))) IS TRUE"),
        }
    }
}
