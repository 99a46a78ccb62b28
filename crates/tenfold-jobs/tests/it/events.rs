//! Events: every listener hears of what was committed, once for each.

use serde::{Deserialize, Serialize};
use tenfold_data::{DataError, OrgId, SystemContext, Uuid};
use tenfold_jobs::{Enqueue as _, Event, JobContext};

use crate::fixture::Diary;
use crate::on_both;

#[derive(Serialize, Deserialize)]
struct Closed {
    reason: String,
}

impl Event for Closed {
    const NAME: &'static str = "test.closed";
}

on_both!(async fn every_listener_hears_of_an_event_with_its_organization(world) {
    let jobs = world.jobs(|registry, listeners| {
        listeners.on(registry, "mail.on_closed", async |job: JobContext, event: Closed| {
            let tenant = job.cx()?.tenant();
            job.service::<Diary>()?.note(&format!("mail: {} of {tenant}", event.reason));
            Ok(())
        });
        listeners.on(registry, "files.on_closed", async |job: JobContext, event: Closed| {
            job.service::<Diary>()?.note(&format!("files: {}", event.reason));
            Ok(())
        });
    });
    let organization = OrgId(Uuid::from_u128(7));
    let publish = async |cx: SystemContext| {
        let cx = cx.within(organization);
        cx.transaction(async |tx| tx.publish(Closed { reason: "moved".to_owned() }).await).await
    };
    world.database.run(None, publish).await.expect("it is published");
    assert_eq!(jobs.run_due().await.expect("two deliveries"), 2);
    let mut heard = world.diary.read();
    heard.sort();
    assert_eq!(heard, ["files: moved".to_owned(), format!("mail: moved of {organization}")]);
});

on_both!(async fn an_event_of_a_transaction_that_rolls_back_is_told_to_nobody(world) {
    let jobs = world.jobs(|registry, listeners| {
        listeners.on(registry, "mail.on_closed", async |job: JobContext, _: Closed| {
            job.service::<Diary>()?.note("heard");
            Ok(())
        });
    });
    let publish = async |cx: SystemContext| {
        cx.transaction(async |tx| -> Result<(), DataError> {
            tx.publish(Closed { reason: "never".to_owned() }).await?;
            Err(DataError::Abandoned)
        })
        .await
    };
    world.database.run(None, publish).await.expect_err("it was told to roll back");
    assert_eq!(jobs.run_due().await.expect("nothing is due"), 0);
});
