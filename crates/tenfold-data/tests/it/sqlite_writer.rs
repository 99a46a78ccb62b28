//! SQLite's one writer: a fair queue, grouped commits, and no SQLITE_BUSY for any request.

use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use futures_util::future::{join, join_all};
use rusqlite::Connection;
use tenfold_data::{Clock, DataError, Database, DatabaseSettings, EntityExt, sql};
use tokio::sync::oneshot;

use crate::bench::{Bench, one_thread};
use crate::work::{self, Label, LabelId, label, store_label};

/// The names in the file, as another program reads them.
fn stored(bench: &Bench) -> Vec<String> {
    let file = Connection::open(bench.file()).unwrap();
    let mut names = file.prepare("SELECT name FROM work_labels ORDER BY name").unwrap();
    let rows = names.query_map([], |row| row.get(0)).unwrap();
    rows.map(Result::unwrap).collect()
}

/// How many transactions the write-ahead log holds: its frames whose second field, the size of the database
/// after a commit, is not zero (https://www.sqlite.org/fileformat2.html#the_write_ahead_log).
fn commits_in_log(bench: &Bench) -> usize {
    let log = std::fs::read(bench.file().with_extension("db-wal")).unwrap();
    let word = |at: usize| u32::from_be_bytes(log[at..at + 4].try_into().unwrap());
    let (page, salt) = (word(8) as usize, word(16));
    let frames = (32..log.len()).step_by(24 + page).take_while(|frame| frame + 24 + page <= log.len());
    frames.filter(|frame| word(frame + 8) == salt && word(frame + 4) != 0).count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_writers_at_once_are_all_acknowledged_and_stored() {
    let bench = Arc::new(Bench::sqlite().await);
    let writers = (0..1000).map(|n| {
        let bench = Arc::clone(&bench);
        #[expect(clippy::disallowed_methods, reason = "each writer is a request of its own, on any thread")]
        tokio::spawn(async move { store_label(&bench, format!("{n:04}")).await })
    });
    let written: Vec<_> = join_all(writers).await.into_iter().map(Result::unwrap).collect();
    assert!(written.iter().all(Result::is_ok), "{:?}", written.iter().find(|result| result.is_err()));
    assert!(stored(&bench).into_iter().eq((0..1000).map(|n| format!("{n:04}"))));
}

#[tokio::test]
async fn writers_that_queue_up_share_a_commit_and_one_alone_has_its_own() {
    let bench = Bench::sqlite().await;
    let before = commits_in_log(&bench);
    for n in 0..5 {
        store_label(&bench, format!("alone {n}")).await.unwrap();
    }
    assert_eq!(commits_in_log(&bench) - before, 5);
    let before = commits_in_log(&bench);
    join_all((0..300).map(|n| store_label(&bench, format!("together {n}")))).await;
    let groups = commits_in_log(&bench) - before;
    assert!((1..=100).contains(&groups), "300 writers at once took {groups} commits");
    assert_eq!(stored(&bench).len(), 305);
}

/// A bench whose commits all run on the runtime, or all on the thread.
async fn committing(limit: Duration) -> Bench {
    let mut settings = DatabaseSettings::default();
    settings.sqlite.commit_inline_limit = limit;
    Bench::sqlite().await.reopened(&settings)
}

#[tokio::test]
async fn a_short_commit_is_made_on_the_runtime_once_nobody_else_can_write() {
    let bench = committing(Duration::MAX).await;
    for expected in ["alone", "in company"] {
        let before = commits_in_log(&bench);
        let mut first = Box::pin(store_label(&bench, format!("{expected} 1")));
        let mut second = Box::pin(store_label(&bench, format!("{expected} 2")));
        assert!(futures_util::poll!(&mut first).is_pending(), "others have their turn first");
        assert!(futures_util::poll!(&mut second).is_pending(), "nobody is told before the COMMIT");
        assert_eq!(commits_in_log(&bench), before);
        // Once to start the task that commits, and once for it to see that the executor has gone round.
        tokio::task::yield_now().await;
        tokio::task::yield_now().await;
        assert!(matches!(futures_util::poll!(&mut first), Poll::Ready(Ok(_))), "no thread was waited for");
        assert!(matches!(futures_util::poll!(&mut second), Poll::Ready(Ok(_))));
        assert_eq!(commits_in_log(&bench) - before, 1);
    }
    assert_eq!(stored(&bench), ["alone 1", "alone 2", "in company 1", "in company 2"]);
}

#[tokio::test]
async fn a_long_commit_is_left_to_a_thread() {
    let bench = committing(Duration::ZERO).await;
    let before = commits_in_log(&bench);
    let written = join_all((0..50).map(|n| store_label(&bench, format!("{n:02}")))).await;
    assert!(written.iter().all(Result::is_ok));
    assert!((1..=20).contains(&(commits_in_log(&bench) - before)));
    assert_eq!(stored(&bench).len(), 50);
}

#[tokio::test]
async fn a_group_is_committed_although_its_first_member_is_dropped_or_not_polled_any_more() {
    for limit in [Duration::MAX, Duration::ZERO] {
        let bench = committing(limit).await;
        let mut dropped = Box::pin(store_label(&bench, "1 dropped"));
        assert!(futures_util::poll!(&mut dropped).is_pending());
        let second = store_label(&bench, "2");
        drop(dropped);
        second.await.unwrap();
        // After a COMMIT the writer is free again once another transaction is over.
        give_up(&bench).await;
        let mut forgotten = Box::pin(store_label(&bench, "3 forgotten"));
        assert!(futures_util::poll!(&mut forgotten).is_pending());
        store_label(&bench, "4").await.unwrap();
        assert_eq!(stored(&bench), ["1 dropped", "2", "3 forgotten", "4"], "they had asked for their COMMIT");
        assert!(
            matches!(futures_util::poll!(&mut forgotten), Poll::Ready(Ok(_))),
            "and he can still hear of it"
        );
    }
}

/// Stores a label whose transaction is begun on a runtime that then ends, or is no longer driven.
fn store_from_a_runtime_that_is_left(ends: bool) {
    let (first, second) = (one_thread(), one_thread());
    let bench = first.block_on(committing(Duration::MAX));
    let mut member = Box::pin(store_label(&bench, "member"));
    second.block_on(async { assert!(futures_util::poll!(&mut member).is_pending()) });
    let _kept = (!ends).then_some(second);
    first.block_on(async { tokio::time::timeout(Duration::from_secs(60), member).await }).unwrap().unwrap();
    assert_eq!(stored(&bench), ["member"]);
}

#[test]
fn a_group_whose_runtime_is_not_driven_any_more_is_committed_by_the_thread() {
    store_from_a_runtime_that_is_left(false);
}

#[test]
fn a_group_whose_runtime_ends_is_committed_by_the_thread() {
    store_from_a_runtime_that_is_left(true);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn writers_that_one_thread_runs_share_commits_too_after_one_has_been_alone() {
    let bench = Arc::new(committing(Duration::MAX).await);
    #[expect(
        clippy::disallowed_methods,
        reason = "on the runtime's one thread, where the test itself is not"
    )]
    let spawn = |name: String| {
        let bench = Arc::clone(&bench);
        tokio::spawn(async move {
            for n in 0..5 {
                store_label(&bench, format!("{name} {n}")).await.unwrap();
            }
        })
    };
    spawn("alone".to_owned()).await.unwrap();
    let before = commits_in_log(&bench);
    let writers: Vec<_> = (0..40).map(|n| spawn(format!("{n:02}"))).collect();
    assert!(join_all(writers).await.iter().all(Result::is_ok));
    let groups = commits_in_log(&bench) - before;
    assert!((1..=60).contains(&groups), "200 transactions of 40 writers took {groups} commits");
}

#[tokio::test]
async fn transactions_whose_budget_never_ends_hand_the_writer_on_as_well() {
    let bench = Bench::sqlite().await;
    let write = async |n: u32| {
        let slowly = bench.request(async |cx| {
            cx.transaction(async |tx| {
                // The others queue up meanwhile.
                tokio::task::yield_now().await;
                label(&cx, format!("{n:02}")).insert(tx).await
            })
            .await
        });
        tokio::task::unconstrained(slowly).await
    };
    assert!(join_all((0..20).map(write)).await.iter().all(Result::is_ok));
    assert_eq!(stored(&bench).len(), 20);
}

/// What SQLite does when the last connection closes: the log is moved into the file, and removed.
#[tokio::test]
async fn a_database_that_is_dropped_leaves_no_log_whether_it_was_closed_or_not() {
    let bench = Bench::sqlite().await;
    for is_closed in [true, false] {
        let folder = bench.file().with_extension(format!("{is_closed}"));
        let file = folder.join("app.db");
        let url = format!("sqlite:{}", file.display());
        let database =
            Database::open(&url, &DatabaseSettings::default(), Clock::system(), Vec::new()).unwrap();
        database.migrate(&[work::MIGRATIONS]).await.unwrap();
        assert!(file.with_extension("db-wal").exists());
        if is_closed {
            database.close().await;
        }
        drop(database);
        // The thread may be about to release it.
        let gone = async {
            while file.with_extension("db-wal").exists() {
                tokio::task::yield_now().await;
            }
        };
        let gone = tokio::time::timeout(Duration::from_secs(60), gone).await;
        gone.unwrap_or_else(|_| panic!("closed: {is_closed}"));
        std::fs::remove_dir_all(&folder).unwrap();
    }
}

/// A transaction that stores nothing.
async fn give_up(bench: &Bench) {
    let given_up = bench.request(async |cx| {
        cx.transaction(async |tx| {
            label(&cx, "never").insert(tx).await?;
            Err::<(), _>(DataError::Abandoned)
        })
        .await
    });
    assert!(matches!(given_up.await, Err(DataError::Abandoned)));
}

#[tokio::test]
async fn what_is_rolled_back_alone_writes_nothing_to_the_disk() {
    let bench = Bench::sqlite().await;
    store_label(&bench, "first").await.unwrap();
    let before = std::fs::read(bench.file().with_extension("db-wal")).unwrap();
    give_up(&bench).await;
    assert!(before == std::fs::read(bench.file().with_extension("db-wal")).unwrap());
    store_label(&bench, "second").await.unwrap();
    assert_eq!(stored(&bench), ["first", "second"]);
}

#[tokio::test]
async fn a_member_that_fails_or_goes_away_leaves_its_group_alone() {
    let bench = Bench::sqlite().await;
    let taken = store_label(&bench, "taken").await.unwrap().id;
    let conflict = async |n: u32| {
        bench
            .request(async |cx| {
                let (new, again) = (LabelId(cx.new_id()), taken);
                let label = |id, name: String| Label { id, org_id: cx.tenant(), name };
                cx.transaction(async |tx| {
                    label(new, format!("never {n}")).insert(tx).await?;
                    label(again, format!("never {n}")).insert(tx).await
                })
                .await
            })
            .await
    };
    let gone = async || {
        let write = store_label(&bench, "gone");
        // Polled a few times, it is somewhere between the queue and the acknowledgement.
        let _ = futures_util::future::select(Box::pin(write), Box::pin(tokio::task::yield_now())).await;
    };
    let writers = join_all((0..50).map(|n| store_label(&bench, format!("stays {n:02}"))));
    let (written, (conflicts, _)) =
        join(writers, join(join_all((0..50).map(conflict)), join_all((0..20).map(|_| gone())))).await;
    assert!(written.iter().all(Result::is_ok));
    assert!(conflicts.iter().all(|result| result.as_ref().is_err_and(DataError::is_conflict)));
    store_label(&bench, "later").await.unwrap();
    let names: Vec<_> = stored(&bench).into_iter().filter(|name| name != "gone").collect();
    let expected = (0..50).map(|n| format!("stays {n:02}"));
    let expected: Vec<_> =
        ["later".to_owned()].into_iter().chain(expected).chain(["taken".to_owned()]).collect();
    assert_eq!(names, expected);
}

#[tokio::test]
async fn another_programs_writer_is_awaited() {
    let bench = Bench::sqlite().await;
    let other = Connection::open(bench.file()).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let mut waiting = Box::pin(store_label(&bench, "patient"));
    let early = tokio::time::timeout(Duration::from_millis(30), &mut waiting).await;
    assert!(early.is_err(), "nobody can write while the other program does");
    assert!(
        bench.request(async |cx| Label::query().all(&cx).await.unwrap().is_empty()).await,
        "readers go on"
    );
    other.execute_batch("COMMIT").unwrap();
    waiting.await.unwrap();
    assert_eq!(stored(&bench), ["patient"]);
}

#[tokio::test]
async fn two_processes_write_to_one_file_without_a_busy_error() {
    let bench = Bench::sqlite().await;
    let other = bench.reopened(&DatabaseSettings::default());
    let writers = |bench: &'static str| (0..100).map(move |n| format!("{bench} {n}"));
    let first = join_all(writers("first").map(|name| store_label(&bench, name)));
    let second = join_all(writers("second").map(|name| store_label(&other, name)));
    let (first, second) = join(first, second).await;
    assert!(first.iter().chain(&second).all(Result::is_ok), "{first:?} {second:?}");
    assert_eq!(stored(&bench).len(), 200);
}

#[tokio::test]
async fn more_waiting_writers_than_allowed_are_told_to_come_back() {
    let mut settings = DatabaseSettings::default();
    settings.sqlite.max_waiting_writes = 2;
    let bench = Bench::sqlite().await.reopened(&settings);
    let (holding, held) = oneshot::channel();
    let (release, released) = oneshot::channel::<()>();
    let holder = bench.request(async |cx| {
        cx.transaction(async |_| {
            let _ = holding.send(());
            let _ = released.await;
            Ok::<_, DataError>(())
        })
        .await
    });
    let crowd = async {
        held.await.unwrap();
        let mut writers = Box::pin(join_all((0..5).map(|n| store_label(&bench, format!("{n}")))));
        assert!(futures_util::poll!(&mut writers).is_pending());
        release.send(()).unwrap();
        writers.await
    };
    let (held, results) = join(holder, crowd).await;
    held.unwrap();
    let refused: Vec<_> = results.iter().filter_map(|result| result.as_ref().err()).collect();
    assert_eq!(refused.len(), 3);
    for refused in refused {
        assert!(refused.to_string().contains("max_waiting_writes"), "{refused}");
        assert_eq!(refused.retry_after(), Some(Duration::from_secs(1)));
    }
    assert_eq!(stored(&bench).len(), 2);
}

/// Removes the limit on the file's size, or lets it grow no further, on the connection that writes.
async fn bound_pages(bench: &Bench, grow: bool) {
    let bounded = bench.system(async |system| {
        let bound = if grow {
            sql!("pages.free", "PRAGMA max_page_count = 1000000")
        } else {
            sql!("pages.full", "PRAGMA max_page_count = 1")
        };
        system.transaction(async |tx| bound.all::<(i64,), _>(tx).await).await
    });
    bounded.await.unwrap();
}

#[tokio::test]
async fn a_lost_group_stores_only_what_was_acknowledged_when_the_disk_is_full_and_space_heals_it() {
    let bench = Bench::sqlite().await;
    bound_pages(&bench, false).await;
    let results = join_all((0..60).map(async |n| {
        let name = format!("{n:02} {}", "x".repeat(900));
        store_label(&bench, name.clone()).await.map(|_| name)
    }));
    let (mut acknowledged, mut refused) = (Vec::new(), Vec::new());
    for result in results.await {
        match result {
            Ok(name) => acknowledged.push(name),
            Err(error) => refused.push(error),
        }
    }
    assert!(!refused.is_empty(), "60 kB do not fit into a file that may not grow");
    for error in &refused {
        assert!(matches!(error, DataError::Unavailable(_) | DataError::GroupLost(_)), "{error}");
        assert!(error.retry_after().is_some() && error.to_string().contains("full"), "{error}");
    }
    assert_eq!(stored(&bench), acknowledged);
    bound_pages(&bench, true).await;
    store_label(&bench, "zz after").await.unwrap();
    assert_eq!(stored(&bench).len(), acknowledged.len() + 1);
}

#[tokio::test]
async fn closing_waits_for_what_was_acknowledged_and_refuses_what_comes_later() {
    let bench = Bench::sqlite().await;
    let (results, ()) =
        join(join_all((0..20).map(|n| store_label(&bench, format!("{n:02}")))), bench.database.close()).await;
    let acknowledged = results.iter().filter(|result| result.is_ok()).count();
    assert_eq!(stored(&bench).len(), acknowledged);
    let late = store_label(&bench, "late").await.unwrap_err();
    assert!(late.to_string().contains("closing"), "{late}");
}

#[test]
fn addresses_that_cannot_be_used_are_refused_without_showing_a_password() {
    let open = |url: &str| {
        let clock = tenfold_data::Clock::system();
        tenfold_data::Database::open(url, &DatabaseSettings::default(), clock, Vec::new())
            .err()
            .map(|e| e.to_string())
    };
    for (url, said) in [
        ("sqlite:", "wants the path of a file"),
        ("sqlite::memory:", "wants the path of a file"),
        ("sqlite:app.db?mode=ro", "wants the path of a file"),
        ("mysql://user:hunter2@host/app", "database.url begins with \"mysql\""),
        ("postgres://user:hunter2@host:port/app", "not a PostgreSQL address"),
        ("postgres://user:hunter2@host/app?sslmode=allow", "disable, prefer"),
        ("sqlite:/proc/no/such/folder/app.db", "cannot make the folder"),
    ] {
        let refused = open(url).unwrap_or_else(|| panic!("{url} was opened"));
        assert!(refused.contains(said) && !refused.contains("hunter2"), "{refused}");
    }
}
