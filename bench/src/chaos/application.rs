//! A backend whose jobs have one effect each, a row, and that has a job that kills its process. `bench serve` starts it
//! when [`APPLICATION`] is set.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tenfold::App;
use tenfold::data::{Clock, MigrationFile, Uuid};
use tenfold::http::{Authenticate, StatusCode};
use tenfold::prelude::*;

/// The variable that asks for this application; its value is how many seconds the process's clock is ahead.
pub const APPLICATION: &str = "BENCH_CHAOS_CLOCK_AHEAD";

const MIGRATIONS: &[MigrationFile] = &[MigrationFile {
    name: "0001_effects.sql",
    text: "CREATE TABLE chaos_effects (
    id uuid PRIMARY KEY,
    number bigint NOT NULL,
    at timestamptz NOT NULL
);",
}];

id! {
    /// An effect.
    EffectId
}

/// What a job has done. A number that is here twice was done twice.
#[derive(Clone, Debug, Entity)]
#[entity(table = "chaos_effects", global = "the verdict reads the effects of all organizations")]
pub struct Effect {
    #[entity(key)]
    id: EffectId,
    /// The number of the job.
    pub number: i64,
    /// When, by the machine's clock.
    pub at: Timestamp,
}

/// The application.
pub fn application(ahead: &str) -> App {
    let module = Module::new("chaos")
        .migrations(MIGRATIONS)
        .authenticates(|_| Arc::new(Anonymous))
        .job::<Take>()
        .job::<Poison>()
        .routes(|| Routes::new().routes(routes!(enqueue)).routes(routes!(poison)));
    let ahead = Duration::from_secs(ahead.parse().unwrap_or_default());
    App::new("bench", env!("CARGO_PKG_VERSION")).module(module).clock(Clock::ahead(ahead))
}

/// No route asks who it is.
struct Anonymous;

#[async_trait]
impl Authenticate for Anonymous {
    async fn authenticate(&self, _: &SystemContext, _: &str) -> Result<Option<Context>, Problem> {
        Ok(None)
    }
}

/// What is enqueued.
#[derive(Deserialize, IntoParams)]
struct NewJobs {
    /// The organization, by number.
    organization: u32,
    /// The number of the first job.
    first: i64,
    /// How many.
    count: i64,
    /// How long each takes before its effect, in milliseconds.
    pause_ms: u64,
}

/// Enqueues jobs in one transaction, and answers when it is committed.
#[endpoint(
    post,
    "/jobs",
    tag = "chaos",
    answers(202),
    example(query = "organization=1&first=1&count=1&pause_ms=0")
)]
async fn enqueue(cx: SystemContext, Query(new): Query<NewJobs>) -> Result<StatusCode, Problem> {
    let organization = OrgId(Uuid::from_u128(u128::from(new.organization) + 1));
    let each = Duration::from_millis(new.pause_ms);
    cx.within(organization)
        .transaction(async |tx| {
            for number in new.first..new.first + new.count {
                tx.enqueue(Take { number, each }).await?;
            }
            Ok::<_, DataError>(())
        })
        .await?;
    Ok(StatusCode::ACCEPTED)
}

/// Enqueues a job that kills its process.
#[endpoint(post, "/poison", tag = "chaos", answers(202))]
async fn poison(cx: SystemContext) -> Result<StatusCode, Problem> {
    cx.transaction(async |tx| tx.enqueue(Poison {}).await).await?;
    Ok(StatusCode::ACCEPTED)
}

/// A job with an effect.
#[derive(Serialize, Deserialize)]
struct Take {
    number: i64,
    each: Duration,
}

impl Job for Take {
    const KIND: &'static str = "chaos.take";

    async fn run(self, job: JobContext) -> anyhow::Result<()> {
        tokio::time::sleep(self.each).await;
        job.step_in("effect", async |tx| {
            let effect = Effect { id: EffectId(tx.new_id()), number: self.number, at: Clock::system().now() };
            effect.insert(tx).await?;
            Ok(())
        })
        .await
    }
}

/// A job that kills its process.
#[derive(Serialize, Deserialize)]
struct Poison {}

impl Job for Poison {
    const KIND: &'static str = "chaos.poison";

    async fn run(self, _: JobContext) -> anyhow::Result<()> {
        std::process::abort()
    }
}
