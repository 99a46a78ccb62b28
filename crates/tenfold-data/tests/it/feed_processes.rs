//! The feed between processes. Two handles of a database are two processes to it.

use std::time::{Duration, Instant};

use tenfold_data::{
    Clock, DataError, DatabaseSettings, Dialect, EntityExt, OrgId, Timestamp, Topic, TopicKind,
    feed_migrations, sql,
};
use tokio::sync::oneshot;

use crate::bench::Bench;
use crate::feed::is_told;
use crate::people;
use crate::work::{self, Label};

on_both_databases!(
    another_process_is_told_within_a_poll,
    what_one_poll_finds_wakes_once,
    what_is_not_declared_is_not_told,
    a_rolled_back_transaction_tells_nobody,
    a_transaction_tells_with_one_row,
    old_changes_are_pruned_and_those_who_missed_them_look_at_everything,
    a_dead_process_is_forgotten_and_looks_at_everything_when_it_comes_back,
    what_must_be_known_everywhere_waits_for_the_others,
    a_closed_process_is_not_waited_for,
);

/// Such a process reads only when the test asks it to.
const NEVER: Duration = Duration::from_secs(3600);

/// A process of its own, with a clock of its own.
struct FeedProcess {
    bench: Bench,
    clock: Clock,
}

impl FeedProcess {
    async fn start(on: &Bench, poll: Duration) -> Self {
        FeedProcess::waiting(on, poll, Duration::from_secs(60)).await
    }

    /// One that waits for others only so long.
    async fn waiting(on: &Bench, poll: Duration, wait: Duration) -> Self {
        let mut settings = DatabaseSettings::default();
        settings.feed.poll = poll;
        settings.feed.wait = wait;
        let clock = Clock::manual(Timestamp::from_second(1_767_225_600).unwrap());
        let bench = on.reopened_at(&settings, clock.clone());
        bench.database.migrate(&[people::MIGRATIONS, work::MIGRATIONS, feed_migrations()]).await.unwrap();
        let feed = bench.database.feed();
        feed.tell([
            TopicKind::of::<Label>(),
            TopicKind::signal("test/told"),
            TopicKind::signal("test/told_too"),
        ]);
        feed.start().await.unwrap();
        FeedProcess { bench, clock }
    }

    /// Two that read what was told only when they are asked to.
    async fn two(on: &Bench) -> [Self; 2] {
        let both = [FeedProcess::start(on, NEVER).await, FeedProcess::start(on, NEVER).await];
        for process in &both {
            process.poll().await;
        }
        both
    }

    async fn poll(&self) {
        self.bench.database.feed().poll_now().await;
    }

    fn watch(&self, topic: Topic) -> tenfold_data::Watch {
        self.bench.database.feed().watch([topic])
    }

    fn labels(&self) -> Topic {
        Topic::of::<Label>(Some(self.bench.org))
    }

    /// The first column of a text's first row.
    async fn number(&self, text: tenfold_data::sql::SqlQuery) -> i64 {
        let rows = self.bench.system(async |cx| text.all::<(i64,), _>(&cx).await.unwrap()).await;
        rows[0].0
    }

    async fn rows(&self) -> i64 {
        self.number(sql!("test.changes", "SELECT count(*) FROM tenfold_changes")).await
    }

    async fn processes(&self) -> i64 {
        self.number(sql!("test.processes", "SELECT count(*) FROM tenfold_processes")).await
    }
}

async fn another_process_is_told_within_a_poll(bench: Bench) {
    let [first, _] = FeedProcess::two(&bench).await;
    let second = FeedProcess::start(&bench, Duration::from_millis(5)).await;
    let mut watch = second.watch(second.labels());
    work::store_label(&first.bench, "one").await.unwrap();
    tokio::time::timeout(Duration::from_secs(60), watch.changed()).await.unwrap();
    second.bench.database.close().await;
}

async fn what_one_poll_finds_wakes_once(bench: Bench) {
    let [first, second] = FeedProcess::two(&bench).await;
    let mut watch = second.watch(second.labels());
    for name in ["one", "two", "three"] {
        work::store_label(&first.bench, name).await.unwrap();
    }
    // The watcher waits already when the poll finds all three.
    let (_, ()) = futures_util::future::join(watch.changed(), second.poll()).await;
    assert!(!is_told(&mut watch));
}

async fn what_is_not_declared_is_not_told(bench: Bench) {
    let [first, second] = FeedProcess::two(&bench).await;
    let other = OrgId(bench.database.clock().new_id());
    let mut told = [second.watch(second.labels()), second.watch(Topic::signal("test/told"))];
    let mut not = [
        second.watch(Topic::of::<Label>(Some(other))),
        second.watch(Topic::table(None, "work_projects")),
        second.watch(Topic::signal("test/own")),
    ];
    let written = first.bench.request(async |cx| {
        work::plan(&cx, 1).await;
        cx.transaction(async |tx| {
            tx.signal(Topic::signal("test/told"));
            tx.signal(Topic::signal("test/own"));
            Ok::<_, DataError>(())
        })
        .await
    });
    written.await.unwrap();
    second.poll().await;
    assert!(told.iter_mut().all(is_told) && !not.iter_mut().any(is_told));
    let mut own = first.watch(first.labels());
    first.poll().await;
    assert!(!is_told(&mut own), "a process is not told what it has changed itself");
}

async fn a_rolled_back_transaction_tells_nobody(bench: Bench) {
    let [first, second] = FeedProcess::two(&bench).await;
    let mut watch = second.watch(second.labels());
    let given_up: Result<(), DataError> = first
        .bench
        .request(async |cx| {
            cx.transaction(async |tx| {
                work::label(&cx, "one").insert(tx).await?;
                Err(DataError::Settings("given up".to_owned()))
            })
            .await
        })
        .await;
    second.poll().await;
    assert!(given_up.is_err() && !is_told(&mut watch));
}

/// On SQLite none is stored for a process that is alone: a write would cost it more.
async fn a_transaction_tells_with_one_row(bench: Bench) {
    let alone = FeedProcess::start(&bench, NEVER).await;
    let is_sqlite = bench.database.dialect() == Dialect::Sqlite;
    work::store_label(&alone.bench, "alone").await.unwrap();
    assert_eq!(alone.rows().await, i64::from(!is_sqlite));
    let second = FeedProcess::start(&bench, NEVER).await;
    let before = alone.rows().await;
    alone.bench.request(async |cx| work::plan(&cx, 2).await).await;
    assert_eq!(alone.rows().await, before + 1);
    work::store_label(&second.bench, "the other").await.unwrap();
    assert_eq!(alone.rows().await, before + 2);
    second.bench.database.close().await;
    assert_eq!(alone.processes().await, 1);
    work::store_label(&alone.bench, "alone again").await.unwrap();
    assert_eq!(alone.rows().await, before + 2 + i64::from(!is_sqlite));
}

async fn old_changes_are_pruned_and_those_who_missed_them_look_at_everything(bench: Bench) {
    let [first, second] = FeedProcess::two(&bench).await;
    let mut unrelated = second.watch(Topic::signal("unrelated"));
    for name in ["one", "two", "three"] {
        work::store_label(&first.bench, name).await.unwrap();
    }
    first.clock.advance(Duration::from_secs(20));
    first.poll().await;
    work::store_label(&first.bench, "four").await.unwrap();
    first.clock.advance(Duration::from_secs(45));
    first.poll().await;
    assert_eq!(first.rows().await, 4, "none is older than the retention");
    // An open transaction of another test's database holds this up on PostgreSQL.
    let pruning = async {
        while first.rows().await > 1 {
            first.clock.advance(Duration::from_secs(20));
            first.poll().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(180), pruning).await.expect("old rows are deleted");
    let third = FeedProcess::start(&bench, NEVER).await;
    third.poll().await;
    let mut of_third = third.watch(Topic::signal("unrelated"));
    second.poll().await;
    assert!(is_told(&mut unrelated), "it may have missed something");
    second.poll().await;
    third.poll().await;
    assert!(!is_told(&mut unrelated) && !is_told(&mut of_third));
}

async fn a_dead_process_is_forgotten_and_looks_at_everything_when_it_comes_back(bench: Bench) {
    let [first, second] = FeedProcess::two(&bench).await;
    first.poll().await;
    let mut unrelated = second.watch(Topic::signal("unrelated"));
    work::store_label(&first.bench, "told").await.unwrap();
    // It may be seen for the first time now or at the first beat.
    for _ in 0..2 {
        first.clock.advance(Duration::from_secs(6));
        first.poll().await;
        assert_eq!(first.processes().await, 2);
    }
    for _ in 0..3 {
        first.clock.advance(Duration::from_secs(6));
        first.poll().await;
    }
    assert_eq!(first.processes().await, 1, "it has not shown that it lives for 15 s");
    let before = first.rows().await;
    work::store_label(&first.bench, "alone").await.unwrap();
    let is_sqlite = bench.database.dialect() == Dialect::Sqlite;
    assert_eq!(first.rows().await, before + i64::from(!is_sqlite), "nobody is left to be told");
    second.clock.advance(Duration::from_secs(30));
    second.poll().await;
    assert_eq!(first.processes().await, 2);
    assert!(is_told(&mut unrelated));
}

async fn what_must_be_known_everywhere_waits_for_the_others(bench: Bench) {
    let alone = FeedProcess::start(&bench, NEVER).await;
    assert!(alone.bench.database.feed().wait_passed().await.unwrap());
    let reading = FeedProcess::start(&bench, Duration::from_millis(5)).await;
    let mut watch = reading.watch(reading.labels());
    work::store_label(&alone.bench, "one").await.unwrap();
    assert!(alone.bench.database.feed().wait_passed().await.unwrap());
    assert!(is_told(&mut watch));
    let stuck = FeedProcess::start(&bench, NEVER).await;
    let hasty = FeedProcess::waiting(&bench, NEVER, Duration::from_secs(1)).await;
    assert!(!hasty.bench.database.feed().wait_passed().await.unwrap(), "one of them does not read");
    drop(stuck);
}

async fn a_closed_process_is_not_waited_for(bench: Bench) {
    let first = FeedProcess::waiting(&bench, NEVER, Duration::from_secs(1)).await;
    let second = FeedProcess::start(&bench, NEVER).await;
    assert!(!first.bench.database.feed().wait_passed().await.unwrap());
    second.bench.database.close().await;
    // A busy machine may take longer to cross it off than closing waits.
    let begun = Instant::now();
    while !first.bench.database.feed().wait_passed().await.unwrap() {
        assert!(begun.elapsed() < Duration::from_secs(60), "it is still waited for");
    }
}

/// Not so on SQLite, which commits in the order in which numbers are taken.
#[tokio::test]
async fn a_transaction_that_commits_late_is_not_lost() {
    let bench = Bench::postgres().await;
    let [first, second] = FeedProcess::two(&bench).await;
    let other = OrgId(bench.database.clock().new_id());
    let mut late = second.watch(second.labels());
    let mut early = second.watch(Topic::of::<Label>(Some(other)));
    let (written, is_written) = oneshot::channel();
    let (go_on, may_go_on) = oneshot::channel::<()>();
    let slow = first.bench.request(async |cx| {
        cx.transaction(async |tx| {
            work::label(&cx, "late").insert(tx).await?;
            written.send(()).unwrap();
            may_go_on.await.unwrap();
            Ok::<_, DataError>(())
        })
        .await
        .unwrap();
    });
    let quick = async {
        is_written.await.unwrap();
        let stored = first.bench.system(async |cx| {
            let cx = cx.within(other);
            cx.transaction(async |tx| work::label(&cx, "early").insert(tx).await).await
        });
        stored.await.unwrap();
        second.poll().await;
        assert!(is_told(&mut early) && !is_told(&mut late));
        go_on.send(()).unwrap();
    };
    futures_util::future::join(slow, quick).await;
    second.poll().await;
    assert!(is_told(&mut late));
    second.poll().await;
    assert!(!is_told(&mut late) && !is_told(&mut early), "each is told once");
    first.bench.waited();
}

#[tokio::test]
async fn a_group_of_transactions_tells_with_one_row() {
    let bench = Bench::sqlite().await;
    let [first, second] = FeedProcess::two(&bench).await;
    let before = first.rows().await;
    let mut told = ["test/told", "test/told_too"]
        .map(|name| second.watch(Topic::signal(name)))
        .into_iter()
        .collect::<Vec<_>>();
    told.push(second.watch(second.labels()));
    let signal = async |name: &'static str| {
        let signal = first.bench.request(async |cx| {
            cx.transaction(async |tx| {
                tx.signal(Topic::signal(name));
                work::label(&cx, name).insert(tx).await
            })
            .await
        });
        signal.await.unwrap();
    };
    // They queue up for one COMMIT.
    futures_util::future::join3(signal("test/told"), signal("test/told_too"), signal("test/told")).await;
    assert_eq!(first.rows().await, before + 1);
    second.poll().await;
    assert!(told.iter_mut().all(is_told));
}

/// A COMMIT that stores nothing counts no commit, and another process that registers counts some.
#[tokio::test]
async fn empty_commits_hide_no_process_that_registers() {
    let bench = Bench::sqlite().await;
    let first = FeedProcess::start(&bench, NEVER).await;
    for empty in 1..8 {
        work::store_label(&first.bench, &format!("alone {empty}")).await.unwrap();
        for _ in 0..empty {
            let signal = first.bench.request(async |cx| {
                cx.transaction(async |tx| {
                    tx.signal(Topic::signal("test/told"));
                    Ok::<_, DataError>(())
                })
                .await
            });
            signal.await.unwrap();
        }
        let second = FeedProcess::start(&bench, NEVER).await;
        let mut watch = second.watch(second.labels());
        work::store_label(&first.bench, &format!("told {empty}")).await.unwrap();
        second.poll().await;
        assert!(is_told(&mut watch), "after {empty} empty commits");
        second.bench.database.close().await;
    }
}

/// Numbers of transactions belong to a cluster: those of a dump may be higher than any that this one has given.
#[tokio::test]
async fn a_dump_of_another_cluster_leaves_no_changes() {
    let bench = Bench::postgres().await;
    let first = FeedProcess::start(&bench, NEVER).await;
    let restore = async |cx: tenfold_data::SystemContext| {
        cx.transaction(async |tx| {
            sql!(
                "test.restored_change",
                "INSERT INTO tenfold_changes (xid, origin, changes) VALUES ('9000000000000', $1, '{}')"
            )
            .bind(tx.new_id())
            .execute(tx)
            .await?;
            sql!(
                "test.restored_floor",
                "UPDATE tenfold_changes_floor SET floor = '9000000000000' WHERE id = 1"
            )
            .execute(tx)
            .await
        })
        .await
        .unwrap();
    };
    first.bench.system(restore).await;
    let second = FeedProcess::start(&bench, NEVER).await;
    assert_eq!(second.rows().await, 0);
    second.poll().await;
    let (mut labels, mut unrelated) =
        (second.watch(second.labels()), second.watch(Topic::signal("unrelated")));
    work::store_label(&first.bench, "new").await.unwrap();
    second.poll().await;
    assert!(is_told(&mut labels) && !is_told(&mut unrelated));
}
