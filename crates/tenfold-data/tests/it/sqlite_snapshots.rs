//! SQLite's inline readers keep their snapshot from one read to the next. None may show outdated data, and none may
//! hold back the log.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use futures_util::future::{join, join_all};
use rusqlite::Connection;
use tenfold_data::{DataError, DatabaseSettings, EntityExt};
use uuid::Uuid;

use crate::bench::Bench;
use crate::work::{Label, LabelId, label, store_label};

/// A thousand pages of 4 KiB, and what is written while they are moved, even where the moving thread has to wait for a
/// core: a quarter of all that is written.
const BOUND: u64 = 32 << 20;

async fn name_of(bench: &Bench, id: LabelId) -> Option<String> {
    bench.request(async |cx| Label::find(&cx, id).await).await.unwrap().map(|label| label.name.clone())
}

/// Twenty concurrent writes of 100 KiB, `times` times.
async fn write_much(bench: &Bench, times: usize) {
    for n in 0..times {
        let names = (0..20).map(|m| format!("{n} {m} {}", "x".repeat(100_000)));
        let written = join_all(names.map(|name| store_label(bench, name))).await;
        assert!(written.iter().all(Result::is_ok));
    }
}

fn log(bench: &Bench) -> Vec<u8> {
    std::fs::read(bench.file().with_extension("db-wal")).unwrap()
}

/// The salt of the log, which changes when the log is restarted
/// (https://www.sqlite.org/fileformat2.html#the_write_ahead_log).
fn salt(bench: &Bench) -> [u8; 8] {
    log(bench)[16..24].try_into().unwrap()
}

#[tokio::test]
async fn a_read_shows_what_anybody_has_committed_before_it() {
    let bench = Bench::sqlite().await;
    let other = bench.reopened(&DatabaseSettings::default());
    let program = Connection::open(bench.file()).unwrap();
    let id = store_label(&bench, "first").await.unwrap().id;
    for round in 0..100 {
        let name = format!("by the other process {round}");
        let rename = Label::update(id).set(Label::name, name.clone());
        let renamed = other.request(async |cx| cx.transaction(async |tx| rename.run(tx).await).await);
        renamed.await.unwrap();
        assert_eq!(name_of(&bench, id).await.as_ref(), Some(&name));
        assert_eq!(name_of(&other, id).await.as_ref(), Some(&name));
        let changed = program.execute(
            "UPDATE work_labels SET name = ?1 WHERE id = ?2",
            (format!("by another program {round}"), id.0.as_bytes()),
        );
        assert_eq!(changed, Ok(1));
        assert_eq!(name_of(&bench, id).await, Some(format!("by another program {round}")));
        // After moving into the database the row must still be visible.
        program.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(())).unwrap();
        assert_eq!(name_of(&bench, id).await, Some(format!("by another program {round}")));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn readers_that_never_rest_do_not_let_the_log_grow() {
    // On a busy machine the moving thread may get no core for long. That does not happen every time.
    let mut log = 0;
    for _ in 0..3 {
        log = log_of_busy_readers().await;
        if log < BOUND {
            return;
        }
    }
    panic!("{log} bytes of log");
}

/// How long the log is after many writes beside readers that never rest.
async fn log_of_busy_readers() -> u64 {
    let bench = Bench::sqlite().await;
    let id = store_label(&bench, "first").await.unwrap().id;
    let done = AtomicBool::new(false);
    let reading = async {
        let mut reads = 0;
        while !done.load(Ordering::Acquire) {
            assert_eq!(name_of(&bench, id).await.as_deref(), Some("first"));
            reads += 1;
            tokio::task::yield_now().await;
        }
        reads
    };
    let writing = async {
        write_much(&bench, 64).await;
        done.store(true, Ordering::Release);
    };
    let (reads, ()) = join(reading, writing).await;
    let (file, log) = (bench.file().metadata().unwrap().len(), log(&bench).len() as u64);
    assert!(reads > 100, "{reads} reads");
    assert!(file > 3 * BOUND, "all of it is in the database: {file} bytes");
    bench.database.close().await;
    let check = |file: &Connection| file.query_row("PRAGMA integrity_check", [], |row| row.get(0));
    assert_eq!(check(&Connection::open(bench.file()).unwrap()), Ok("ok".to_owned()));
    log
}

/// How many pages the log has, and how many of them are in the database
/// (https://www.sqlite.org/walformat.html#the_wal_index_file_format).
fn pages_and_moved(index: &File) -> (u32, u32) {
    let number = |at| {
        let mut number = [0; 4];
        index.read_exact_at(&mut number, at).unwrap();
        u32::from_ne_bytes(number)
    };
    (number(16), number(96))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_long_log_is_moved_while_somebody_writes() {
    for _ in 0..50 {
        let bench = Bench::sqlite().await;
        // Closed only with the test, because closing it releases SQLite's locks on it.
        let index = File::open(bench.file().with_extension("db-shm")).unwrap();
        // In one group, after which the log is long.
        let name = |n: u32| format!("{n} {}", "x".repeat(100_000));
        let written = join_all((0..60).map(|n| store_label(&bench, name(n)))).await;
        assert!(written.iter().all(Result::is_ok));
        let begun_before = bench.request(async |cx| {
            cx.transaction(async |tx| {
                label(&cx, "one more").insert(tx).await?;
                let (pages, moved) = pages_and_moved(&index);
                // Otherwise it was moved before, and may have been restarted.
                let begun_before = pages >= 1000 && moved == 0;
                let begun = Instant::now();
                while begun_before && pages_and_moved(&index).1 == 0 {
                    assert!(begun.elapsed() < Duration::from_secs(20), "the log waits for the writer");
                    tokio::task::yield_now().await;
                }
                Ok::<_, DataError>(begun_before)
            })
            .await
        });
        let begun_before = begun_before.await.unwrap();
        bench.waited();
        if begun_before {
            return;
        }
    }
    panic!("the log was always moved before the next transaction could begin");
}

#[tokio::test]
async fn a_reader_that_rests_does_not_hold_the_log_of_another_process_for_long() {
    let bench = Bench::sqlite().await;
    let other = bench.reopened(&DatabaseSettings::default());
    let id = store_label(&bench, "first").await.unwrap().id;
    assert_eq!(name_of(&other, id).await.as_deref(), Some("first"));
    let (begun, before) = (Instant::now(), salt(&bench));
    // Enough to make the log long. The other's snapshot is from before.
    write_much(&bench, 4).await;
    while salt(&bench) == before {
        assert!(begun.elapsed() < Duration::from_secs(30), "the log is held: {} bytes", log(&bench).len());
        store_label(&bench, "small").await.unwrap();
    }
    assert_eq!(name_of(&other, id).await.as_deref(), Some("first"));
}

#[tokio::test]
async fn a_read_that_fails_leaves_the_next_one_of_its_connection_alone() {
    let bench = Bench::sqlite().await;
    let id = store_label(&bench, "first").await.unwrap().id;
    let program = Connection::open(bench.file()).unwrap();
    let broken = Uuid::from_u128(7);
    let insert = "INSERT INTO work_labels (id, org_id, name) VALUES (?1, ?2, CAST(x'ff' AS TEXT))";
    program.execute(insert, (broken.as_bytes(), bench.org.0.as_bytes())).unwrap();
    for _ in 0..10 {
        let read = bench.request(async |cx| Label::get(&cx, LabelId(broken)).await.map(|label| label.id));
        assert!(matches!(read.await, Err(DataError::Read { .. })));
        assert_eq!(name_of(&bench, id).await.as_deref(), Some("first"));
    }
}
