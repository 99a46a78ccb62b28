//! The guard over whose tables statements touch. It tolerates what `tenfold check` does.

use std::collections::HashSet;
use std::sync::{LazyLock, Mutex, PoisonError};

use serde::Deserialize;
use tenfold_data::Dialect;
use tenfold_data::testing::plans::Ran;
use tenfold_data::testing::rights::{self, Breach, ModuleText, Reach};

use super::exceptions;

/// The exceptions of `tenfold check`, which sees to it that each has a reason, a use and an end.
const EXCEPTIONS: &str = "tenfold-check.toml";

/// The rule from which an exception lets a module reach another's table.
const RULE: &str = "tables";

#[derive(Default, Deserialize)]
struct Exceptions {
    #[serde(default)]
    allow: Vec<Allow>,
}

#[derive(Deserialize)]
struct Allow {
    rule: String,
    #[serde(rename = "where")]
    path: String,
    names: Option<String>,
}

impl Allow {
    /// Whether the statement may reach the table. An exception that names the table is for all of its module: a file
    /// declares the entity, and others ask for it.
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

/// What was judged in this process already: a text of a module, on a database, beside these modules. They belong to it,
/// since the longest name that a table bears owns it.
type Judged = HashSet<(Dialect, Vec<&'static str>, &'static str, String)>;

static JUDGED: LazyLock<Mutex<Judged>> = LazyLock::new(Mutex::default);

/// Judges what was not judged before, and says what reaches past its module's tables.
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

/// What of these texts reaches past its module's tables and is not tolerated.
pub(super) async fn breaches(url: &str, texts: &[ModuleText]) -> Vec<Breach> {
    let (exceptions, _): (Exceptions, _) = exceptions::read(EXCEPTIONS);
    let found = rights::breaches(url, texts).await;
    found.into_iter().filter_map(|breach| remaining(&exceptions, breach)).collect()
}

/// The breach without what is tolerated.
fn remaining(exceptions: &Exceptions, mut breach: Breach) -> Option<Breach> {
    let Breach { statement, reaches, .. } = &mut breach;
    let tolerated = |name: &str| exceptions.allow.iter().any(|allow| allow.covers(statement, name));
    reaches.retain(|reach| match reach {
        Reach::Table { name, .. } => !tolerated(name),
        Reach::Other(_) => true,
    });
    (!breach.reaches.is_empty()).then_some(breach)
}

#[cfg(test)]
mod tests {
    use tenfold_data::Dialect;

    use super::{Breach, Exceptions, ModuleText, Reach, remaining};

    /// The tables that are left of two when this exception is made for a statement of billing.
    fn left(rule: &str, path: &str, names: &str) -> Vec<String> {
        let list = format!(
            "[[allow]]\nrule = \"{rule}\"\nwhere = \"{path}\"\n{names}\nreason = \"x\"\nuntil = \"y\""
        );
        let exceptions: Exceptions = toml::from_str(&list).expect("a list of exceptions");
        let statement = ModuleText {
            name: "billing.report".to_owned(),
            module: "billing".to_owned(),
            place: "modules/billing/src/report.rs:7:5".to_owned(),
            text: "SELECT 1".to_owned(),
        };
        let table = |name: &str| Reach::Table { name: name.to_owned(), owner: Some("auth".to_owned()) };
        let reaches = ["auth_sessions", "auth_users"].map(table).into();
        let breach = Breach { statement, dialect: Dialect::Sqlite, reaches };
        let left = remaining(&exceptions, breach).map(|breach| breach.reaches).unwrap_or_default();
        let name = |reach| match reach {
            Reach::Table { name, .. } => name,
            Reach::Other(what) => what,
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
