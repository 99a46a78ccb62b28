//! The log of what operators did.

use std::time::Duration;

use tenfold_data::{
    DataError, Entity, EntityExt as _, EntityRow as _, SystemContext, Timestamp, Uuid, id, sql,
};

id! {
    /// An entry of the log.
    OperatorActId
}

/// How long an entry is kept: 400 days.
const KEPT: Duration = Duration::from_secs(400 * 24 * 60 * 60);

/// Something that an operator did.
#[derive(Clone, Debug, Entity)]
#[entity(table = "tenfold_operator_acts", global = "operators act for all organizations")]
pub struct OperatorAct {
    /// The entry. Ids grow with time.
    #[entity(key)]
    pub id: OperatorActId,
    /// Who; empty for the one who signed in with `console.password`.
    pub operator: String,
    /// What was done.
    pub act: String,
    /// To what.
    pub about: String,
    /// When.
    pub at: Timestamp,
}

/// Adds an entry before something is done, and deletes what is old.
///
/// # Errors
/// A statement failed: then it must not be done.
pub async fn record_act(cx: &SystemContext, operator: &str, act: &str, about: &str) -> Result<(), DataError> {
    let row = OperatorActRow {
        id: OperatorActId(cx.new_id()),
        operator: operator.to_owned(),
        act: act.to_owned(),
        about: about.to_owned(),
        at: cx.now(),
    };
    // Ids begin with the milliseconds of their time (RFC 9562), so those of old entries are the first ones.
    let millis = u128::try_from((cx.now() - KEPT).as_millisecond()).unwrap_or_default();
    let oldest = OperatorActId(Uuid::from_u128(millis << 80));
    cx.transaction(async |tx| -> Result<(), DataError> {
        row.insert(tx).await?;
        sql!("tenfold_operator_acts.prune", "DELETE FROM tenfold_operator_acts WHERE id < $1")
            .bind(oldest)
            .execute(tx)
            .await
            .map(drop)
    })
    .await
}

/// The last entries, the newest first.
///
/// # Errors
/// The statement failed.
pub async fn last_acts(cx: &SystemContext, limit: usize) -> Result<Vec<OperatorAct>, DataError> {
    let acts = OperatorAct::query().newest_first().limit(limit).all(cx).await?;
    Ok(acts.iter().cloned().collect())
}
