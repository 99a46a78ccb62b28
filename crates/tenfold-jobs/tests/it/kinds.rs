//! Kinds of jobs that nobody runs, or that go by one name.

use serde::{Deserialize, Serialize};
use tenfold_data::{DataError, SystemContext};
use tenfold_jobs::{Enqueue as _, Event, GivenUp, Job, JobContext, Listeners, Registry};

use crate::fixture::Work;
use crate::on_both;

/// A job that no module registers.
#[derive(Serialize, Deserialize)]
struct Forgotten;

impl Job for Forgotten {
    const KIND: &'static str = "test.forgotten";

    async fn run(self, _: JobContext) -> anyhow::Result<()> {
        Ok(())
    }
}

#[derive(Serialize, Deserialize)]
struct Unheard;

impl Event for Unheard {
    const NAME: &'static str = "test.unheard";
}

on_both!(async fn a_kind_that_nobody_registers_cannot_be_enqueued(world) {
    let jobs = world.jobs(|_, _| {});
    let enqueue = async |cx: SystemContext| {
        cx.transaction(async |tx| -> Result<(), DataError> {
            tx.enqueue(Work { name: "beside".to_owned(), failures: 0 }).await?;
            tx.enqueue(Forgotten).await?;
            Ok(())
        })
        .await
    };
    let refused = world.database.run(None, enqueue).await.expect_err("it would never run");
    let line = line!() - 6;
    let said = refused.to_string();
    for word in ["\"test.forgotten\"", ".job::<Forgotten>()", &format!("{}:{line}", file!())] {
        assert!(said.contains(word), "{said} does not say {word}");
    }
    assert_eq!(jobs.run_due().await.expect("nothing was stored"), 0);
});

on_both!(async fn an_event_that_nobody_listens_to_is_no_mistake(world) {
    let jobs = world.jobs(|_, _| {});
    let publish = async |cx: SystemContext| cx.transaction(async |tx| tx.publish(Unheard).await).await;
    world.database.run(None, publish).await.expect("it is published");
    assert_eq!(jobs.run_due().await.expect("nothing is delivered"), 0);
});

#[test]
fn two_jobs_of_one_name_are_a_mistake() {
    let (mut registry, mut listeners) = (Registry::default(), Listeners::default());
    registry.register::<Forgotten>();
    registry.check().expect("one alone is none");
    listeners.on(&mut registry, "test.forgotten", async |_: JobContext, _: Unheard| Ok(()));
    let said = registry.check().expect_err("a listener has the name").to_string();
    assert!(said.contains("\"test.forgotten\"") && said.contains("kinds::Forgotten"), "{said}");
}

#[test]
fn a_listener_for_the_end_of_unknown_jobs_is_a_mistake() {
    let mut registry = Registry::default();
    registry.on_given_up(async |_: JobContext, _: GivenUp<Forgotten>| Ok(()));
    let said = registry.check().expect_err("nobody runs the job").to_string();
    assert!(said.contains("test.forgotten") && said.contains(".job::<"), "{said}");
}
