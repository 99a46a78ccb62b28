//! Schedules: jobs that are enqueued again and again, once in the cluster.

use std::time::Duration;

use tenfold_data::Timestamp;
use tenfold_jobs::admin::UnknownSchedule;
use tenfold_jobs::{JobSettings, Jobs, Registry, RegistryError};

use crate::fixture::{Work, World};
use crate::on_both;

fn sweep() -> Work {
    Work { name: "sweep".to_owned(), failures: 0 }
}

fn with(world: &World, spec: &'static str) -> Jobs {
    world.jobs(|registry, _| registry.every("test.sweep", spec, sweep))
}

/// When it fires next.
async fn next_at(jobs: &Jobs) -> Timestamp {
    let all = jobs.schedules().await.expect("they can be listed");
    let sweep = all.into_iter().find(|schedule| schedule.name == "test.sweep").expect("it is declared");
    assert_eq!(sweep.kind, "test.work");
    sweep.next_at.expect("it has its row")
}

on_both!(async fn two_processes_fire_a_schedule_once_each_time(world) {
    let (here, there) = (with(world, "1h"), with(world, "1h"));
    assert_eq!(here.run_due().await.expect("it is not time"), 0);
    for hour in 1..=3 {
        world.clock.advance(Duration::from_secs(3600));
        let ran = (here.run_due().await.expect("here"), there.run_due().await.expect("there"));
        assert_eq!(ran, (1, 0), "in hour {hour}");
    }
});

on_both!(async fn during_a_deploy_a_schedule_fires_by_its_new_text(world) {
    let old = with(world, "10m");
    assert_eq!(old.run_due().await.expect("it is not time"), 0);
    let new = with(world, "1h");
    assert_eq!(new.run_due().await.expect("it is not time"), 0);
    for _ in 0..6 {
        world.clock.advance(Duration::from_secs(600));
        let fired = old.run_due().await.expect("it leaves it to the new one");
        assert_eq!(fired, 0);
    }
    assert_eq!(new.run_due().await.expect("it is time"), 1);
});

on_both!(async fn a_schedule_that_nobody_fires_by_its_text_is_taken_over(world) {
    let old = with(world, "10m");
    assert_eq!(old.run_due().await.expect("it is not time"), 0);
    // A new version stores its text, and is taken back.
    assert_eq!(with(world, "1h").run_due().await.expect("it is not time"), 0);
    world.clock.advance(Duration::from_secs(3600 + 30));
    assert_eq!(old.run_due().await.expect("it may yet be fired by its text"), 0);
    world.clock.advance(Duration::from_secs(30));
    assert_eq!(old.run_due().await.expect("it takes over"), 1);
    world.clock.advance(Duration::from_secs(600));
    assert_eq!(old.run_due().await.expect("by its own text again"), 1);
});

on_both!(async fn missed_firings_happen_once(world) {
    let jobs = with(world, "30m");
    assert_eq!(jobs.run_due().await.expect("it is not time"), 0);
    // Not yet four in the morning, when the history is pruned.
    world.clock.advance(Duration::from_secs(3 * 3600 + 60));
    let due = world.clock.now();
    assert_eq!(jobs.run_due().await.expect("one for all"), 1);
    let late = next_at(&jobs).await.duration_since(due).as_secs();
    assert_eq!(late, 29 * 60, "it keeps its rhythm");
});

on_both!(async fn a_cron_text_fires_in_its_time_zone(world) {
    let zone = |zone: &str| JobSettings { time_zone: zone.to_owned(), ..JobSettings::default() };
    let every_day = |registry: &mut Registry| registry.every("test.sweep", "30 2 * * *", sweep);
    let jobs = world.jobs_with(zone("Asia/Tokyo"), |registry, _| every_day(registry));
    jobs.run_due().await.expect("it gets its row");
    assert_eq!(next_at(&jobs).await.to_string(), "2026-01-01T17:30:00Z");
    // A deployment with another zone moves it.
    let jobs = world.jobs_with(zone("UTC"), |registry, _| every_day(registry));
    jobs.run_due().await.expect("it gets another time");
    assert_eq!(next_at(&jobs).await.to_string(), "2026-01-01T02:30:00Z");
});

on_both!(async fn a_schedule_run_by_hand_keeps_its_next_firing(world) {
    let jobs = with(world, "1h");
    let id = jobs.run_schedule("test.sweep").await.expect("it runs by hand");
    let next = next_at(&jobs).await;
    assert_eq!(jobs.run_schedule("test.sweep").await.expect("it waits"), id, "one at a time");
    assert_eq!(jobs.run_due().await.expect("it runs"), 1);
    assert_eq!(next_at(&jobs).await, next);
    let refused = jobs.run_schedule("test.sweeep").await.expect_err("there is none");
    assert!(refused.downcast_ref::<UnknownSchedule>().is_some_and(|unknown| unknown.known.contains("test.sweep")));
});

on_both!(async fn an_unfinished_job_is_not_joined_by_the_next_firing(world) {
    let jobs = with(world, "1h");
    jobs.run_due().await.expect("it gets its row");
    jobs.pause("default").await.expect("nothing runs");
    for _ in 0..3 {
        world.clock.advance(Duration::from_secs(3600));
        jobs.run_due().await.expect("it fires");
    }
    jobs.resume("default").await.expect("it goes on");
    assert_eq!(jobs.run_due().await.expect("it runs"), 1);
});

#[test]
fn a_schedule_that_cannot_be_read_is_refused() {
    let check = |spec: &'static str| {
        let mut registry = Registry::default();
        registry.register::<Work>();
        registry.every("test.sweep", spec, sweep);
        registry.check()
    };
    for right in ["1h", "90s", "17 * * * *", "0 9 * * MON Europe/Berlin"] {
        check(right).unwrap_or_else(|error| panic!("{right}: {error}"));
    }
    for wrong in ["", "often", "0s", "61 * * * *", "17 * * *", "0 9 * * * Mars/Base"] {
        let refused = check(wrong).expect_err(wrong);
        assert!(matches!(refused, RegistryError::Schedule { name: "test.sweep", .. }), "{wrong}: {refused}");
    }
    let mut registry = Registry::default();
    registry.every("test.sweep", "1h", sweep);
    assert!(registry.check().expect_err("its kind is unknown").to_string().contains("test.work"));
}

/// What changed in the last hour, in words.
async fn changed(world: &World, jobs: &Jobs) -> Vec<String> {
    let since = world.clock.now() - Duration::from_secs(3600);
    let changes = jobs.changes(since).await.expect("they can be read");
    changes.into_iter().map(|change| change.what).collect()
}

on_both!(async fn a_schedule_that_changed_is_told(world) {
    let jobs = with(world, "1h");
    jobs.run_due().await.expect("it gets its row");
    assert!(changed(world, &jobs).await.is_empty(), "nothing ran before");
    // Another one beside it, and the same text again, by processes of their own.
    let both = world.jobs(|registry, _| {
        registry.every("test.sweep", "1h", sweep);
        registry.every("test.more", "30 2 * * *", sweep);
    });
    both.run_due().await.expect("it gets its row");
    assert_eq!(changed(world, &jobs).await, ["the schedule test.more was added: every day at 02:30 UTC"]);
    world.clock.advance(Duration::from_secs(3601));
    assert!(changed(world, &jobs).await.is_empty(), "that was before");
    let mut told = Vec::new();
    for spec in ["* * * * *", "17 * * * *", "0 9 * * MON Europe/Berlin", "90s"] {
        world.clock.advance(Duration::from_secs(1));
        with(world, spec).declare_schedules().await.expect("it is stored");
        told.extend(changed(world, &jobs).await);
    }
    let texts = ["every 1h", "every minute", "every hour at minute 17 UTC", "0 9 * * MON Europe/Berlin", "every 90s"];
    let expected = texts.windows(2).map(|pair| format!("the schedule test.sweep changed from {} to {}", pair[0], pair[1]));
    assert_eq!(told, expected.collect::<Vec<_>>());
});

on_both!(async fn a_schedule_that_is_taken_back_changes_again(world) {
    let old = with(world, "10m");
    old.run_due().await.expect("it gets its row");
    with(world, "1h").run_due().await.expect("it is not time");
    world.clock.advance(Duration::from_secs(3600 + 60));
    assert!(changed(world, &old).await.is_empty(), "that was before");
    assert_eq!(old.run_due().await.expect("it takes over"), 1);
    assert_eq!(changed(world, &old).await, ["the schedule test.sweep changed from every 1h to every 10m"]);
});

on_both!(async fn another_time_zone_does_not_change_a_period(world) {
    let zone = |zone: &str| JobSettings { time_zone: zone.to_owned(), ..JobSettings::default() };
    let every = |zone, spec| world.jobs_with(zone, move |registry, _| registry.every("test.sweep", spec, sweep));
    // The framework's own schedule is once a day, so its time changes.
    let told = |from: &str, to: &str| format!("the schedule tenfold.prune changed from every day at 04:41 {from} to every day at 04:41 {to}");
    every(zone("UTC"), "1h").declare_schedules().await.expect("it is stored");
    let jobs = every(zone("Asia/Tokyo"), "1h");
    jobs.declare_schedules().await.expect("it is stored");
    assert_eq!(changed(world, &jobs).await, [told("UTC", "Asia/Tokyo")]);
});

on_both!(async fn a_queue_that_was_paused_is_told(world) {
    let jobs = with(world, "1h");
    jobs.resume("default").await.expect("it was not paused");
    assert!(changed(world, &jobs).await.is_empty());
    jobs.pause("default").await.expect("it waits");
    assert_eq!(changed(world, &jobs).await, ["the queue default was paused"]);
    world.clock.advance(Duration::from_secs(3601));
    jobs.pause("default").await.expect("it is paused already");
    assert!(changed(world, &jobs).await.is_empty());
    jobs.resume("default").await.expect("it goes on");
    assert_eq!(changed(world, &jobs).await, ["the queue default was resumed"]);
});
