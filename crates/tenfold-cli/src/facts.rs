//! Everything the rules examine, read once.

mod reading;

use std::collections::BTreeSet;
use std::path::Path;

use crate::error::CheckError;
use crate::imports::{Arrow, CrateFiles, DefinedType};
use crate::source::{DeclaredEvent, DeclaredInterface, Literal, RustSource, SqlMacro};
use crate::sql::{self, Naming, TableName, Unparsable};
use crate::violation::{FileLine, Rule, Violation};
use crate::workspace::{Package, PackageRole, Workspace, shown};

pub use self::reading::{Content, contents, files, is_product};

/// One Rust source of a module or an application.
#[derive(Debug)]
pub struct SourceFile {
    /// Index of its package in [`Workspace::packages`].
    pub package: usize,
    /// Its path below the workspace root.
    pub path: String,
    /// Whether it is part of the product: below `tests/`, `benches/` and `examples/` it is not.
    pub is_product: bool,
    /// Its content.
    pub source: RustSource,
}

/// A table that a text of a package names.
#[derive(Debug)]
pub struct TableUse {
    /// Index of the package.
    pub package: usize,
    /// Where the text names it.
    pub place: FileLine,
    /// The table.
    pub table: TableName,
}

/// A migration of a module.
#[derive(Debug)]
pub struct MigrationText {
    /// Index of its package.
    pub package: usize,
    /// Its path below the workspace root.
    pub path: String,
    /// Its content.
    pub text: String,
}

/// The files of one crate: which of them imports which, and the types that they define.
#[derive(Debug)]
pub struct FileArrows {
    /// Paths below the workspace root.
    pub paths: Vec<String>,
    /// The imports between them, by index in `paths`.
    pub arrows: Vec<Arrow>,
    /// Their types, by index in `paths`.
    pub types: Vec<DefinedType>,
}

/// The workspace with its sources and its SQL.
#[derive(Debug)]
pub struct WorkspaceFacts {
    /// The packages.
    pub workspace: Workspace,
    /// The sources of modules and applications, by path.
    pub sources: Vec<SourceFile>,
    /// Every table that they name.
    pub tables: Vec<TableUse>,
    /// The migrations, by path.
    pub migrations: Vec<MigrationText>,
    /// Which files of each crate import which others, and define which types.
    pub file_arrows: Vec<FileArrows>,
    /// How many SQL texts were read: literals in `sql!` and migrations.
    pub texts: usize,
    /// What could not be read.
    pub unreadable: Vec<Violation>,
}

impl WorkspaceFacts {
    /// The migrations that PostgreSQL runs: all except those for SQLite only.
    pub fn migrations_on_postgres(&self) -> impl Iterator<Item = &MigrationText> {
        self.migrations.iter().filter(|file| !file.path.ends_with(".sqlite.sql"))
    }

    /// The migrations that SQLite runs: all except those for PostgreSQL only.
    pub fn migrations_on_sqlite(&self) -> impl Iterator<Item = &MigrationText> {
        self.migrations.iter().filter(|file| !file.path.ends_with(".postgres.sql"))
    }

    /// Reads the workspace around `folder`: manifests, and the sources and migrations of modules and
    /// applications. Of the framework's sources only the imports and the names of types are read.
    pub fn read(folder: &Path) -> Result<Self, CheckError> {
        let workspace = Workspace::read(folder)?;
        let mut facts = Self {
            workspace,
            sources: Vec::new(),
            tables: Vec::new(),
            migrations: Vec::new(),
            file_arrows: Vec::new(),
            texts: 0,
            unreadable: Vec::new(),
        };
        let mut found = Vec::new();
        for (index, package) in facts.workspace.packages.iter().enumerate() {
            if package.module().is_some() || package.role == PackageRole::Application {
                found.extend(files(&package.folder)?.into_iter().map(|path| (index, path)));
            }
        }
        let paths: Vec<&Path> = found.iter().map(|(_, path)| path.as_path()).collect();
        for ((package, path), content) in found.iter().zip(contents(&paths)?) {
            facts.take(*package, path, content);
        }
        facts.file_arrows = file_arrows(&facts.workspace)?;
        Ok(facts)
    }

    /// The package at `index`.
    pub fn package(&self, index: usize) -> &Package {
        &self.workspace.packages[index]
    }

    /// The product's sources of `module`'s implementation.
    pub fn implementation<'a>(&'a self, module: &'a str) -> impl Iterator<Item = &'a SourceFile> {
        self.sources.iter().filter(move |file| {
            let role = &self.package(file.package).role;
            file.is_product && matches!(role, PackageRole::Implementation(name) if name == module)
        })
    }

    /// Every interface with its module and its source.
    pub fn interfaces(&self) -> impl Iterator<Item = (&str, &SourceFile, &DeclaredInterface)> {
        self.of_interfaces().flat_map(|(module, file)| {
            file.source.interfaces.iter().map(move |interface| (module, file, interface))
        })
    }

    /// Every event that an interface package declares, with its module and its source.
    pub fn events(&self) -> impl Iterator<Item = (&str, &SourceFile, &DeclaredEvent)> {
        self.of_interfaces()
            .flat_map(|(module, file)| file.source.events.iter().map(move |event| (module, file, event)))
    }

    /// The product's sources of interface packages, each with its module.
    fn of_interfaces(&self) -> impl Iterator<Item = (&str, &SourceFile)> {
        self.sources.iter().filter(|file| file.is_product).filter_map(|file| {
            match &self.package(file.package).role {
                PackageRole::Interface(module) => Some((module.as_str(), file)),
                _ => None,
            }
        })
    }

    fn take(&mut self, package: usize, path: &Path, content: Content) {
        let below = shown(&self.workspace.root, path);
        match content {
            Content::Migration(text) => {
                self.read_migration(package, &below, &text);
                self.migrations.push(MigrationText { package, path: below, text });
            }
            Content::Source(Ok(source)) => self.take_source(package, path, below, *source),
            Content::Source(Err((message, line))) => self.unreadable.push(Violation::new(
                Rule::Sources,
                FileLine::new(&below, line),
                &below,
                format!("the check cannot parse this source: {message}"),
                "fix the syntax; until then its boundaries cannot be checked",
            )),
        }
    }

    fn take_source(&mut self, package: usize, path: &Path, below: String, source: RustSource) {
        for entity in &source.entities {
            let (name, line) = (entity.table.value.to_lowercase(), entity.table.line);
            let (schema, name) = match name.rsplit_once('.') {
                Some((schema, name)) => (Some(schema.to_owned()), name.to_owned()),
                None => (None, name),
            };
            let table = TableName { line, schema, name, naming: Naming::Uses };
            self.tables.push(TableUse { package, place: FileLine::new(&below, line), table });
        }
        for statement in &source.statements {
            self.read_statement(package, &below, statement);
        }
        let is_product = is_product(&self.package(package).folder, path);
        self.sources.push(SourceFile { package, path: below, is_product, source });
    }

    /// Reads the literals of one `sql!`. A text that looks like a statement must be one; anything else
    /// (the statement's name, a bound value) counts only if it parses and names a table.
    fn read_statement(&mut self, package: usize, path: &str, statement: &SqlMacro) {
        let looks = |literal: &&Literal| sql::looks_like_sql(&literal.value);
        let texts = statement.literals.iter().filter(looks).count();
        let mut read = 0;
        for (index, literal) in statement.literals.iter().enumerate() {
            let must_parse = looks(&literal);
            match sql::tables(&literal.value, Unparsable::Refuse) {
                Ok(tables) if must_parse || !tables.is_empty() => {
                    read += 1;
                    self.take_tables(package, path, literal, tables);
                }
                // A name in words, such as `"insert an audit entry"`, followed by the text.
                Err(message) if must_parse && (index > 0 || texts == 1) => {
                    self.unreadable.push(unparsable(FileLine::new(path, literal.line), path, &message));
                }
                Ok(_) | Err(_) => {}
            }
        }
        self.texts += read;
        if texts + read == 0 {
            self.unreadable.push(Violation::new(
                Rule::Sql,
                FileLine::new(path, statement.line),
                path,
                "this `sql!` has no SQL as a string literal".to_owned(),
                "write the statement as a literal in the macro: a text built elsewhere cannot be checked",
            ));
        }
    }

    fn take_tables(&mut self, package: usize, path: &str, literal: &Literal, tables: Vec<TableName>) {
        for table in tables {
            let line = if literal.keeps_lines { literal.line + table.line - 1 } else { literal.line };
            self.tables.push(TableUse { package, place: FileLine::new(path, line), table });
        }
    }

    fn read_migration(&mut self, package: usize, path: &str, text: &str) {
        let is_for_one_database = path.ends_with(".sqlite.sql") || path.ends_with(".postgres.sql");
        let unreadable = if is_for_one_database { Unparsable::ScanWords } else { Unparsable::Refuse };
        match sql::tables(text, unreadable) {
            Ok(tables) => {
                self.texts += 1;
                self.tables.extend(tables.into_iter().map(|table| TableUse {
                    package,
                    place: FileLine::new(path, table.line),
                    table,
                }));
            }
            Err(message) => {
                let line = line_of(&message).unwrap_or(1);
                self.unreadable.push(unparsable(FileLine::new(path, line), path, &message));
            }
        }
    }

    /// The distinct tables that the packages of modules name, for the summary.
    pub fn named_tables(&self) -> BTreeSet<&str> {
        let of_modules = self.tables.iter().filter(|found| self.package(found.package).module().is_some());
        of_modules.map(|found| found.table.name.as_str()).collect()
    }
}

fn unparsable(place: FileLine, names: &str, message: &str) -> Violation {
    Violation::new(
        Rule::Sql,
        place,
        names,
        format!("this SQL cannot be parsed, so its tables are unknown ({message})"),
        "fix the text; a migration for one database goes into *.sqlite.sql or *.postgres.sql",
    )
}

/// The line in `… at Line: 3, Column: 7`, as the parsers format it.
fn line_of(message: &str) -> Option<usize> {
    let (_, after) = message.split_once("Line: ")?;
    after.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

/// Reads which file imports which and defines which types, in the library and the program of each package.
fn file_arrows(workspace: &Workspace) -> Result<Vec<FileArrows>, CheckError> {
    let mut found = Vec::new();
    for package in workspace.packages.iter().filter(|package| !package.is_external) {
        let (library, program) = (package.folder.join("src/lib.rs"), package.folder.join("src/main.rs"));
        let library =
            library.exists().then(|| CrateFiles::of_library(&library, &package.name)).transpose()?;
        let program = program.exists().then(|| CrateFiles::of_program(&program)).transpose()?;
        for CrateFiles { paths, arrows, types } in library.into_iter().chain(program) {
            let paths = paths.iter().map(|path| shown(&workspace.root, path)).collect();
            found.push(FileArrows { paths, arrows, types });
        }
    }
    Ok(found)
}
