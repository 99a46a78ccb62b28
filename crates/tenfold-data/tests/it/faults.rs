//! Faults in the middle of work, on both databases: what was acknowledged is stored, other outcomes are reported as
//! such, no row belongs to another organization, and the next request works without a restart.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use futures_util::future::{join, join_all};
use tenfold_data::testing::TestDatabase;
use tenfold_data::{Clock, DataError, Database, DatabaseSettings, EntityExt, OrgId, SystemContext, sql};

use crate::bench::Bench;
use crate::people::{self, User};
use crate::work::{self, Label, LabelId};

/// Stores one label in a request of its own. Returns its name.
async fn write(database: &Database, org: OrgId, name: String) -> Result<String, DataError> {
    let work = async |system: SystemContext| {
        let cx = system.within(org);
        let label = Label { id: LabelId(cx.new_id()), org_id: org, name };
        cx.transaction(async |tx| label.insert(tx).await).await.map(|label| label.name)
    };
    database.run(None, work).await
}

/// The stored names. The first request on a connection that was killed while idle gets an error that allows a retry,
/// and this retries.
async fn names(database: &Database, org: OrgId) -> Vec<String> {
    let begun = Instant::now();
    loop {
        let list =
            async |system: SystemContext| Label::query().order_by(Label::name).all(&system.within(org)).await;
        match database.run(None, list).await {
            Ok(labels) => return labels.iter().map(|label| label.name.clone()).collect(),
            Err(error) => {
                let again = error.retry_after().is_some() && begun.elapsed() < Duration::from_secs(60);
                assert!(again, "it does not work again: {error}");
            }
        }
    }
}

/// Compares what is stored with what the writers were told. Returns how many outcomes were unknown.
fn judge(told: Vec<(String, Result<String, DataError>)>, stored: &[String]) -> usize {
    let found: HashSet<&String> = stored.iter().collect();
    assert_eq!(found.len(), stored.len(), "something is stored twice");
    let (mut unknown, mut may_be) = (0, 0);
    for (name, result) in &told {
        match result {
            Ok(_) => assert!(found.contains(name), "{name} was acknowledged and is lost"),
            Err(DataError::OutcomeUnknown(_)) => {
                unknown += 1;
                may_be += usize::from(found.contains(name));
            }
            Err(error) => {
                assert!(error.retry_after().is_some(), "{name}: {error}");
                assert!(!found.contains(name), "{name} was refused and is stored");
            }
        }
    }
    let acknowledged = told.iter().filter(|(_, result)| result.is_ok()).count();
    assert_eq!(stored.len(), acknowledged + may_be, "rows that nobody wrote");
    unknown
}

/// This many writers, all at once, each in its own task.
async fn writers(bench: &Arc<Bench>, count: usize) -> Vec<(String, Result<String, DataError>)> {
    let writers = (0..count).map(|n| {
        let (database, org) = (bench.database.clone(), bench.org);
        #[expect(clippy::disallowed_methods, reason = "each writer is a request of its own, on any thread")]
        tokio::spawn(async move {
            let name = format!("{n:04}");
            (name.clone(), write(&database, org, name).await)
        })
    });
    join_all(writers).await.into_iter().map(Result::unwrap).collect()
}

const KILL: &str = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                    WHERE datname = current_database() AND pid <> pg_backend_pid()";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_a_thousand_writers_at_once_postgres_keeps_what_it_acknowledged_whatever_is_killed_meanwhile() {
    let bench = Arc::new(Bench::postgres().await);
    let onlooker = bench.onlooker().await;
    let done = AtomicBool::new(false);
    let killing = async {
        let mut killed = 0;
        while !done.load(Ordering::Acquire) {
            let stored = "SELECT count(*) FROM work_labels";
            let before: i64 = onlooker.query_one(stored, &[]).await.unwrap().get(0);
            killed += onlooker.query(KILL, &[]).await.unwrap().len();
            // Lets some finish before the next fault.
            let begun = Instant::now();
            while !done.load(Ordering::Acquire) && begun.elapsed() < Duration::from_secs(2) {
                let now: i64 = onlooker.query_one(stored, &[]).await.unwrap().get(0);
                if now > before + 100 {
                    break;
                }
            }
        }
        killed
    };
    let writing = async {
        let told = writers(&bench, 1000).await;
        done.store(true, Ordering::Release);
        told
    };
    let (told, killed) = join(writing, killing).await;
    assert!(killed > 0 && told.iter().any(|(_, result)| result.is_ok()), "{killed} killed");
    judge(told, &names(&bench.database, bench.org).await);
    // Other connections of the pool may have been killed while idle. Each is detected on its next use.
    writers(&bench, 20).await;
    assert!(writers(&bench, 20).await.iter().all(|(_, result)| result.is_ok()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lanes_that_are_killed_while_they_are_busy_give_the_right_rows_or_an_error() {
    let bench = Bench::postgres().await;
    let onlooker = bench.onlooker().await;
    let users = bench.request(async |cx| people::hire(&cx, 200).await).await;
    let rounds = 60;
    let loading = async {
        let (mut right, mut refused) = (0, 0);
        for round in 0..rounds {
            let requests = users
                .iter()
                .skip(round)
                .take(40)
                .map(|user| bench.request(async move |cx| (User::get(&cx, user.id).await, user)));
            for (found, user) in join_all(requests).await {
                match found {
                    Ok(found) => {
                        assert_eq!((found.id, &found.name), (user.id, &user.name), "somebody else's row");
                        right += 1;
                    }
                    Err(error) => {
                        assert!(matches!(error, DataError::Unavailable(_)), "{error}");
                        refused += 1;
                    }
                }
            }
        }
        (right, refused)
    };
    let killing = async {
        for _ in 0..rounds {
            onlooker.query(KILL, &[]).await.unwrap();
            tokio::task::yield_now().await;
        }
    };
    let ((right, refused), ()) = join(loading, killing).await;
    assert!(right > 0, "{right} right, {refused} refused");
    let after =
        join_all(users.iter().map(|user| bench.request(async |cx| User::get(&cx, user.id).await.is_ok())));
    assert!(after.await.into_iter().all(|found| found));
}

/// A server of this test's own, which the test may crash.
struct CrashingServer(PathBuf);

impl CrashingServer {
    fn script(&self, what: &str) -> String {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.ci/provision-postgres");
        let ran = Command::new(script).arg(what).arg(&self.0).output().expect("the script can be run");
        assert!(ran.status.success(), "{what}: {}", String::from_utf8_lossy(&ran.stderr));
        String::from_utf8_lossy(&ran.stdout).trim().to_owned()
    }
}

impl Drop for CrashingServer {
    fn drop(&mut self) {
        self.script("stop");
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_postgres_that_crashes_under_load_and_comes_back_has_what_it_acknowledged() {
    let folder = std::env::temp_dir().join(format!("tenfold_restart_{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let server = CrashingServer(folder);
    let place = TestDatabase::create_on(&server.script("start")).await;
    let settings = place.settings(DatabaseSettings::default());
    let database = Database::open(place.url(), &settings, Clock::system(), Vec::new()).unwrap();
    database.migrate(&[people::MIGRATIONS, work::MIGRATIONS]).await.unwrap();
    let org = OrgId(database.clock().new_id());
    let stop = AtomicBool::new(false);
    let written = std::sync::atomic::AtomicUsize::new(0);
    let clients = (0..12).map(|client| {
        let (database, stop, written) = (&database, &stop, &written);
        async move {
            let mut told = Vec::new();
            for n in 0.. {
                if stop.load(Ordering::Acquire) {
                    break;
                }
                let name = format!("{client} {n}");
                let result = write(database, org, name.clone()).await;
                match &result {
                    Ok(_) => _ = written.fetch_add(1, Ordering::AcqRel),
                    // A server that is down refuses at once; there is no need to retry a million times.
                    Err(_) => tokio::task::yield_now().await,
                }
                told.push((name, result));
            }
            told
        }
    });
    let crash = async {
        let reached = async |count: usize| {
            while written.load(Ordering::Acquire) < count {
                tokio::task::yield_now().await;
            }
        };
        reached(200).await;
        tokio::task::block_in_place(|| server.script("crash"));
        let after = written.load(Ordering::Acquire);
        reached(after + 200).await;
        stop.store(true, Ordering::Release);
    };
    let (told, ()) = join(join_all(clients), crash).await;
    let told: Vec<_> = told.into_iter().flatten().collect();
    let failed = told.iter().filter(|(_, result)| result.is_err()).count();
    assert!(failed > 0, "nobody noticed the crash");
    let stored = names(&database, org).await;
    judge(told, &stored);
    database.close().await;
    drop(place);
}

/// The length of the file and of its log.
fn lengths(bench: &Bench) -> (u64, u64) {
    let of = |path: PathBuf| path.metadata().map_or(0, |found| found.len());
    (of(bench.file()), of(bench.file().with_extension("db-wal")))
}

#[tokio::test]
async fn a_slow_reader_holds_up_sqlites_checkpoint_and_nobody_and_it_goes_on_behind_him() {
    let bench = Bench::sqlite().await;
    let fill = async |from: usize| {
        for n in from..from + 40 {
            let names = (0..50).map(|m| format!("{n:04} {m:02} {}", "x".repeat(2000)));
            let stored = join_all(names.map(|name| write(&bench.database, bench.org, name))).await;
            assert!(stored.iter().all(Result::is_ok));
        }
    };
    let reader = rusqlite::Connection::open(bench.file()).unwrap();
    reader.execute_batch("BEGIN").unwrap();
    let before: i64 = reader.query_row("SELECT count(*) FROM work_labels", [], |row| row.get(0)).unwrap();
    fill(0).await;
    let (_, held) = lengths(&bench);
    assert!(held > 4 << 20, "the log keeps what the reader may still ask for: {held} bytes");
    let same: i64 = reader.query_row("SELECT count(*) FROM work_labels", [], |row| row.get(0)).unwrap();
    assert_eq!((before, same), (0, 0), "the reader sees what was there when he began");
    reader.execute_batch("COMMIT").unwrap();
    drop(reader);
    fill(40).await;
    let (file, log) = lengths(&bench);
    assert!(file > 4 << 20, "the checkpoint has gone on: {file} bytes in the file");
    // The log is restarted from its beginning, so the second half has not made it longer.
    assert!(log <= held + (5 << 20), "{log} bytes after {held}");
    let all = sql!("labels.count", "SELECT count(*) FROM work_labels");
    assert_eq!(bench.system(async |cx| all.all::<(i64,), _>(&cx).await).await.unwrap(), [(4000,)]);
}
