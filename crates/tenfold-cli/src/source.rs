//! What a Rust source says about boundaries: interfaces, registrations, statements, calls.

mod macros;
mod scan;

use std::collections::BTreeMap;

use self::scan::Scan;

pub use self::macros::{Literal, SqlMacro};

/// `.needs::<dyn X>()`, `.provides::<dyn X>()`, `.on::<X, _, _>(…)`: a trait or an event that a registration names.
#[derive(Debug, Clone)]
pub struct NamedUse {
    /// The path with its first segment replaced by what `use` imports for it: `["billing_api", "Billing"]`.
    pub path: Vec<String>,
    /// Line of the call, from 1.
    pub line: usize,
}

impl NamedUse {
    /// The trait's or event's own name.
    pub fn name(&self) -> &str {
        self.path.last().map_or("", String::as_str)
    }
}

/// A trait under `#[module_api(name = "…")]`.
#[derive(Debug, Clone)]
pub struct DeclaredInterface {
    /// The name in the attribute; none when it has none.
    pub module: Option<String>,
    /// The trait's name.
    pub name: String,
    /// The names of its methods.
    pub methods: Vec<String>,
    /// Line of the trait, from 1.
    pub line: usize,
}

/// `impl Event for X`: an event that a module publishes.
#[derive(Debug, Clone)]
pub struct DeclaredEvent {
    /// The type's name.
    pub name: String,
}

/// `impl Job for X`: a kind of job.
#[derive(Debug, Clone)]
pub struct DeclaredJob {
    /// The type's name.
    pub name: String,
    /// Line of the implementation, from 1.
    pub line: usize,
}

/// `#[endpoint(…)] async fn x`: the handler of an operation.
#[derive(Debug, Clone)]
pub struct DeclaredEndpoint {
    /// The function's name.
    pub name: String,
    /// Line of the name, from 1.
    pub line: usize,
}

/// What may have each name once in an application.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum NameKind {
    /// The handler of `#[endpoint(…)]`.
    Operation,
    /// The method and path in `#[endpoint(…)]`.
    Route,
    /// `KIND` in `impl Job for X`.
    Job,
    /// `NAME` in `impl Event for X`.
    Event,
    /// `NAME` in `impl Permission for X`.
    Permission,
}

/// A name that an application may have once.
#[derive(Debug, Clone)]
pub struct UniqueName {
    /// What has it.
    pub kind: NameKind,
    /// The name.
    pub name: String,
    /// Line of the name, from 1.
    pub line: usize,
}

/// `#[entity(table = "…", …)]` over a struct.
#[derive(Debug, Clone)]
pub struct DeclaredEntity {
    /// The table's name.
    pub table: Literal,
    /// The column in `tenant = column`; none for an entity that is global.
    pub tenant: Option<String>,
    /// The columns in `search(column, …)`.
    pub searched: Vec<String>,
}

/// `receiver.method(…)`, reduced to the words that identify a call into another module.
#[derive(Debug, Clone)]
pub struct MethodCall {
    /// The last word of the receiver: a field, a variable, or the trait in `get::<dyn X>()`.
    pub receiver: String,
    /// The method's name.
    pub method: String,
    /// Line of the method's name, from 1.
    pub line: usize,
}

/// The facts of one Rust source. Registrations in test code do not count; statements there do.
#[derive(Debug, Clone, Default)]
pub struct RustSource {
    /// Traits under `#[module_api]`.
    pub interfaces: Vec<DeclaredInterface>,
    /// `Module::new("…")`
    pub registrations: Vec<Literal>,
    /// `.needs::<dyn X>()`
    pub needs: Vec<NamedUse>,
    /// `.provides::<dyn X>(…)`
    pub provides: Vec<NamedUse>,
    /// `impl Event for X`
    pub events: Vec<DeclaredEvent>,
    /// `.on::<X, _, _>(…)`; without the type there, nothing is declared.
    pub listens: Vec<NamedUse>,
    /// `impl Job for X`
    pub jobs: Vec<DeclaredJob>,
    /// `.job::<X>()`
    pub runs: Vec<NamedUse>,
    /// `#[endpoint(…)]`
    pub endpoints: Vec<DeclaredEndpoint>,
    /// Names that an application may have once.
    pub unique: Vec<UniqueName>,
    /// The words in `routes!(…)`: the handlers, and the modules in their paths.
    pub routed: Vec<String>,
    /// Whether `.migrations(…)` is called.
    pub registers_migrations: bool,
    /// `sql!(…)`
    pub statements: Vec<SqlMacro>,
    /// `#[entity(table = "…")]`
    pub entities: Vec<DeclaredEntity>,
    /// What a build script prints for Cargo: `println!("cargo::…")`.
    pub told_cargo: Vec<Literal>,
    /// Method calls on something that has a name.
    pub calls: Vec<MethodCall>,
}

impl RustSource {
    /// Reads the `text` of a Rust source; the error is the parser's message, with its line.
    pub fn read(text: &str) -> Result<Self, (String, usize)> {
        let file =
            syn::parse_file(text).map_err(|error| (error.to_string(), error.span().start().line.max(1)))?;
        let mut scan = Scan::default();
        syn::visit::visit_file(&mut scan, &file);
        let Scan { mut source, imports, .. } = scan;
        for named in source
            .needs
            .iter_mut()
            .chain(&mut source.provides)
            .chain(&mut source.listens)
            .chain(&mut source.runs)
        {
            resolve(&mut named.path, &imports);
        }
        Ok(source)
    }
}

/// Replaces the first segment by the path that `use` imports.
fn resolve(path: &mut Vec<String>, imports: &BTreeMap<String, Vec<String>>) {
    if let Some(full) = path.first().and_then(|first| imports.get(first)) {
        let mut resolved = full.clone();
        resolved.extend(path.drain(1..));
        *path = resolved;
    }
}
