//! The guard over whose tables the statements of tests touch.

use std::collections::HashSet;
use std::sync::{LazyLock, Mutex, PoisonError};

use tenfold_data::Dialect;
use tenfold_data::testing::plans::Ran;
use tenfold_data::testing::rights::{self, ModuleText};

/// What was judged in this process already: a text of a module, on a database, beside these modules. They belong to it,
/// since the longest name that a table bears owns it.
type Judged = HashSet<(Dialect, Vec<&'static str>, &'static str, String)>;

static JUDGED: LazyLock<Mutex<Judged>> = LazyLock::new(Mutex::default);

/// Judges what was not judged before, and says what reaches past its module's tables.
pub(super) async fn breaches(
    url: &str,
    dialect: Dialect,
    modules: &[&'static str],
    ran: &[Ran],
) -> Vec<String> {
    let new: Vec<ModuleText> = {
        let mut judged = JUDGED.lock().unwrap_or_else(PoisonError::into_inner);
        let is_new = |ran: &&Ran| judged.insert((dialect, modules.to_vec(), ran.module, ran.text.clone()));
        ran.iter().filter(is_new).map(ModuleText::from).collect()
    };
    if new.is_empty() {
        return Vec::new();
    }
    rights::breaches(url, &new).await.iter().map(ToString::to_string).collect()
}
