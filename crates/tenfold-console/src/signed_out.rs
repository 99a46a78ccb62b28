//! Sign-ins that were ended early.
//!
//! A signed cookie that has not expired is valid unless it is recorded here: in this process's memory, and in the
//! database for the other processes. While the database is unavailable, only memory counts: the console must open
//! then.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tenfold::prelude::*;

/// How long a page of the console waits for the database to say whether another process ended the sign-in.
const PATIENCE: Duration = Duration::from_secs(1);

/// A sign-in: the random bytes of its cookie, and its expiry.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ConsoleSession {
    pub id: [u8; 16],
    pub ends_at: Timestamp,
}

/// The sign-ins that were ended; those that have expired since are forgotten.
#[derive(Default)]
pub(crate) struct SignedOut(Mutex<HashMap<[u8; 16], Timestamp>>);

impl SignedOut {
    /// Whether the sign-in was ended.
    pub(crate) async fn contains(&self, cx: &SystemContext, session: ConsoleSession) -> bool {
        if self.0.lock().unwrap_or_else(PoisonError::into_inner).contains_key(&session.id) {
            return true;
        }
        let asked = sql!(
            "console.is_signed_out",
            "SELECT ends_at FROM tenfold_console_signed_out WHERE session = $1"
        )
        .bind(session.id.to_vec())
        .bounded()
        .first::<(Timestamp,), _>(cx);
        match tokio::time::timeout(PATIENCE, asked).await {
            Ok(Ok(ended)) => ended.is_some(),
            Ok(Err(error)) => {
                tracing::warn!(%error, "whether another process has ended a sign-in to the console is not known");
                false
            }
            Err(_) => {
                tracing::warn!(
                    "whether another process has ended a sign-in to the console was not said in {PATIENCE:?}"
                );
                false
            }
        }
    }

    /// Ends a sign-in: here at once, in other processes once the row is stored. Also deletes the rows of sign-ins that
    /// have expired.
    ///
    /// # Errors
    /// When the row cannot be stored; in this process the sign-in is ended anyway.
    pub(crate) async fn end(&self, cx: &SystemContext, session: ConsoleSession) -> Result<(), DataError> {
        {
            let mut ended = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            ended.retain(|_, ends_at| *ends_at > cx.now());
            ended.insert(session.id, session.ends_at);
        }
        cx.transaction(async |tx| -> Result<(), DataError> {
            sql!("console.forget_signed_out", "DELETE FROM tenfold_console_signed_out WHERE ends_at <= $1")
                .bind(tx.now())
                .execute(tx)
                .await?;
            sql!(
                "console.sign_out",
                "INSERT INTO tenfold_console_signed_out (session, ends_at) VALUES ($1, $2)
                 ON CONFLICT (session) DO UPDATE SET ends_at = excluded.ends_at"
            )
            .bind(session.id.to_vec())
            .bind(session.ends_at)
            .execute(tx)
            .await
            .map(drop)
        })
        .await
    }
}
