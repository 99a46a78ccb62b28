//! `DELETE /v1/auth/sessions`: signs all other devices out.

use tenfold::prelude::*;

use super::{end_all, forgotten_everywhere, own_session};
use crate::account::lock::lock;
use crate::account::own_account;

/// Signs all your other devices out, in all organizations. Their tokens stop working at once.
#[endpoint(delete, "/v1/auth/sessions", tag = "identity")]
pub(crate) async fn end_other_sessions(cx: Context, system: SystemContext) -> Result<NoContent, Problem> {
    let own = own_session(&cx)?;
    let account = own_account(&cx)?;
    system
        .transaction(async |tx| -> Result<(), DataError> {
            lock(tx, account).await?;
            end_all(tx, account, Some(own)).await
        })
        .await?;
    forgotten_everywhere(&system).await;
    Ok(NoContent)
}
