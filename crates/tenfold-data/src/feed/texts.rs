//! The statements about what processes tell each other.
//!
//! A *position* is how far a process has read. On PostgreSQL it is a snapshot, and what is new is what that snapshot did
//! not see. Never a sequence: a transaction that took its number early and commits late would be skipped. On SQLite it is
//! the number of the last row, because rows are committed in the order of their numbers.

use crate::statement::Dialect;

/// The texts for one database.
pub(super) struct FeedTexts {
    pub register: &'static str,
    /// Drops what another cluster has left, whose dump was restored here.
    pub adopt: &'static [&'static str],
    /// The position at which a process begins that has just registered, and which server this is.
    pub begin: &'static str,
    /// Tells of a transaction, see `Announcement`.
    pub insert: &'static str,
    /// The same, and returns its number.
    pub ask: &'static str,
    pub audience: &'static str,
    /// What was told since the position `$1`, `$2` of process `$3` by all processes but `$4`. First comes a row with the new
    /// position, the floor, how many other processes there are, and which server this is: empty for one that does not write.
    pub poll: &'static str,
    /// Process `$1` says that it has read up to `$2`.
    pub pass: &'static str,
    /// Returns a row for each process but `$1` that has not read what transaction `$2` told.
    pub behind: &'static str,
    pub beat: &'static str,
    pub others: &'static str,
    pub forget: &'static str,
    pub leave: &'static str,
    /// Deletes what was told before `$1`, and notes that.
    pub prune: &'static [&'static str],
}

impl FeedTexts {
    pub(super) fn of(dialect: Dialect) -> &'static FeedTexts {
        match dialect {
            Dialect::Sqlite => &SQLITE,
            Dialect::Postgres => &POSTGRES,
        }
    }
}

const REGISTER: &str = "INSERT INTO tenfold_processes (id, beat, passed) VALUES ($1, 0, '')";
const PASS: &str = "UPDATE tenfold_processes SET passed = $2 WHERE id = $1";
const AUDIENCE: &str = "SELECT 'one' FROM tenfold_processes WHERE id <> $1 LIMIT 1";
const BEAT: &str = "UPDATE tenfold_processes SET beat = beat + 1 WHERE id = $1";
const OTHERS: &str = "SELECT id, beat FROM tenfold_processes WHERE id <> $1";
const FORGET: &str = "DELETE FROM tenfold_processes WHERE id = $1 AND beat = $2";
const LEAVE: &str = "DELETE FROM tenfold_processes WHERE id = $1";

static SQLITE: FeedTexts = FeedTexts {
    register: REGISTER,
    adopt: &[],
    begin: "SELECT CAST(coalesce(max(id), 0) AS TEXT), 'file' FROM tenfold_changes",
    insert: "INSERT INTO tenfold_changes (origin, changes) VALUES ($1, $2)",
    ask: "INSERT INTO tenfold_changes (origin, changes) VALUES ($1, $2) RETURNING CAST(id AS TEXT)",
    audience: AUDIENCE,
    poll: "SELECT 'at', CAST(coalesce((SELECT max(id) FROM tenfold_changes), 0) AS TEXT),
                  CAST(coalesce((SELECT min(id) FROM tenfold_changes), 0) AS TEXT),
                  (SELECT count(*) FROM tenfold_processes WHERE id <> $3), 'file'
           UNION ALL
           SELECT 'told', changes, '', 0, '' FROM tenfold_changes WHERE id >= CAST($1 AS INTEGER) AND origin <> $4 AND $2 = ''",
    pass: PASS,
    behind: "SELECT 'one' FROM tenfold_processes
             WHERE id <> $1 AND (passed = '' OR CAST(passed AS INTEGER) < CAST($2 AS INTEGER)) LIMIT 1",
    beat: BEAT,
    others: OTHERS,
    forget: FORGET,
    leave: LEAVE,
    prune: &["DELETE FROM tenfold_changes WHERE id < CAST($1 AS INTEGER) AND id < (SELECT max(id) FROM tenfold_changes)"],
};

/// `$1` and `$2` of a poll are the snapshot's `xmax` and its list of open transactions. To ask for everything since its
/// `xmin` instead would read again and again what was told while one long transaction is open.
static POSTGRES: FeedTexts = FeedTexts {
    register: REGISTER,
    // Its transactions had higher numbers than this cluster has given. A transaction that is open now is not seen.
    adopt: &[
        "DELETE FROM tenfold_changes WHERE xid >= pg_snapshot_xmax(pg_current_snapshot())",
        "UPDATE tenfold_changes_floor SET floor = '0'
         WHERE id = 1 AND floor > pg_snapshot_xmax(pg_current_snapshot())",
    ],
    begin: "SELECT pg_current_snapshot()::text, extract(epoch FROM pg_postmaster_start_time())::text",
    insert: "INSERT INTO tenfold_changes (origin, changes) VALUES ($1, $2) RETURNING xid::text",
    ask: "INSERT INTO tenfold_changes (origin, changes) VALUES ($1, $2) RETURNING xid::text",
    audience: AUDIENCE,
    poll: "SELECT 'at', pg_current_snapshot()::text, (SELECT floor::text FROM tenfold_changes_floor WHERE id = 1),
                  (SELECT count(*) FROM tenfold_processes WHERE id <> $3),
                  CASE WHEN pg_is_in_recovery() THEN '' ELSE extract(epoch FROM pg_postmaster_start_time())::text END
           UNION ALL
           SELECT 'told', changes, '', 0, '' FROM tenfold_changes
           WHERE (xid >= $1::text::xid8 OR xid = ANY ($2::text::xid8[])) AND origin <> $4",
    pass: PASS,
    // A CASE, because the conditions of an OR run in any order.
    behind: "SELECT 'one' FROM tenfold_processes
             WHERE id <> $1 AND CASE WHEN passed = '' THEN true
                                ELSE NOT pg_visible_in_snapshot($2::text::xid8, passed::pg_snapshot) END LIMIT 1",
    beat: BEAT,
    others: OTHERS,
    forget: FORGET,
    leave: LEAVE,
    prune: &[
        "UPDATE tenfold_changes_floor SET floor = $1::text::xid8 WHERE id = 1 AND floor < $1::text::xid8",
        "DELETE FROM tenfold_changes WHERE xid < $1::text::xid8",
    ],
};
