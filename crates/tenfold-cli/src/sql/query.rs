//! Tables from the syntax tree of queries and writes.

use std::ops::ControlFlow;

use sqlparser::ast::{ObjectName, Query, Statement, TableFactor, Visit, Visitor};

use super::table_name::{Naming, TableName};

/// The relations that `statements` name, except common table expressions and table functions.
pub fn tables(statements: &[Statement]) -> Vec<TableName> {
    let mut relations = Relations::default();
    for statement in statements {
        let _: ControlFlow<()> = statement.visit(&mut relations);
    }
    relations.found
}

/// A table from an object's name; none when the name is computed.
pub fn table_name(name: &ObjectName, naming: Naming) -> Option<TableName> {
    let mut parts = name.0.iter().rev().filter_map(|part| part.as_ident());
    let last = parts.next()?;
    Some(TableName {
        line: usize::try_from(last.span.start.line).unwrap_or(1).max(1),
        schema: parts.next().map(|schema| schema.value.to_lowercase()),
        name: last.value.to_lowercase(),
        naming,
    })
}

#[derive(Default)]
struct Relations {
    found: Vec<TableName>,
    scopes: Vec<WithScope>,
    /// The next relation is a function, as in `FROM json_each(?1)`.
    is_function: bool,
}

/// The names that one query's `WITH` defines. A name is visible to the expressions after it, and
/// with `RECURSIVE` to all: `WITH x AS (SELECT … FROM x)` reads the table `x`.
struct WithScope {
    names: Vec<String>,
    /// Addresses of the expressions' queries, by which the walk detects that it enters or leaves one.
    bodies: Vec<*const Query>,
    visible: usize,
    is_recursive: bool,
}

impl WithScope {
    fn of(query: &Query) -> Self {
        let Some(with) = &query.with else {
            return Self { names: Vec::new(), bodies: Vec::new(), visible: 0, is_recursive: false };
        };
        Self {
            names: with.cte_tables.iter().map(|table| table.alias.name.value.to_lowercase()).collect(),
            bodies: with.cte_tables.iter().map(|table| std::ptr::from_ref(&*table.query)).collect(),
            visible: if with.recursive { with.cte_tables.len() } else { 0 },
            is_recursive: with.recursive,
        }
    }

    fn leave(&mut self, query: &Query) {
        let index = self.bodies.iter().position(|body| std::ptr::eq(*body, query));
        if let (Some(index), false) = (index, self.is_recursive) {
            self.visible = index + 1;
        }
    }
}

impl Relations {
    fn is_common_table(&self, table: &TableName) -> bool {
        let mut visible = self.scopes.iter().flat_map(|scope| &scope.names[..scope.visible]);
        table.schema.is_none() && visible.any(|name| *name == table.name)
    }
}

impl Visitor for Relations {
    type Break = ();

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        self.scopes.push(WithScope::of(query));
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        self.scopes.pop();
        if let Some(around) = self.scopes.last_mut() {
            around.leave(query);
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> ControlFlow<()> {
        self.is_function = matches!(factor, TableFactor::Table { args: Some(_), .. });
        ControlFlow::Continue(())
    }

    fn pre_visit_relation(&mut self, relation: &ObjectName) -> ControlFlow<()> {
        if std::mem::take(&mut self.is_function) {
            return ControlFlow::Continue(());
        }
        let table = table_name(relation, Naming::Uses).filter(|table| !self.is_common_table(table));
        self.found.extend(table);
        ControlFlow::Continue(())
    }
}
