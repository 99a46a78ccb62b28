//! How much an organization may still store: billing sets the limit, this module counts, and an upload reserves its
//! space before its bytes arrive.
//!
//! A row holds the stored total, and reservations hold running uploads. Together they stay within the limit, since
//! every change first locks the organization's row. A reservation lasts for `files.reservation_lease` and is renewed
//! while bytes arrive, so those of a killed process expire.

use std::time::Duration;

use tenfold::config::ByteSize;
use tenfold::data::Database;
use tenfold::http::StatusCode;
use tenfold::prelude::*;
use tenfold_billing_api::{BillingClient, StorageQuota};
use tenfold_files_api::FileId;

use crate::service::Files;

/// What an upload of unknown length reserves at a time, in bytes. At most this much is reserved without being used. If
/// less is left, each piece is reserved after it has arrived.
const STEP: u64 = 4 * 1024 * 1024;

/// The reserved space of a running upload. Dropping it gives it back.
pub(crate) struct ReservedSpace {
    quota: StorageQuota,
    org_id: OrgId,
    file: FileId,
    lease: Duration,
    /// The maximum file size, which needs no more space.
    max_size: u64,
    reserved: u64,
    renew_at: Timestamp,
    /// The database to give it back in, until that is done.
    database: Option<Database>,
}

impl ReservedSpace {
    /// Queries the limit, and reserves the announced length.
    ///
    /// # Errors
    /// 402 `storage-quota`, with the limit and what is left.
    pub(crate) async fn reserve(
        cx: &Context,
        files: &Files,
        billing: &BillingClient,
        file: FileId,
        length: u64,
    ) -> Result<Self, Problem> {
        let mut room = ReservedSpace {
            quota: billing.storage(cx).await?,
            org_id: cx.tenant(),
            file,
            lease: files.reservation_lease,
            max_size: files.max_size,
            reserved: 0,
            renew_at: cx.now(),
            database: None,
        };
        room.set(cx, length).await?;
        room.database = Some(files.database.clone());
        Ok(room)
    }

    /// Whether `size` bytes are reserved, and stay so for a while.
    pub(crate) fn covers(&self, size: u64, now: Timestamp) -> bool {
        size <= self.reserved && now < self.renew_at
    }

    /// Ensures that `size` bytes are reserved.
    ///
    /// # Errors
    /// 402 as [`ReservedSpace::reserve`].
    pub(crate) async fn extend(&mut self, cx: &Context, size: u64) -> Result<(), Problem> {
        let size = size.max(self.reserved);
        if size > self.reserved {
            let ahead = size.next_multiple_of(STEP).min(self.max_size).max(size);
            match self.set(cx, ahead).await {
                Err(problem) if problem.status() == StatusCode::PAYMENT_REQUIRED => {}
                done => return done,
            }
        }
        self.set(cx, size).await
    }

    async fn set(&mut self, cx: &Context, bytes: u64) -> Result<(), Problem> {
        let (file, until) = (self.file, cx.now() + self.lease);
        let taken = cx
            .transaction(async |tx| -> Result<(), Problem> {
                lock(tx).await?;
                sql!(
                    "files_reservations.set",
                    "INSERT INTO files_reservations (org_id, id, bytes, expires_at) VALUES ($1, $2, $3, $4)
                     ON CONFLICT (org_id, id) DO UPDATE SET bytes = excluded.bytes, expires_at = excluded.expires_at"
                )
                .changes("files_reservations")
                .bind(file)
                .bind(i64::try_from(bytes).unwrap_or(i64::MAX))
                .bind(until)
                .execute(tx)
                .await?;
                self.check(bytes, taken(tx).await?)
            })
            .await;
        taken?;
        self.reserved = bytes;
        self.renew_at = cx.now() + self.lease / 3;
        Ok(())
    }

    /// Counts the file in the transaction that stores its row, in place of its reservation.
    ///
    /// # Errors
    /// 402 as [`ReservedSpace::reserve`], when the reservation had expired and others used the space.
    pub(crate) async fn take(&self, tx: &Tx<'_>, size: u64) -> Result<(), Problem> {
        // Lock the organization's row first, as everywhere else.
        sql!(
            "files_usage.take",
            "INSERT INTO files_usage (org_id, bytes) VALUES ($1, $2)
             ON CONFLICT (org_id) DO UPDATE SET bytes = files_usage.bytes + excluded.bytes"
        )
        .changes("files_usage")
        .bind(i64::try_from(size).unwrap_or(i64::MAX))
        .execute(tx)
        .await?;
        let reserved: Option<(i64,)> = sql!(
            "files_reservations.end",
            "DELETE FROM files_reservations WHERE org_id = $1 AND id = $2 AND expires_at > $3 RETURNING bytes"
        )
        .changes("files_reservations")
        .bind(self.file)
        .bind(tx.now())
        .first(tx)
        .await?;
        if reserved.is_some_and(|(bytes,)| u64::try_from(bytes).is_ok_and(|bytes| bytes >= size)) {
            return Ok(());
        }
        self.check(size, taken(tx).await?)
    }

    /// The file's row now counts the space.
    pub(crate) fn keep(mut self) {
        self.database = None;
    }

    /// Gives back the reservation; does nothing once a file has used it.
    pub(crate) async fn give_back(mut self, cx: &Context) {
        if self.database.take().is_some()
            && let Err(error) = release(cx, self.file).await
        {
            tracing::warn!(%error, "the room of an upload that broke off is free when its reservation expires");
        }
    }

    /// `taken` includes the `size` bytes of this upload.
    fn check(&self, size: u64, taken: u64) -> Result<(), Problem> {
        let StorageQuota { plan, limit_bytes } = &self.quota;
        if taken <= *limit_bytes {
            return Ok(());
        }
        let left = limit_bytes.saturating_sub(taken - size.min(taken));
        Err(Problem::new(StatusCode::PAYMENT_REQUIRED, "storage-quota", "Storage quota exceeded")
            .detail(format!(
                "the plan {plan} allows {} of files, including uploads under way; {} are left: delete files, or choose a \
                 larger plan",
                ByteSize::bytes(*limit_bytes),
                ByteSize::bytes(left)
            )))
    }
}

impl Drop for ReservedSpace {
    /// The client disconnected, which ended its request.
    fn drop(&mut self) {
        let Some(database) = self.database.take() else { return };
        let (org_id, file) = (self.org_id, self.file);
        let release = async move {
            let released = database.run(None, async |cx| release(&cx.within(org_id), file).await).await;
            if let Err(error) = released {
                tracing::warn!(%error, "the room of an upload that broke off is free when its reservation expires");
            }
        };
        // Without a runtime the process is ending, and the reservation expires.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(release);
        }
    }
}

/// Blocks other changes to the organization's usage until the transaction ends.
async fn lock(tx: &Tx<'_>) -> Result<(), DataError> {
    sql!(
        "files_usage.lock",
        "INSERT INTO files_usage (org_id, bytes) VALUES ($1, 0)
         ON CONFLICT (org_id) DO UPDATE SET bytes = files_usage.bytes"
    )
    .changes("files_usage")
    .execute(tx)
    .await?;
    Ok(())
}

/// The stored and the reserved bytes.
async fn taken(tx: &Tx<'_>) -> Result<u64, DataError> {
    let taken: Option<(i64,)> = sql!(
        "files_usage.taken",
        "SELECT files_usage.bytes + CAST(COALESCE((
            SELECT SUM(files_reservations.bytes) FROM files_reservations
            WHERE files_reservations.org_id = $1 AND files_reservations.expires_at > $2), 0) AS bigint)
         FROM files_usage WHERE files_usage.org_id = $1"
    )
    .bind(tx.now())
    .first(tx)
    .await?;
    Ok(taken.map_or(0, |(bytes,)| u64::try_from(bytes).unwrap_or(0)))
}

async fn release(cx: &Context, file: FileId) -> Result<(), DataError> {
    cx.transaction(async |tx| -> Result<(), DataError> {
        sql!("files_reservations.release", "DELETE FROM files_reservations WHERE org_id = $1 AND id = $2")
            .changes("files_reservations")
            .bind(file)
            .execute(tx)
            .await?;
        Ok(())
    })
    .await
}

/// Deletes expired reservations of uploads.
///
/// # Errors
/// The statement failed.
pub(crate) async fn forget_expired(cx: &SystemContext) -> Result<(), DataError> {
    cx.transaction(async |tx| -> Result<(), DataError> {
        sql!("files_reservations.expire", "DELETE FROM files_reservations WHERE expires_at < $1")
            .changes("files_reservations")
            .bind(tx.now())
            .execute(&*tx)
            .await?;
        Ok(())
    })
    .await
}

/// Deletes the reservations of an organization that is being erased.
///
/// # Errors
/// The statement failed.
pub(crate) async fn forget_all(cx: &Context) -> Result<(), DataError> {
    cx.transaction(async |tx| -> Result<(), DataError> {
        sql!("files_reservations.forget_all", "DELETE FROM files_reservations WHERE org_id = $1")
            .changes("files_reservations")
            .execute(tx)
            .await?;
        Ok(())
    })
    .await
}

/// Subtracts a deleted file from the total.
pub(crate) async fn give_back(tx: &Tx<'_>, size: i64) -> Result<(), DataError> {
    use crate::entities::Usage;
    Usage::update(tx.tenant()).add(Usage::bytes, -size).run(tx).await
}
