//! Who can be signed in as with `--demo`.

use serde::Serialize;

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

/// Says how to sign in.
pub(crate) fn welcome() -> String {
    let accounts: Vec<String> =
        ACCOUNTS.iter().map(|account| format!("{} ({})", account.email, account.says)).collect();
    let password = auth::demo::PASSWORD;
    format!(
        "  sign in as {}\n  with the password {password}, which is also that of the console, /console\n",
        accounts.join(", ")
    )
}
