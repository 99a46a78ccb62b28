//! The texts of changes of one row. They depend on the changed columns and not on the values, so each is created once.

use std::borrow::Cow;
use std::sync::{PoisonError, RwLock};

use crate::entity::Table;
use crate::statement::{Statement, StatementCost};

/// How many texts are kept for each table. A form with many optional fields could have thousands.
const KEPT: usize = 64;

/// What is done to a column.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum ColumnAssignment {
    Set,
    Add,
}

/// A column, and what is done to it: `email = $n`, `bytes = bytes + $n`.
pub(super) type Assigned = (&'static str, ColumnAssignment);

/// A change of one row without its values. Its parameters are the assigned values, then the organization, the key and
/// the expected version.
#[derive(Clone, Copy, PartialEq)]
pub(super) struct Shape<'a> {
    pub verb: Verb<'a>,
    pub of_tenant: bool,
    pub of_version: bool,
}

#[derive(Clone, Copy, PartialEq)]
pub(super) enum Verb<'a> {
    Update(&'a [Assigned]),
    Delete,
    /// Reads the version of a row that could not be changed.
    Version(&'static str),
}

impl Shape<'_> {
    /// The statement, usually from the cache.
    pub(super) fn statement(self, table: &'static Table) -> Cow<'static, Statement> {
        if let Some(known) = table.change_texts().find(self) {
            return Cow::Borrowed(known);
        }
        let name = match self.verb {
            Verb::Update(_) => "update",
            Verb::Delete => "delete",
            Verb::Version(_) => "version",
        };
        table.change_texts().keep(self, table.statement(name, self.text(table), StatementCost::Free))
    }

    fn text(self, table: &Table) -> String {
        let (name, mut number) = (table.name, 0);
        let doing = match self.verb {
            Verb::Update(assigned) => {
                number = assigned.len();
                format!("UPDATE {name} SET {}", set_list(table, assigned, 0))
            }
            Verb::Delete => format!("DELETE FROM {name}"),
            Verb::Version(column) => format!("SELECT {column} FROM {name}"),
        };
        let tenant = table.tenant.filter(|_| self.of_tenant);
        let version = table.version.filter(|_| self.of_version);
        let conditions = tenant.into_iter().chain([table.key]).chain(version).map(|column| {
            number += 1;
            format!("{column} = ${number}")
        });
        format!("{doing} WHERE {}", conditions.collect::<Vec<_>>().join(" AND "))
    }
}

/// The text after SET. Its parameters follow the first `after`. Every change increments the version.
pub(super) fn set_list(table: &Table, assigned: &[Assigned], after: usize) -> String {
    let mut texts: Vec<_> = (after + 1..)
        .zip(assigned)
        .map(|(number, (column, assignment))| match assignment {
            ColumnAssignment::Set => format!("{column} = ${number}"),
            ColumnAssignment::Add => format!("{column} = {column} + ${number}"),
        })
        .collect();
    if texts.is_empty() {
        texts.push(format!("{0} = {0}", table.key));
    } else if let Some(version) = table.version {
        texts.push(format!("{version} = {version} + 1"));
    }
    texts.join(", ")
}

/// The cached statements of one table. They are few, so the search is linear.
pub(crate) struct ChangeTexts(RwLock<Vec<CachedText>>);

struct CachedText {
    shape: Shape<'static>,
    statement: &'static Statement,
}

impl ChangeTexts {
    pub(crate) const fn new() -> Self {
        ChangeTexts(RwLock::new(Vec::new()))
    }

    fn find(&self, shape: Shape<'_>) -> Option<&'static Statement> {
        let kept = self.0.read().unwrap_or_else(PoisonError::into_inner);
        kept.iter().find(|kept| kept.shape == shape).map(|kept| kept.statement)
    }

    /// Keeps a statement for as long as the process lives, if there is room and another task has not kept it meanwhile.
    fn keep(&self, shape: Shape<'_>, statement: Statement) -> Cow<'static, Statement> {
        let mut kept = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= KEPT || kept.iter().any(|kept| kept.shape == shape) {
            return Cow::Owned(statement);
        }
        let verb = match shape.verb {
            Verb::Update(assigned) => Verb::Update(Vec::leak(assigned.to_vec())),
            Verb::Delete => Verb::Delete,
            Verb::Version(column) => Verb::Version(column),
        };
        let statement: &'static Statement = Box::leak(Box::new(statement.lasting()));
        kept.push(CachedText { shape: Shape { verb, ..shape }, statement });
        Cow::Borrowed(statement)
    }
}
