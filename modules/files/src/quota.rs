//! How much an organization may still store: billing says the limit, this module counts.

use billing_api::{BillingClient, StorageQuota};
use tenfold::config::ByteSize;
use tenfold::http::StatusCode;
use tenfold::prelude::*;

use crate::entities::Usage;

/// The limit, and what was used when somebody asked.
pub(crate) struct Allowance {
    quota: StorageQuota,
    used: u64,
}

impl Allowance {
    /// Asks; two statements for any number of files.
    pub(crate) async fn ask(cx: &Context, billing: &BillingClient) -> Result<Self, Problem> {
        let quota = billing.storage(cx).await?;
        let usage = Usage::find(cx, cx.tenant()).await?;
        let used = usage.map_or(0, |usage| u64::try_from(usage.bytes).unwrap_or(0));
        Ok(Allowance { quota, used })
    }

    /// The bytes that are left.
    pub(crate) fn left(&self) -> u64 {
        self.quota.limit_bytes.saturating_sub(self.used)
    }

    /// Refuses a file of at least this many bytes if there is no room for it.
    ///
    /// # Errors
    /// 402 `storage-quota`, with the limit and what is left.
    pub(crate) fn check(&self, size: u64) -> Result<(), Problem> {
        if size <= self.left() { Ok(()) } else { Err(self.exceeded()) }
    }

    /// Counts a file in the transaction that stores its row.
    ///
    /// # Errors
    /// 402 as [`Allowance::check`], when other uploads took the room meanwhile.
    pub(crate) async fn take(&self, tx: &Tx<'_>, size: u64) -> Result<(), Problem> {
        self.check(size)?;
        let limit = i64::try_from(self.quota.limit_bytes).unwrap_or(i64::MAX);
        let taken = sql!(
            "files_usage.take",
            "INSERT INTO files_usage (org_id, bytes) VALUES ($1, $2)
             ON CONFLICT (org_id) DO UPDATE SET bytes = files_usage.bytes + excluded.bytes
             WHERE files_usage.bytes + excluded.bytes <= $3"
        )
        .bind(i64::try_from(size).unwrap_or(i64::MAX))
        .bind(limit)
        .execute(tx)
        .await?;
        if taken == 0 { Err(self.exceeded()) } else { Ok(()) }
    }

    fn exceeded(&self) -> Problem {
        let StorageQuota { plan, limit_bytes } = &self.quota;
        Problem::new(StatusCode::PAYMENT_REQUIRED, "storage-quota", "There is no room left in your plan")
            .detail(format!(
                "the plan {plan} allows {} of files, and {} are left: delete files, or take a larger plan",
                ByteSize::bytes(*limit_bytes),
                ByteSize::bytes(self.left())
            ))
    }
}

/// Counts a file no more.
pub(crate) async fn give_back(tx: &Tx<'_>, size: i64) -> Result<(), DataError> {
    Usage::update(tx.tenant()).add(Usage::bytes, -size).run(tx).await
}
