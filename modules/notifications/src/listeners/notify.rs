//! `tenfold.notify`: any module notifies a person.

use tenfold::Notify;
use tenfold::prelude::*;

use super::tell;

/// Notifies the person.
///
/// # Errors
/// No module declares the kind, the database fails, or another worker has taken over the delivery.
pub(crate) async fn on_notify(job: JobContext, event: Notify) -> anyhow::Result<()> {
    tell(&job, event).await
}
