//! What `--demo` puts into an empty database.

use tenfold::SystemContext;
use tenfold::app::Seeding;

/// Fills the organizations of the demo, and says how to sign in.
pub(crate) fn seed(cx: &SystemContext) -> Seeding<'_> {
    Box::pin(async move {
        for organization in auth::demo::seed(cx).await?.unwrap_or_default() {
            projects::demo::seed(cx, organization.id, &organization.users).await?;
        }
        let password = auth::demo::PASSWORD;
        Ok(format!(
            "  sign in as owner@acme.test (1,000 users), owner@globex.test (10) or both@demo.test (both)\n  \
             with the password {password}, which is also that of the console, /console\n"
        ))
    })
}
