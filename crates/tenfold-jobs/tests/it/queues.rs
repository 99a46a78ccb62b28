//! Queues: each has its own places, and can be paused.

use std::time::Duration;

use tenfold_data::{DataError, EntityExt as _, SystemContext};
use tenfold_jobs::admin::UnknownQueue;
use tenfold_jobs::{Enqueue as _, JobOptions, JobState, QueuedJob, Worker};

use crate::fixture::Work;
use crate::on_both;

on_both!(async fn a_paused_queue_waits_in_all_processes_until_resumed(world) {
    let here = world.jobs(|registry, _| registry.queue("mail", 2));
    let there = world.jobs(|registry, _| registry.queue("mail", 2));
    here.pause("mail").await.expect("it is paused");
    let letter = world.work_with("letter", JobOptions::new().queue("mail").tag("welcome")).await;
    let other = world.work("other", 0).await;
    assert_eq!(there.run_due().await.expect("the other queue runs"), 1);
    assert!(world.finished(other).await.is_some());
    let mail = here.queues().await.expect("they can be listed").into_iter().find(|queue| queue.name == "mail");
    let mail = mail.expect("it is declared");
    assert_eq!((mail.paused, mail.waiting, mail.running, mail.concurrency), (true, 1, 0, Some(2)));
    assert!(mail.oldest.is_some());
    here.resume("mail").await.expect("it is resumed");
    assert_eq!(there.run_due().await.expect("it runs"), 1);
    let finished = world.finished(letter).await.expect("it is done");
    assert_eq!((&*finished.queue, finished.tags), ("mail", serde_json::json!(["welcome"])));
});

on_both!(async fn an_unknown_queue_is_refused(world) {
    let jobs = world.jobs(|_, _| {});
    let refused = jobs.pause("mial").await.expect_err("there is none");
    assert_eq!(refused.downcast_ref::<UnknownQueue>().map(|unknown| &*unknown.known), Some("default"));
    let enqueue = async |cx: SystemContext| {
        cx.transaction(async |tx| {
            let job = Work { name: "lost".to_owned(), failures: 0 };
            tx.enqueue_with(job, JobOptions::new().queue("mial")).await
        })
        .await
    };
    let refused = world.database.run(None, enqueue).await.expect_err("nothing would claim it");
    assert!(matches!(&refused, DataError::Misuse { why, .. } if why.contains(".queue(\"mial\", 4)")), "{refused}");
});

on_both!(async fn a_queue_that_is_no_longer_declared_is_shown(world) {
    let old = world.jobs(|registry, _| registry.queue("mail", 2));
    world.work_with("letter", JobOptions::new().queue("mail")).await;
    drop(old);
    let new = world.jobs(|registry, _| registry.queue("post", 2));
    assert_eq!(new.run_due().await.expect("nothing here runs it"), 0);
    let all = new.queues().await.expect("they can be listed");
    let all: Vec<_> = all.iter().map(|queue| (&*queue.name, queue.concurrency, queue.waiting)).collect();
    assert_eq!(all, [("default", Some(4), 0), ("post", Some(2), 0), ("mail", None, 1)]);
});

on_both!(async fn a_suspect_in_a_queue_that_is_no_longer_declared_is_shown(world) {
    drop(world.jobs(|registry, _| registry.queue("mail", 2)));
    let id = world.work_with("letter", JobOptions::new().queue("mail")).await;
    // As two lost workers leave it.
    let lose = async |cx: SystemContext| {
        cx.transaction(async |tx| QueuedJob::update(id).set(QueuedJob::strikes, 2).run(tx).await).await
    };
    world.database.run(None, lose).await.expect("it can be changed");
    let all = world.jobs(|_, _| {}).queues().await.expect("they can be listed");
    let all: Vec<_> = all.iter().map(|queue| (&*queue.name, queue.concurrency, queue.waiting)).collect();
    assert_eq!(all, [("default", Some(4), 0), ("mail", None, 1)]);
});

on_both!(async fn a_worker_starts_a_job_as_soon_as_it_is_committed(world) {
    // It polls once a minute: what is quicker was told.
    let settings = tenfold_jobs::JobSettings { poll: Duration::from_secs(60), ..Default::default() };
    let worker = Worker::start(world.jobs_with(settings, |registry, _| registry.queue("mail", 1)));
    for options in [JobOptions::new(), JobOptions::new().queue("mail")] {
        // The worker has looked before, and sleeps.
        for _ in 0..2 {
            let id = world.work_with("letter", options.clone()).await;
            let done = async {
                while world.finished(id).await.is_none() {
                    tokio::task::yield_now().await;
                }
            };
            tokio::time::timeout(Duration::from_secs(60), done).await.expect("it was told");
        }
    }
    assert_eq!(worker.stop(Duration::from_secs(60)).await, 0);
});

on_both!(async fn a_scheduled_job_waits_for_its_time(world) {
    let jobs = world.jobs(|_, _| {});
    let id = world.enqueue_for(world.clock.now() + Duration::from_secs(60)).await;
    assert_eq!(jobs.run_due().await.expect("it is too early"), 0);
    assert_eq!(world.queued(id).await.map(|job| job.state), Some(JobState::Scheduled));
    world.clock.advance(Duration::from_secs(60));
    assert_eq!(jobs.run_due().await.expect("it is time"), 1);
});
