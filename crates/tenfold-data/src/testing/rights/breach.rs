//! Which module may touch which table, and how a violation is reported.

use std::collections::BTreeSet;
use std::fmt;

use crate::statement::Dialect;
use crate::testing::plans::Ran;

/// The framework's name in the migration history. Its packages are `tenfold` and `tenfold-…`.
const FRAMEWORK: &str = "tenfold";

/// An SQL text, and the module that owns it.
#[derive(Clone, Debug)]
pub struct ModuleText {
    /// The statement's name.
    pub name: String,
    /// The module that owns it: the name of the package with its `sql!` or its entity.
    pub module: String,
    /// The file and line that ran it.
    pub place: String,
    /// The text.
    pub text: String,
}

impl From<&Ran> for ModuleText {
    fn from(ran: &Ran) -> Self {
        ModuleText {
            name: ran.name.clone(),
            module: ran.module.to_owned(),
            place: ran.site.to_string(),
            text: ran.text.clone(),
        }
    }
}

/// A statement that touches tables outside its module.
#[derive(Clone, Debug)]
pub struct Breach {
    /// The statement.
    pub statement: ModuleText,
    /// On which database.
    pub dialect: Dialect,
    /// What it touches.
    pub reaches: BTreeSet<TouchedObject>,
}

/// Something that a statement touches but may not.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TouchedObject {
    /// A table or view of another module.
    Table {
        /// Its name.
        name: String,
        /// The module that it belongs to; `None` if its name has no module's prefix.
        owner: Option<String>,
    },
    /// Something other than a table, or a text that the database cannot check, in the database's words.
    Other(String),
}

impl fmt::Display for Breach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ModuleText { name, module, place, text } = &self.statement;
        writeln!(f, "{name} (module {module}) reaches past its tables on {}", self.dialect.system_name())?;
        writeln!(f, "  asked for at {place}")?;
        write!(f, "  {}", text.split_whitespace().collect::<Vec<_>>().join(" "))?;
        for reach in &self.reaches {
            match reach {
                TouchedObject::Table { name, owner: Some(owner) } if owner == FRAMEWORK => write!(
                    f,
                    "\n  {name} belongs to the framework: use what it offers (tx.enqueue, tx.publish) instead of its \
                     tables"
                )?,
                TouchedObject::Table { name, owner: Some(owner) } => write!(
                    f,
                    "\n  {name} belongs to module {owner}: call {owner} through its interface ({owner}-api); what a list \
                     needs for each row is a call with `batch_by`"
                )?,
                TouchedObject::Table { name, owner: None } => write!(
                    f,
                    "\n  {name} bears the name of no module that has migrations, so nobody may touch it: call it \
                     {}{name}",
                    prefix(module)
                )?,
                TouchedObject::Other(what) => write!(f, "\n  {what}")?,
            }
        }
        Ok(())
    }
}

/// Which modules have migrations, in the database's own history.
pub(super) const MODULES: &str = "SELECT DISTINCT module FROM tenfold_migrations";

/// The owners of tables: the modules that have migrations.
pub(super) struct Owners(BTreeSet<String>);

impl Owners {
    pub(super) fn new(modules: impl IntoIterator<Item = String>) -> Self {
        Owners(modules.into_iter().chain([FRAMEWORK.to_owned()]).collect())
    }

    /// The module whose prefix `table` has. If both `auth` and `auth-tokens` match, it is the longer one. `tenfold
    /// check` applies the same rule to migrations.
    pub(super) fn of(&self, table: &str) -> Option<&str> {
        let bears = self.0.iter().filter(|module| table.starts_with(&prefix(module)));
        bears.max_by_key(|module| module.len()).map(String::as_str)
    }

    /// The module that a package belongs to: the module of that name, the one whose interface it is, or the framework.
    /// Any other package, such as the application's, owns nothing.
    pub(super) fn module_of<'a>(&'a self, package: &'a str) -> &'a str {
        let known = [Some(package), package.strip_suffix("-api")];
        let known = known.into_iter().flatten().find(|module| self.0.contains(*module));
        let is_framework = package.strip_prefix(FRAMEWORK).is_some_and(|rest| rest.starts_with('-'));
        known.unwrap_or(if is_framework { FRAMEWORK } else { package })
    }

    pub(super) fn may_touch(&self, package: &str, table: &str) -> bool {
        self.of(table) == Some(self.module_of(package))
    }

    pub(super) fn reach(&self, table: &str) -> TouchedObject {
        TouchedObject::Table { name: table.to_owned(), owner: self.of(table).map(str::to_owned) }
    }
}

/// The prefix of a module's table names.
fn prefix(module: &str) -> String {
    format!("{}_", module.replace('-', "_"))
}

/// A breach, if the statement touches anything forbidden.
pub(super) fn judged(
    statement: &ModuleText,
    dialect: Dialect,
    reaches: BTreeSet<TouchedObject>,
) -> Option<Breach> {
    (!reaches.is_empty()).then(|| Breach { statement: statement.clone(), dialect, reaches })
}
