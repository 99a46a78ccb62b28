//! What the feed says of a COMMIT whose caller is gone, or whose outcome is not known.

use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use futures_util::future::join_all;
use tenfold_data::{
    DataError, DatabaseSettings, EntityExt, SystemContext, Topic, TopicKind, feed_migrations,
};

use crate::bench::Bench;
use crate::between::Then;
use crate::deferred::{is_text, through};
use crate::feed::is_told;
use crate::work::{self, Label};

on_both_databases!(what_dropped_callers_have_committed_is_said_and_nothing_else);

/// Polls a future up to so many times, and drops it then, whatever it waits for. Returns how often it was polled.
pub async fn poll_at_most<T>(times: usize, work: impl Future<Output = T>) -> usize {
    let (mut work, mut polled) = (pin!(work), 0);
    std::future::poll_fn(|cx| {
        polled += 1;
        let is_done = work.as_mut().poll(cx).is_ready() || polled == times;
        if is_done { Poll::Ready(polled) } else { Poll::Pending }
    })
    .await
}

/// Waits until the outcome of each COMMIT is known.
async fn settled(bench: &Bench) {
    let waiting = async {
        while bench.database.feed().unsettled() > 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), waiting).await.expect("each is settled");
}

async fn what_dropped_callers_have_committed_is_said_and_nothing_else(bench: Bench) {
    // Connections are opened and statements prepared before.
    join_all((0..16).map(|n| work::store_label(&bench, format!("before {n}")))).await;
    // A COMMIT is reached later behind a pooler, and on a busy machine.
    let whole = (0..16).map(|n| poll_at_most(usize::MAX, work::store_label(&bench, format!("polled {n}"))));
    let most = join_all(whole).await.into_iter().max().unwrap_or_default();
    let (mut committed, mut lost) = (0, 0);
    for round in 0..300 {
        if round >= 63 && committed > 100 && lost > 10 {
            break;
        }
        let mut watches: Vec<_> =
            (0..16).map(|n| bench.database.feed().watch([Topic::signal(format!("{round} {n}"))])).collect();
        let dropped = (0..16).map(|n| {
            let name = format!("{round} {n}");
            let work = bench.request(async move |cx| {
                let label = work::label(&cx, name.clone());
                cx.transaction(async |tx| {
                    tx.signal(Topic::signal(name));
                    if n % 4 == 0 {
                        tokio::task::yield_now().await;
                    }
                    label.insert_deferred(tx).await
                })
                .await
            });
            // Every other round early: those that yield are lost at their first poll, whatever a COMMIT takes. The others later
            // with each round, so that some reach it however busy the machine is.
            let polls =
                if round % 2 == 0 { (round + n) % (most + round + 2) } else { (round / 2 + n / 4) % 3 };
            poll_at_most(1 + polls, work)
        });
        join_all(dropped).await;
        settled(&bench).await;
        let stored = bench.request(async |cx| Label::query().all(&cx).await.unwrap()).await;
        for (n, watch) in watches.iter_mut().enumerate() {
            let is_stored = stored.iter().any(|label| label.name == format!("{round} {n}"));
            assert_eq!(is_told(watch), is_stored, "transaction {n} of round {round}");
            *(if is_stored { &mut committed } else { &mut lost }) += 1;
        }
    }
    bench.waited();
    assert!(committed > 100 && lost > 10, "{committed} were committed, {lost} were not");
}

#[tokio::test]
async fn a_commit_with_an_unknown_outcome_is_said() {
    let bench = Bench::postgres().await;
    let org = bench.org;
    let database =
        through(
            &bench,
            |kind, body| {
                if kind == b'Q' && is_text(kind, body, "COMMIT") { Then::Cut } else { Then::Goes }
            },
        )
        .await;
    let mut watch = database.feed().watch([Topic::of::<Label>(Some(org))]);
    let write = async |system: SystemContext| {
        let cx = system.within(org);
        cx.transaction(async |tx| work::label(&cx, "cut off").insert(tx).await).await.map(drop)
    };
    let cut = database.run(None, write).await.unwrap_err();
    assert!(matches!(cut, DataError::OutcomeUnknown(_)), "{cut}");
    assert!(is_told(&mut watch));
}

/// COMMIT runs a trigger that takes long, and its connection is killed meanwhile. The transaction's number is known from
/// the row that tells of it.
#[tokio::test]
async fn the_server_is_asked_what_became_of_a_commit() {
    let bench = Bench::postgres().await;
    bench.database.migrate(&[feed_migrations()]).await.unwrap();
    let bench = bench.reopened(&DatabaseSettings::default());
    let feed = bench.database.feed();
    feed.tell([TopicKind::every_table()]);
    feed.start().await.unwrap();
    let owner = bench.as_owner().await;
    let trigger = "CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS
                   $$ BEGIN PERFORM pg_sleep(60); RETURN NULL; END $$;
                   CREATE CONSTRAINT TRIGGER slow AFTER INSERT ON work_labels DEFERRABLE INITIALLY DEFERRED
                   FOR EACH ROW EXECUTE FUNCTION slow();";
    owner.batch_execute(trigger).await.unwrap();
    let mut watch = feed.watch([Topic::of::<Label>(Some(bench.org))]);
    let onlooker = bench.onlooker().await;
    let kill = async {
        let commit = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                      WHERE datname = current_database() AND state = 'active' AND query = 'COMMIT'";
        while onlooker.query(commit, &[]).await.unwrap().is_empty() {}
    };
    let (written, ()) = futures_util::future::join(work::store_label(&bench, "killed"), kill).await;
    assert!(matches!(written, Err(DataError::OutcomeUnknown(_))), "{written:?}");
    settled(&bench).await;
    assert!(!is_told(&mut watch), "the server knows that it was rolled back");
    bench.database.close().await;
}
