//! Demo data: each module brings its own.

use tenfold_data::{DataError, SystemContext, Tx, sql};

use crate::demo::Fill;
use crate::http::Authenticate;

/// Fills each demo organization with the data of each module that has not filled it yet.
///
/// A module's data and the note that it was stored are committed together. So a killed process leaves nothing half
/// done, and of two processes that start at once only one fills the database. A module whose data is older than these
/// notes is noted and left as it is.
pub(super) async fn fill(
    cx: &SystemContext,
    people: &dyn Authenticate,
    modules: &[(&'static str, Fill)],
) -> anyhow::Result<()> {
    for organization in people.demo_organizations(cx).await? {
        for (module, fill) in modules {
            let cx = cx.within(organization.id);
            let filled = cx.transaction(async |tx| -> Result<(), DataError> {
                if begin(tx, module).await? { fill(tx, &organization).await } else { Ok(()) }
            });
            match filled.await {
                Err(error) if error.is_conflict() => {
                    cx.transaction(async |tx| begin(tx, module).await).await?;
                }
                filled => filled?,
            }
        }
    }
    Ok(())
}

/// Notes that a module fills an organization; false if it was filled before.
async fn begin(tx: &Tx<'_>, module: &str) -> Result<bool, DataError> {
    let noted: Vec<(String,)> = sql!(
        "tenfold_demo.begin",
        "INSERT INTO tenfold_demo (org_id, module, filled_at) VALUES ($1, $2, $3)
         ON CONFLICT (org_id, module) DO NOTHING RETURNING module"
    )
    .bind(module.to_owned())
    .bind(tx.now())
    .repeated("once for each module and demo organization, which are few, and only with --demo")
    .all(tx)
    .await?;
    Ok(!noted.is_empty())
}
