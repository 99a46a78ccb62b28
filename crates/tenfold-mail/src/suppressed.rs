//! Addresses that a mail server has refused for good. A sender that goes on writing to them loses its good name.

use tenfold::prelude::*;

use crate::recipient::Recipient;

/// An address that no mail is sent to.
#[derive(Clone, Debug)]
pub struct SuppressedAddress {
    /// In lower case.
    pub address: String,
    /// What the mail server said.
    pub reason: String,
    /// Since when.
    pub created_at: Timestamp,
}

/// Whether mails to an address are suppressed.
pub(crate) async fn contains(cx: &SystemContext, recipient: &Recipient) -> Result<bool, DataError> {
    let row: Option<(Timestamp,)> = sql!(
        "tenfold_mail_suppressed.find",
        "SELECT created_at FROM tenfold_mail_suppressed WHERE address = $1"
    )
    .bind(recipient.text.clone())
    .bounded()
    .first(cx)
    .await?;
    Ok(row.is_some())
}

/// Suppresses further mails to an address.
pub(crate) async fn add(cx: &SystemContext, recipient: &Recipient, reason: &str) -> Result<(), DataError> {
    cx.transaction(async |tx| -> Result<(), DataError> {
        sql!(
            "tenfold_mail_suppressed.add",
            "INSERT INTO tenfold_mail_suppressed (address, reason, created_at) VALUES ($1, $2, $3)
             ON CONFLICT (address) DO UPDATE SET reason = excluded.reason, created_at = excluded.created_at"
        )
        .bind(recipient.text.clone())
        .bind(reason.to_owned())
        .bind(tx.now())
        .execute(tx)
        .await
        .map(drop)
    })
    .await
}

/// The addresses that were suppressed last.
///
/// # Errors
/// When the database fails.
pub async fn list(cx: &SystemContext, limit: usize) -> Result<Vec<SuppressedAddress>, DataError> {
    let rows: Vec<(String, String, Timestamp)> = sql!(
        "tenfold_mail_suppressed.list",
        "SELECT address, reason, created_at FROM tenfold_mail_suppressed ORDER BY created_at DESC LIMIT $1"
    )
    .bind(i64::try_from(limit).unwrap_or(i64::MAX))
    .bounded()
    .all(cx)
    .await?;
    let row = |(address, reason, created_at)| SuppressedAddress { address, reason, created_at };
    Ok(rows.into_iter().map(row).collect())
}

/// Lets mails to an address through again.
///
/// # Errors
/// When the database fails.
pub async fn allow(cx: &SystemContext, address: &str) -> Result<(), DataError> {
    cx.transaction(async |tx| -> Result<(), DataError> {
        sql!("tenfold_mail_suppressed.allow", "DELETE FROM tenfold_mail_suppressed WHERE address = $1")
            .bind(address.to_lowercase())
            .execute(tx)
            .await
            .map(drop)
    })
    .await
}
