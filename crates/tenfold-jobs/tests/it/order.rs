//! Events in order, events of other versions, and deliveries that were given up.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tenfold_data::{Dialect, EntityExt as _, SystemContext, SystemTx, sql};
use tenfold_jobs::{
    Enqueue as _, Event, FinishedJob, JobContext, JobId, JobSettings, JobState, Jobs, QueuedJob, Worker,
};
use tokio::sync::{Notify, oneshot};

use crate::fixture::{Diary, World};
use crate::on_both;

/// Something that is numbered, of one of several invoices.
#[derive(Serialize, Deserialize)]
struct Changed {
    invoice: String,
    number: u32,
    /// In which attempt its delivery succeeds.
    attempts: i64,
}

impl Event for Changed {
    const NAME: &'static str = "test.changed";
    const VERSION: u32 = 2;

    fn upcast(version: u32, mut fields: serde_json::Value) -> anyhow::Result<serde_json::Value> {
        // Version 1 had no attempts, and called the invoice a bill.
        anyhow::ensure!(version == 1, "unknown");
        fields["invoice"] = fields["bill"].take();
        fields["attempts"] = 1.into();
        Ok(fields)
    }

    fn order_key(&self) -> Option<String> {
        Some(self.invoice.clone())
    }
}

fn listening(world: &World) -> Jobs {
    world.jobs(|registry, listeners| {
        listeners.on(registry, "test.on_changed", async |job: JobContext, event: Changed| {
            anyhow::ensure!(job.attempt() >= event.attempts, "not yet");
            job.effect_once(async |_| {
                job.service::<Diary>()?.note(&format!("{} {}", event.invoice, event.number));
                Ok(())
            })
            .await
        });
    })
}

async fn publish(world: &World, invoice: &str, number: u32, attempts: i64) {
    let event = Changed { invoice: invoice.to_owned(), number, attempts };
    let publish = async |cx: SystemContext| cx.transaction(async |tx| tx.publish(event).await).await;
    world.database.run(None, publish).await.expect("it is published");
}

on_both!(async fn events_of_a_key_reach_a_listener_in_their_order(world) {
    let jobs = listening(world);
    publish(world, "a", 1, 2).await;
    publish(world, "a", 2, 1).await;
    publish(world, "b", 1, 1).await;
    publish(world, "a", 3, 1).await;
    jobs.run_due().await.expect("one fails, and holds up its key");
    assert_eq!(world.diary.read(), ["b 1"]);
    world.clock.advance(Duration::from_secs(2));
    jobs.run_due().await.expect("they run");
    assert_eq!(world.diary.read(), ["b 1", "a 1", "a 2", "a 3"]);
});

on_both!(async fn two_workers_keep_the_order_of_each_key(world) {
    let _declared = listening(world);
    let workers = [Worker::start(listening(world)), Worker::start(listening(world))];
    for number in 0..20 {
        for invoice in ["a", "b", "c"] {
            publish(world, invoice, number, 1).await;
        }
    }
    let done = async {
        while world.diary.read().len() < 60 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), done).await.expect("all are delivered");
    for worker in workers {
        worker.stop(Duration::from_secs(60)).await;
    }
    for invoice in ["a", "b", "c"] {
        let of_one: Vec<_> = world.diary.read().into_iter().filter(|line| line.starts_with(invoice)).collect();
        let expected: Vec<_> = (0..20).map(|number| format!("{invoice} {number}")).collect();
        assert_eq!(of_one, expected);
    }
});

on_both!(async fn an_event_of_an_older_version_is_upcast(world) {
    let jobs = listening(world);
    publish(world, "a", 1, 1).await;
    change_stored(world, 1, serde_json::json!({"bill": "old", "number": 7})).await;
    assert_eq!(jobs.run_due().await.expect("it is delivered"), 1);
    assert_eq!(world.diary.read(), ["old 7"]);
});

on_both!(async fn an_event_of_a_newer_version_waits(world) {
    let jobs = listening(world);
    publish(world, "a", 1, 1).await;
    change_stored(world, 3, serde_json::json!({})).await;
    assert_eq!(jobs.run_due().await.expect("it is put off"), 1);
    let waiting = of_kind(world).await;
    assert_eq!((waiting.attempt, &*waiting.message), (0, "waiting for a worker that knows its version"));
});

on_both!(async fn the_next_of_a_key_runs_although_nobody_released_it(world) {
    let jobs = listening(world);
    for number in 1..=2 {
        publish(world, "a", number, 1).await;
    }
    // As a worker of an older version ends a job, or a person at a terminal of the database.
    let first = all_of_kind(world).await.remove(0).id;
    let delete = async |cx: SystemContext| cx.transaction(async |tx| QueuedJob::delete(tx, first).await).await;
    world.database.run(None, delete).await.expect("it is deleted");
    assert_eq!(jobs.run_due().await.expect("the next one is found"), 1);
    assert_eq!(world.diary.read(), ["a 2"]);
});

on_both!(async fn replaying_all_ends_although_they_fail_again(world) {
    let jobs = world.jobs(|registry, listeners| {
        listeners.on(registry, "test.on_changed", async |job: JobContext, _: Changed| {
            job.service::<Diary>()?.note("fails");
            anyhow::bail!("told to fail")
        });
    });
    publish(world, "a", 1, 1).await;
    publish(world, "b", 1, 1).await;
    for job in all_of_kind(world).await {
        // As the fifteenth failure leaves it.
        jobs.cancel(job.id).await.expect("it waits");
        discard(world, job.id).await;
    }
    // Each fails as soon as it is replayed.
    let worker = Worker::start(jobs.clone());
    let replayed = tokio::time::timeout(Duration::from_secs(60), jobs.replay_all("test.on_changed")).await;
    assert_eq!(replayed.expect("it ends").expect("they are replayed"), 2);
    worker.stop(Duration::ZERO).await;
});

async fn discard(world: &World, id: JobId) {
    let change = async |cx: SystemContext| {
        cx.transaction(async |tx| {
            FinishedJob::update(id)
                .set(FinishedJob::state, JobState::Discarded)
                .set(FinishedJob::attempt, 15)
                .run(tx)
                .await
        })
        .await
    };
    world.database.run(None, change).await.expect("it can be changed");
}

/// Publishes an event on PostgreSQL, which has several writers at once, and does something before its transaction commits: the key
/// is locked meanwhile.
async fn while_published<T>(world: &World, number: u32, then: impl AsyncFnOnce(&SystemTx<'_>) -> T) -> T {
    let event = Changed { invoice: "a".to_owned(), number, attempts: 1 };
    let publish = async |cx: SystemContext| {
        cx.transaction(async |tx| -> anyhow::Result<T> {
            tx.publish(event).await?;
            Ok(then(tx).await)
        })
        .await
    };
    let done = tokio::time::timeout(Duration::from_secs(20), world.database.run(None, publish)).await;
    // It waits for more than the database, which is the point.
    world.waits.take();
    done.expect("nothing is held up").expect("it is committed")
}

/// Ends when the bell rings, if it is the event of invoice a.
async fn until_rung(job: JobContext, event: Changed) -> anyhow::Result<()> {
    let (bell, diary): (Arc<Notify>, Arc<Diary>) = (job.service()?, job.service()?);
    let rung = bell.notified();
    diary.note(&format!("begins {}", event.number));
    if event.invoice == "a" {
        rung.await;
    }
    diary.note(&format!("ends {}", event.number));
    Ok(())
}

/// Waits until a line is noted so often.
async fn noted(world: &World, line: &str, times: usize) {
    while world.diary.read().iter().filter(|noted| *noted == line).count() < times {
        tokio::task::yield_now().await;
    }
}

#[test]
fn an_end_that_waits_for_a_publisher_holds_up_no_other() {
    crate::fixture::run(Dialect::Postgres, async |world| {
        let worker = Worker::start(world.jobs(|registry, listeners| {
            listeners.on(registry, "test.on_changed", until_rung);
        }));
        let noted = async |line: &str| noted(world, line, 1).await;
        publish(world, "a", 1, 1).await;
        noted("begins 1").await;
        while_published(world, 2, async |_| {
            world.bell.notify_waiters();
            noted("ends 1").await;
            for number in 0..3 {
                let id = world.work(&format!("job {number}"), 0).await;
                while world.finished(id).await.is_none() {
                    tokio::task::yield_now().await;
                }
            }
        })
        .await;
        worker.stop(Duration::ZERO).await;
    });
}

#[test]
fn an_open_publisher_with_many_listeners_holds_up_no_end() {
    const LISTENERS: [&str; 6] =
        ["test.on_1", "test.on_2", "test.on_3", "test.on_4", "test.on_5", "test.on_6"];
    crate::fixture::run(Dialect::Postgres, async |world| {
        let settings = JobSettings { concurrency: 16, ..JobSettings::default() };
        let worker = Worker::start(world.jobs_with(settings, |registry, listeners| {
            for kind in LISTENERS {
                listeners.on(registry, kind, until_rung);
            }
        }));
        publish(world, "a", 1, 1).await;
        noted(world, "begins 1", LISTENERS.len()).await;
        // It holds the keys of six jobs that end now.
        while_published(world, 2, async |_| {
            world.bell.notify_waiters();
            noted(world, "ends 1", LISTENERS.len()).await;
            publish(world, "b", 3, 1).await;
            while ended(world).await < 2 * LISTENERS.len() {
                tokio::task::yield_now().await;
            }
        })
        .await;
        noted(world, "begins 2", LISTENERS.len()).await;
        world.bell.notify_waiters();
        noted(world, "ends 2", LISTENERS.len()).await;
        worker.stop(Duration::from_secs(60)).await;
    });
}

/// How many jobs have ended.
async fn ended(world: &World) -> usize {
    let find = async |cx: SystemContext| FinishedJob::query().limit(100).all(&cx).await;
    world.database.run(None, find).await.expect("they can be read").len()
}

#[test]
fn a_cancel_that_waits_for_a_publisher_locks_no_job() {
    crate::fixture::run(Dialect::Postgres, async |world| {
        let jobs = listening(world);
        publish(world, "a", 1, 1).await;
        let id = of_kind(world).await.id;
        let (locked, is_locked) = oneshot::channel();
        let publish = while_published(world, 2, async |tx| {
            let _ = locked.send(());
            until_blocked(world).await;
            // As another publisher of this key does, which lets its first job run.
            QueuedJob::update(id)
                .set(QueuedJob::percent, 1)
                .run(tx)
                .await
                .expect("nothing has locked the job");
        });
        let cancel = async {
            is_locked.await.expect("it is published");
            jobs.cancel(id).await.expect("it waits");
        };
        tokio::join!(publish, cancel);
        assert_eq!(
            world.finished(id).await.map(|job| (job.state, job.percent)),
            Some((JobState::Cancelled, 1))
        );
    });
}

/// Waits until a statement of this database waits for a lock.
async fn until_blocked(world: &World) {
    let look = async |cx: SystemContext| {
        let blocked: Vec<(i64,)> = sql!(
            "test.blocked",
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        )
        .all(&cx)
        .await?;
        Ok::<_, tenfold_data::DataError>(blocked[0].0)
    };
    while world.database.run(None, look).await.expect("it can be seen") == 0 {
        tokio::task::yield_now().await;
    }
}

async fn all_of_kind(world: &World) -> Vec<QueuedJob> {
    let find = async |cx: SystemContext| {
        let kind = QueuedJob::kind.eq("test.on_changed".to_owned());
        QueuedJob::query().filter(kind).order_by(QueuedJob::order_number).limit(10).all(&cx).await
    };
    let found = world.database.run(None, find).await.expect("they can be read");
    found.iter().cloned().collect()
}

async fn of_kind(world: &World) -> QueuedJob {
    let mut found = all_of_kind(world).await;
    assert_eq!(found.len(), 1);
    found.remove(0)
}

/// As another version of the application has stored it.
async fn change_stored(world: &World, version: i64, args: serde_json::Value) {
    let id = of_kind(world).await.id;
    let change = async |cx: SystemContext| {
        cx.transaction(async |tx| {
            QueuedJob::update(id).set(QueuedJob::version, version).set(QueuedJob::args, args).run(tx).await
        })
        .await
    };
    world.database.run(None, change).await.expect("it can be changed");
}

on_both!(async fn a_parked_delivery_holds_up_nothing_and_is_replayed(world) {
    let jobs = listening(world);
    publish(world, "a", 1, 16).await;
    publish(world, "a", 2, 1).await;
    for _ in 0..15 {
        jobs.run_due().await.expect("it fails");
        world.clock.advance(Duration::from_secs(2 * 3600));
    }
    jobs.run_due().await.expect("the next one runs");
    assert_eq!(world.diary.read(), ["a 2"]);
    let parked = jobs.parked(10).await.expect("they can be listed");
    let [delivery] = &*parked else { panic!("one is parked, not {parked:?}") };
    assert_eq!((delivery.state, &*delivery.kind), (JobState::Discarded, "test.on_changed"));
    assert_eq!(jobs.deliveries(), [("test.changed", "test.on_changed")]);
    assert_eq!(jobs.replay_all("test.on_changed").await.expect("it is delivered again"), 1);
    jobs.run_due().await.expect("it succeeds");
    assert_eq!(world.diary.read(), ["a 2", "a 1"]);
    jobs.replay(delivery.id).await.expect_err("it is parked no longer");
});
