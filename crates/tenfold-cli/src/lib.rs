//! The `tenfold` command, and the checks behind it, which tests can call.
//!
//! `tenfold check` reads a Cargo workspace without building or running it (manifests, Rust sources, SQL) and
//! refuses what crosses a module's boundary. It checks these conventions:
//!
//! - a module is a folder `…/modules/<name>/` with its implementation, `…/modules/<name>/api/` with its
//!   interface package `<name>-api`, and `…/modules/<name>/migrations/*.sql`;
//! - the implementation registers itself with
//!   `Module::new("<name>").provides::<dyn X>(…).needs::<dyn Y>().on::<Z, _, _>(…)`, the event's type written out;
//! - an interface is `#[module_api(name = "<name>", version = 1)] pub trait X { … }` in the interface package,
//!   and so is an event, `impl Event for Z { … }`.
//!
//! It reads which file imports which in every crate of the workspace, including the framework's. More than two files
//! that import each other in a circle are refused (rule `circles`): none of them can be understood or moved alone. A
//! re-export is not an import, so a module's root may re-export what its files define; test code does not count.
//! In the framework's own workspace each type's name is defined once (rule `types`); projects are free.
//! `tenfold api` compares an application's OpenAPI document with the committed one ([`api_breaks`]).
//! `tenfold dev` serves the application while it is edited (`src/dev/`).
//!
//! Each rule is a file in `src/rules/`; [`Rule`] lists their names. Checking boundaries in a test is an idea
//! of Spring Modulith's `modules.verify()`.

#[cfg(feature = "commands")]
mod api;
#[cfg(feature = "commands")]
mod attempt;
#[cfg(feature = "commands")]
mod command;
#[cfg(feature = "commands")]
mod dev;
mod error;
mod exceptions;
mod facts;
mod graph;
#[cfg(feature = "commands")]
mod graph_document;
mod imports;
mod manifest;
#[cfg(feature = "commands")]
mod module;
#[cfg(feature = "commands")]
mod names;
#[cfg(feature = "commands")]
mod new;
mod outcome;
#[cfg(feature = "commands")]
mod project_error;
mod rules;
mod source;
mod sql;
mod statements;
mod violation;
mod workspace;

use std::fmt;
use std::path::Path;

use jiff::civil::Date;

#[cfg(feature = "commands")]
pub use api::{Break, api_breaks};
#[cfg(feature = "commands")]
pub use command::{Command, run};
pub use error::CheckError;
pub use statements::{ProductStatement, statements};
pub use violation::{FileLine, Rule, Violation};

use facts::WorkspaceFacts;

/// The result of a check.
#[derive(Debug)]
pub struct Report {
    /// The number of modules.
    pub modules: usize,
    /// How many SQL texts were read: literals in `sql!`, and migrations.
    pub texts: usize,
    /// How many distinct tables the modules name.
    pub tables: usize,
    /// How many entries of `tenfold-check.toml` tolerate something.
    pub exceptions: usize,
    /// The violations, by file and line; empty when no boundary is crossed.
    pub violations: Vec<Violation>,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plural = |count: usize| if count == 1 { "" } else { "s" };
        let Self { modules, texts, tables, exceptions, violations } = self;
        let (m, t, b) = (plural(*modules), plural(*texts), plural(*tables));
        write!(f, "checked {modules} module{m}, {texts} text{t} of SQL, {tables} table{b}: ")?;
        match (violations.len(), exceptions) {
            (0, 0) => write!(f, "no boundary is crossed"),
            (0, tolerated) => {
                write!(f, "no boundary is crossed but for {tolerated} exception{}", plural(*tolerated))
            }
            (count, _) => write!(f, "{count} error{}", plural(count)),
        }
    }
}

/// Checks the workspace around `folder`; exceptions are judged as of `today`.
///
/// An error means that the check could not run; a crossed boundary is a [`Report`] with violations.
pub fn check(folder: &Path, today: Date) -> Result<Report, CheckError> {
    check_facts(&WorkspaceFacts::read(folder)?, today)
}

/// As [`check`], on the clock's day (UTC).
pub fn check_today(folder: &Path) -> Result<Report, CheckError> {
    check(folder, outcome::today())
}

/// The diagram of the modules in the workspace around `folder`, as Mermaid.
pub fn mermaid(folder: &Path) -> Result<String, CheckError> {
    Ok(graph::mermaid(&WorkspaceFacts::read(folder)?))
}

fn check_facts(facts: &WorkspaceFacts, today: Date) -> Result<Report, CheckError> {
    let judged = exceptions::apply(&facts.workspace.root, rules::violations(facts), today)?;
    Ok(Report {
        modules: facts.workspace.modules().len(),
        texts: facts.texts,
        tables: facts.named_tables().len(),
        exceptions: judged.exceptions,
        violations: judged.violations,
    })
}
