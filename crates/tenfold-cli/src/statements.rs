//! The SQL texts of a workspace, for a test that asks a database whether it could run them.

use std::path::Path;

use crate::error::CheckError;
use crate::facts::{self, Content};
use crate::source::{Literal, SqlMacro};
use crate::violation::FileLine;
use crate::workspace::{Workspace, shown};

/// One `sql!(…)` of the product: sources for tests, benchmarks and examples do not count.
#[derive(Clone, Debug)]
pub struct ProductStatement {
    /// Its name.
    pub name: String,
    /// Its module, or the package of the framework: what telemetry and tests call its module.
    pub module: String,
    /// The text for SQLite.
    pub sqlite: String,
    /// The text for PostgreSQL; usually the same.
    pub postgres: String,
    /// The file and line of the macro.
    pub place: FileLine,
}

/// All statements of the workspace around `folder`, including the framework's, by file and line.
///
/// # Errors
/// When the workspace cannot be read, or a `sql!` is not a name and one text, or a name and two.
pub fn statements(folder: &Path) -> Result<Vec<ProductStatement>, CheckError> {
    let workspace = Workspace::read(folder)?;
    let mut files = Vec::new();
    for package in &workspace.packages {
        let sources = facts::files(&package.folder)?.into_iter();
        let sources = sources.filter(|path| facts::is_product(&package.folder, path));
        let module = package.module().unwrap_or(&package.name);
        files.extend(sources.map(|path| (module, path)));
    }
    let paths: Vec<&Path> = files.iter().map(|(_, path)| path.as_path()).collect();
    let mut found = Vec::new();
    for ((module, path), content) in files.iter().zip(facts::contents(&paths)?) {
        let Content::Source(source) = content else { continue };
        let below = shown(&workspace.root, path);
        let source = source.map_err(|(message, line)| unreadable(&below, line, &message))?;
        // The macro's own definition has no literals.
        for statement in source.statements.iter().filter(|statement| !statement.literals.is_empty()) {
            found.push(read(statement, module, &below)?);
        }
    }
    Ok(found)
}

fn read(statement: &SqlMacro, module: &str, path: &str) -> Result<ProductStatement, CheckError> {
    let text = |literal: &Literal| literal.value.clone();
    let (name, sqlite, postgres) = match &*statement.literals {
        [name, both] => (name, both, both),
        [name, sqlite, postgres] => (name, sqlite, postgres),
        _ => {
            return Err(unreadable(
                path,
                statement.line,
                "`sql!` takes a name and one text, or a name and two",
            ));
        }
    };
    let place = FileLine::new(path, statement.line);
    let module = module.to_owned();
    Ok(ProductStatement { name: text(name), module, sqlite: text(sqlite), postgres: text(postgres), place })
}

fn unreadable(path: &str, line: usize, message: &str) -> CheckError {
    CheckError::Source { place: FileLine::new(path, line), message: message.to_owned() }
}
