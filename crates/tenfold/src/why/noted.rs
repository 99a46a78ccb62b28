//! Starts, migrations and changed settings of fourteen days, in the history's file.

use std::ops::Range;

use tenfold_data::{DataError, MigrationFile, SystemContext, SystemTx, sql};
use tenfold_observe::telemetry::diagnosis::{ChangeKind, LOOP_US, LedgerChange};

pub(super) const MIGRATION: MigrationFile = MigrationFile {
    name: "0004_times.sql",
    text: "ALTER TABLE tenfold_why_changes ADD COLUMN times bigint NOT NULL DEFAULT 1;",
};

/// How many changes are kept, of each kind: many starts push out no setting.
const MOST: i64 = 1_000;

/// The name of starts in the file.
const START: &str = "deploy";
/// Which kinds are kept, and their names in the file. Jobs and surges are too many.
const KINDS: [(ChangeKind, &str); 3] =
    [(ChangeKind::Deploy, START), (ChangeKind::Migration, "migration"), (ChangeKind::Setting, "setting")];

/// A row: when, what, the name of its kind, and for how many it stands.
type ChangeRow = (i64, String, String, i64);

/// Makes room for a start, which is not written yet. Of the starts of a loop one every few minutes is kept, and stands for those up to the next
/// one: a process that ends each second would push out everything else.
pub(super) async fn join_loop(tx: &mut SystemTx<'_>, start: &LedgerChange) -> Result<(), DataError> {
    let newest: Vec<ChangeRow> = sql!(
        "tenfold_why_changes.newest",
        "SELECT at, what, kind, times FROM tenfold_why_changes WHERE at < $1 ORDER BY at DESC LIMIT 2"
    )
    .bind(start.at_us)
    .all(tx)
    .await?;
    let [last, kept] = &newest[..] else { return Ok(()) };
    let is_of_loop = |(_, what, kind, _): &ChangeRow| *what == start.what && kind == START;
    if !is_of_loop(last) || !is_of_loop(kept) || start.at_us.saturating_sub(kept.0) > LOOP_US {
        return Ok(());
    }
    sql!("tenfold_why_changes.leave", "DELETE FROM tenfold_why_changes WHERE at = $1 AND what = $2")
        .bind(last.0)
        .bind(last.1.clone())
        .execute(tx)
        .await?;
    sql!(
        "tenfold_why_changes.join",
        "UPDATE tenfold_why_changes SET times = times + $3 WHERE at = $1 AND what = $2"
    )
    .bind(kept.0)
    .bind(kept.1.clone())
    .bind(last.3)
    .execute(tx)
    .await
    .map(drop)
}

/// Keeps the starts, migrations and settings among these changes. Those that are there stay as they are.
pub(super) async fn write(tx: &mut SystemTx<'_>, changes: &[LedgerChange]) -> Result<(), DataError> {
    for change in changes {
        let Some((_, kind)) = KINDS.into_iter().find(|(kind, _)| *kind == change.kind) else { continue };
        sql!(
            "tenfold_why_changes.write",
            "INSERT INTO tenfold_why_changes (at, what, kind) VALUES ($1, $2, $3) ON CONFLICT (at, what) DO NOTHING"
        )
        .bind(change.at_us)
        .bind(change.what.clone())
        .bind(kind.to_owned())
        .repeated("a start has few, in a file of its own that only this process writes")
        .execute(tx)
        .await?;
    }
    Ok(())
}

/// Removes what is too old or too much; `times` is from which second since 1970 to which. What is of the time after it has bounds
/// of its own.
pub(super) async fn forget(tx: &mut SystemTx<'_>, times: Range<i64>) -> Result<(), DataError> {
    sql!(
        "tenfold_why_changes.forget",
        "DELETE FROM tenfold_why_changes WHERE at < $1 OR (at, what) IN (
             SELECT at, what FROM (
                 SELECT at, what, row_number() OVER (PARTITION BY kind, at > $3 ORDER BY at DESC, what) AS place
                 FROM tenfold_why_changes
             ) changes WHERE place > $2
         )"
    )
    .bind(times.start.saturating_mul(1_000_000))
    .bind(MOST)
    .bind(times.end.saturating_mul(1_000_000))
    .execute(tx)
    .await
    .map(drop)
}

/// Removes what is of the time after this second, since 1970.
pub(super) async fn forget_future(tx: &mut SystemTx<'_>, latest: i64) -> Result<(), DataError> {
    sql!("tenfold_why_changes.forget_future", "DELETE FROM tenfold_why_changes WHERE at > $1")
        .bind(latest.saturating_mul(1_000_000))
        .execute(tx)
        .await
        .map(drop)
}

/// The changes of these microseconds since 1970, the oldest first, a start before what came with it; if there are more than are kept, the
/// newest of them.
pub(super) async fn read(cx: &SystemContext, times: Range<i64>) -> Result<Vec<LedgerChange>, DataError> {
    let rows: Vec<ChangeRow> = sql!(
        "tenfold_why_changes.read",
        "SELECT at, what, kind, times FROM tenfold_why_changes WHERE at >= $1 AND at < $2 ORDER BY at DESC, kind DESC, what LIMIT $3"
    )
    .bind(times.start)
    .bind(times.end)
    .bind(MOST * 3)
    .all(cx)
    .await?;
    // A kind that is not known is one of a newer build.
    let changes = rows.into_iter().rev().filter_map(|(at_us, what, name, times)| {
        let (kind, _) = KINDS.into_iter().find(|(_, known)| *known == name)?;
        let times = u32::try_from(times).unwrap_or(u32::MAX);
        Some(LedgerChange { times, ..LedgerChange::new(kind, what, at_us) })
    });
    Ok(changes.collect())
}
