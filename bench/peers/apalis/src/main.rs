//! `peer-apalis jobs --url URL`: measures, and prints a JSON object a line.

/// The drivers' own, by its path: two workspaces can share a file, and no package without a third one.
#[path = "../../drivers/src/line.rs"]
#[allow(dead_code, reason = "the drivers use all of it")]
mod line;
mod postgres;
#[path = "../../drivers/src/queue.rs"]
mod queue;
mod sqlite;

use clap::{Parser, Subcommand};

use self::postgres::ApalisPostgres;
use self::queue::{QueueArguments, measure_all};
use self::sqlite::ApalisSqlite;

/// The one queue.
pub(crate) const QUEUE: &str = "bench";
/// Jobs at once.
pub(crate) const AT_ONCE: usize = 100;
/// Jobs that a fetch takes at most.
pub(crate) const FETCH: usize = 500;

#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    what: What,
    /// The database: `sqlite:PATH` or `postgres://…`.
    #[arg(global = true, long, default_value = "")]
    url: String,
    /// Taken as by the other peers; `--seconds` says how long.
    #[arg(global = true, long)]
    quick: bool,
}

#[derive(Subcommand)]
enum What {
    /// Jobs.
    Jobs(QueueArguments),
}

/// The same as on our side.
#[global_allocator]
static ALLOCATOR: tenfold_allocator::Allocator = tenfold_allocator::ALLOCATOR;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let Arguments { what: What::Jobs(arguments), url, quick: _ } = Arguments::parse();
    tokio::spawn(async move {
        if url.starts_with("sqlite:") {
            let queue = ApalisSqlite::open(&url).await?;
            return if arguments.fill {
                queue.fill(arguments.waiting).await
            } else {
                measure_all(queue, &arguments).await
            };
        }
        let queue = ApalisPostgres::open(&url).await?;
        if arguments.fill {
            queue.fill(arguments.waiting).await
        } else {
            measure_all(queue, &arguments).await
        }
    })
    .await?
}
