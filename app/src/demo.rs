//! What `--demo` puts into an empty database.

use serde::Serialize;
use tenfold::SystemContext;
use tenfold::app::Seeding;

/// Somebody whom one can sign in as.
#[derive(Serialize)]
pub(crate) struct DemoAccount {
    email: &'static str,
    /// What there is to see.
    says: &'static str,
}

/// Those worth a visit; the password of all is [`auth::demo::PASSWORD`].
pub(crate) const ACCOUNTS: &[DemoAccount] = &[
    DemoAccount { email: "owner@acme.test", says: "1,000 users" },
    DemoAccount { email: "owner@globex.test", says: "10 users" },
    DemoAccount { email: "both@demo.test", says: "both organizations" },
];

/// Fills the organizations of the demo, and says how to sign in.
pub(crate) fn seed(cx: &SystemContext) -> Seeding<'_> {
    Box::pin(async move {
        for organization in auth::demo::seed(cx).await?.unwrap_or_default() {
            projects::demo::seed(cx, organization.id, &organization.users).await?;
        }
        let accounts: Vec<String> =
            ACCOUNTS.iter().map(|account| format!("{} ({})", account.email, account.says)).collect();
        let password = auth::demo::PASSWORD;
        Ok(format!(
            "  sign in as {}\n  with the password {password}, which is also that of the console, /console\n",
            accounts.join(", ")
        ))
    })
}
