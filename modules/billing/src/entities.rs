//! The module's table as a struct.

use tenfold::prelude::*;

/// What an organization pays for.
#[derive(Debug, Entity)]
#[entity(table = "billing_subscriptions", tenant = org_id)]
pub(crate) struct Subscription {
    #[entity(key)]
    pub org_id: OrgId,
    pub plan: String,
    pub storage_bytes: i64,
    pub created_at: Timestamp,
}
