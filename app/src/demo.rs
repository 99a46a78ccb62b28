//! The accounts of `--demo`.

use serde::Serialize;

/// An account of the demo.
#[derive(Serialize)]
pub(crate) struct DemoAccount {
    email: &'static str,
    /// What it shows.
    says: &'static str,
}

/// The accounts to try; they all have the password [`tenfold_auth::demo::PASSWORD`].
pub(crate) const ACCOUNTS: &[DemoAccount] = &[
    DemoAccount { email: "owner@acme.test", says: "1,000 users" },
    DemoAccount { email: "owner@globex.test", says: "10 users" },
    DemoAccount { email: "both@demo.test", says: "both organizations" },
];

/// Says how to sign in.
pub(crate) fn welcome() -> String {
    let accounts: Vec<String> =
        ACCOUNTS.iter().map(|account| format!("{} ({})", account.email, account.says)).collect();
    let password = tenfold_auth::demo::PASSWORD;
    format!(
        "  sign in as {}\n  with the password {password}; the console, /console, has the same password\n",
        accounts.join(", ")
    )
}
