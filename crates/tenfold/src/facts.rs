//! What an application says about itself while it runs: its version, and its modules with what they need.

use crate::module::{Module, NamedInterface};

/// An application as its list of modules makes it up; handlers take it as [`Use`](crate::Use).
#[derive(Clone, Debug)]
pub struct ApplicationFacts {
    /// Its name.
    pub name: &'static str,
    /// Its version.
    pub version: &'static str,
    /// Its modules, in their order.
    pub modules: Vec<ModuleFacts>,
}

/// A module of a running application.
#[derive(Clone, Debug)]
pub struct ModuleFacts {
    /// Its name, with which the names of its tables begin.
    pub name: &'static str,
    /// The interfaces that it implements for others.
    pub provides: Vec<&'static str>,
    /// The interfaces of other modules that it calls.
    pub needs: Vec<&'static str>,
}

impl ModuleFacts {
    pub(crate) fn of(module: &Module) -> Self {
        let names = |interfaces: &[NamedInterface]| interfaces.iter().map(|one| one.name).collect();
        ModuleFacts { name: module.name, provides: names(&module.provides), needs: names(&module.needs) }
    }
}
