//! The end of an organization: every module erases what it has of it.

use serde::{Deserialize, Serialize};
use tenfold_data::{Database, OrgId};
use tenfold_jobs::Event;

use crate::module::Module;

/// An organization is being erased, for good. Every module with tables of organizations answers it by
/// [`Module::erases`](crate::Module::erases).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrganizationErased {
    /// Nobody works in it any more, and none of its jobs runs.
    pub organization: OrgId,
}

impl Event for OrganizationErased {
    const NAME: &'static str = "tenfold.organization_erased";
}

/// Warns of modules that keep rows of organizations and do not erase them: an erasure would wait for them for ever.
pub(crate) fn announce_forgetful(modules: &[Module], database: &Database) {
    let tables = database.tables_of_organizations();
    for module in modules.iter().filter(|module| !module.erases) {
        // As for the guard over rights, the longest name that matches has the table.
        let prefix = |name: &str| format!("{}_", name.replace('-', "_"));
        let owner = |table: &str| {
            let bears = modules.iter().filter(|other| table.starts_with(&prefix(other.name)));
            bears.max_by_key(|other| other.name.len()).map(|other| other.name)
        };
        if let Some(table) = tables.iter().find(|table| owner(table) == Some(module.name)) {
            tracing::warn!(
                module = module.name,
                table,
                "the module keeps rows of organizations and does not say how it erases them: add `.erases(…)` where it is built \
                 with Module::new(…); until then no closed organization can be erased"
            );
        }
    }
}
