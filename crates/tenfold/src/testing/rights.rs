//! The guard over the ownership of the tables that statements touch. It tolerates what `tenfold check` does.

use std::collections::HashSet;
use std::sync::{LazyLock, Mutex, PoisonError};

use serde::Deserialize;
use tenfold_data::Dialect;
use tenfold_data::testing::plans::Ran;
use tenfold_data::testing::rights::{self, Breach, ModuleText, TouchedObject};

use super::exceptions;

/// The exceptions of `tenfold check`, which checks that each has a reason, a use and an end.
const EXCEPTIONS: &str = "tenfold-check.toml";

/// The rule whose exceptions let a module use another module's table.
const RULE: &str = "tables";

#[derive(Default, Deserialize)]
struct ReachExceptions {
    #[serde(default)]
    allow: Vec<AllowedReach>,
}

#[derive(Deserialize)]
struct AllowedReach {
    rule: String,
    #[serde(rename = "where")]
    path: String,
    names: Option<String>,
}

impl AllowedReach {
    /// Whether the statement may use the table. An exception that names the table holds for the whole module: one
    /// file declares the entity, and others query it.
    fn covers(&self, statement: &ModuleText, table: &str) -> bool {
        let file = statement.place.split(':').next().unwrap_or_default();
        let is_of_module = || {
            let folder = format!("modules/{}/", statement.module);
            self.path.starts_with(&folder) || self.path.contains(&format!("/{folder}"))
        };
        let is_for = self
            .names
            .as_ref()
            .map_or(self.path == file, |names| names == table && (self.path == file || is_of_module()));
        self.rule == RULE && is_for
    }
}

/// The statements that this process has checked already: a text of a module, on a database, beside these modules. The
/// modules are part of the key, since a table belongs to the module with the longest matching prefix.
type JudgedStatements = HashSet<(Dialect, Vec<&'static str>, &'static str, String)>;

static JUDGED: LazyLock<Mutex<JudgedStatements>> = LazyLock::new(Mutex::default);

/// Checks the statements that were not checked before, and returns those that use tables of other modules.
pub(super) async fn new_breaches(
    url: &str,
    dialect: Dialect,
    modules: &[&'static str],
    ran: &[Ran],
) -> Vec<Breach> {
    let new: Vec<ModuleText> = {
        let mut judged = JUDGED.lock().unwrap_or_else(PoisonError::into_inner);
        let is_new = |ran: &&Ran| judged.insert((dialect, modules.to_vec(), ran.module, ran.text.clone()));
        ran.iter().filter(is_new).map(ModuleText::from).collect()
    };
    if new.is_empty() { Vec::new() } else { breaches(url, &new).await }
}

/// The texts of authors that write a table and do not say so.
pub(super) async fn unsaid(url: &str, ran: &[Ran]) -> Vec<String> {
    rights::unsaid(url, ran).await.iter().map(ToString::to_string).collect()
}

/// Which of these statements use tables of other modules and are not tolerated.
pub(super) async fn breaches(url: &str, texts: &[ModuleText]) -> Vec<Breach> {
    let (exceptions, _): (ReachExceptions, _) = exceptions::read(EXCEPTIONS);
    let found = rights::breaches(url, texts).await;
    found.into_iter().filter_map(|breach| remaining(&exceptions, breach)).collect()
}

/// The breach without the tolerated tables.
fn remaining(exceptions: &ReachExceptions, mut breach: Breach) -> Option<Breach> {
    let Breach { statement, reaches, .. } = &mut breach;
    let tolerated = |name: &str| exceptions.allow.iter().any(|allow| allow.covers(statement, name));
    reaches.retain(|reach| match reach {
        TouchedObject::Table { name, .. } => !tolerated(name),
        TouchedObject::Other(_) => true,
    });
    (!breach.reaches.is_empty()).then_some(breach)
}

#[cfg(test)]
mod tests {
    use tenfold_data::Dialect;

    use super::{Breach, ModuleText, ReachExceptions, TouchedObject, remaining};

    /// The tables that remain of two when billing's statement gets this exception.
    fn left(rule: &str, path: &str, names: &str) -> Vec<String> {
        let list = format!(
            "[[allow]]\nrule = \"{rule}\"\nwhere = \"{path}\"\n{names}\nreason = \"x\"\nuntil = \"y\""
        );
        let exceptions: ReachExceptions = toml::from_str(&list).expect("a list of exceptions");
        let statement = ModuleText {
            name: "billing.report".to_owned(),
            module: "billing".to_owned(),
            place: "modules/billing/src/report.rs:7:5".to_owned(),
            text: "SELECT 1".to_owned(),
        };
        let table =
            |name: &str| TouchedObject::Table { name: name.to_owned(), owner: Some("auth".to_owned()) };
        let reaches = ["auth_sessions", "auth_users"].map(table).into();
        let breach = Breach { statement, dialect: Dialect::Sqlite, reaches };
        let left = remaining(&exceptions, breach).map(|breach| breach.reaches).unwrap_or_default();
        let name = |reach| match reach {
            TouchedObject::Table { name, .. } => name,
            TouchedObject::Other(what) => what,
        };
        left.into_iter().map(name).collect()
    }

    const BOTH: [&str; 2] = ["auth_sessions", "auth_users"];
    const USERS: &str = "names = \"auth_users\"";

    #[test]
    fn an_exception_of_the_check_is_one_of_the_guard() {
        assert!(left("tables", "modules/billing/src/report.rs", "").is_empty());
        assert_eq!(left("tables", "modules/billing/src/report.rs", USERS), ["auth_sessions"]);
    }

    #[test]
    fn a_table_that_is_named_is_tolerated_in_all_of_the_module_that_declares_its_entity() {
        assert_eq!(left("tables", "modules/billing/src/entities.rs", USERS), ["auth_sessions"]);
        assert_eq!(left("tables", "app/modules/billing/src/entities.rs", USERS), ["auth_sessions"]);
        assert_eq!(left("tables", "modules/billing/src/entities.rs", ""), BOTH);
    }

    #[test]
    fn exceptions_of_others_and_from_other_rules_tolerate_nothing() {
        assert_eq!(left("tables", "modules/files/src/report.rs", USERS), BOTH);
        assert_eq!(left("foreign-key", "modules/billing/src/report.rs", ""), BOTH);
    }
}
