//! Mails that stay here, because there is no mail server: operators read them in the console, and follow their links.

use std::fmt;

use tenfold::data::SystemTx;
use tenfold::prelude::*;

id! {
    /// A mail in the outbox.
    OutboxMailId
}

/// A mail in the outbox.
#[derive(Clone, Entity)]
#[entity(table = "tenfold_mail_outbox", global = "operators read the mails of all organizations")]
pub struct OutboxMail {
    /// Its id.
    #[entity(key)]
    pub id: OutboxMailId,
    /// The address that it is for.
    pub recipient: String,
    /// Who it is from.
    pub sender: String,
    /// Its subject.
    pub subject: String,
    /// What it says, as text.
    pub text: String,
    /// What it says, as HTML.
    pub html: String,
    /// When it was written.
    pub created_at: Timestamp,
}

/// Without what it says: that may hold a link that works.
impl fmt::Debug for OutboxMail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut mail = f.debug_struct("OutboxMail");
        mail.field("id", &self.id).field("recipient", &self.recipient).field("subject", &self.subject);
        mail.finish_non_exhaustive()
    }
}

/// Keeps a mail, and at most `keep` of them.
pub(crate) async fn add(tx: &SystemTx<'_>, mail: OutboxMailRow, keep: u32) -> Result<(), DataError> {
    mail.insert(tx).await?;
    sql!(
        "tenfold_mail_outbox.prune",
        "DELETE FROM tenfold_mail_outbox WHERE id <
             (SELECT id FROM tenfold_mail_outbox ORDER BY id DESC LIMIT 1 OFFSET $1)"
    )
    .bind(i64::from(keep) - 1)
    .execute(tx)
    .await
    .map(drop)
}

/// The newest mails, the newest first.
///
/// # Errors
/// When the database fails.
pub async fn list(cx: &SystemContext, limit: usize) -> Result<Vec<OutboxMail>, DataError> {
    let mails = OutboxMail::query().newest_first().limit(limit).all(cx).await?;
    Ok(mails.iter().map(|mail| (*mail).clone()).collect())
}

/// One mail.
///
/// # Errors
/// When the database fails.
pub async fn find(cx: &SystemContext, id: OutboxMailId) -> Result<Option<OutboxMail>, DataError> {
    Ok(OutboxMail::find(cx, id).await?.map(|mail| (*mail).clone()))
}
