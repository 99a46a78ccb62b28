//! `DELETE /v1/auth/sessions/{id}`: signs a device out.

use tenfold::prelude::*;

use super::{forgotten_everywhere, own_session};
use crate::account::lock::lock;
use crate::account::own_account;
use crate::entities::{Session, SessionId};

/// Signs another device of yours out. Its token stops working at once.
///
/// The session of the request itself ends with sign-out: here it is a 409.
#[endpoint(delete, "/v1/auth/sessions/{id}", tag = "identity", problems(404, 409), example(id = list_sessions))]
pub(crate) async fn end_session(
    cx: Context,
    system: SystemContext,
    Path(id): Path<SessionId>,
) -> Result<NoContent, Problem> {
    let account = own_account(&cx)?;
    if id == own_session(&cx)? {
        return Err(Problem::conflict(
            "this is the session of the request: end it with POST /v1/auth/sign-out",
        ));
    }
    let ended = system
        .transaction(async |tx| -> Result<u64, DataError> {
            lock(tx, account).await?;
            sql!("auth_sessions.end", "DELETE FROM auth_sessions WHERE account_id = $1 AND id = $2")
                .changes_only(Session::TABLE, [id])
                .bind(account)
                .bind(id)
                .execute(tx)
                .await
        })
        .await?;
    if ended == 0 {
        // One of somebody else gets the same answer.
        return Err(Problem::not_found("session"));
    }
    forgotten_everywhere(&system).await;
    Ok(NoContent)
}
