//! `peer-drivers WHAT URL`: measures, and prints a JSON object a line.

use clap::{Parser, Subcommand};
use peer_drivers::extent::Extent;
use peer_drivers::place::DatabaseUrls;
use peer_drivers::queue::QueueArguments;
use peer_drivers::{jobs, list, people, reads, telemetry, writes};

#[derive(Parser)]
struct DriversArguments {
    #[command(subcommand)]
    what: DriversCommand,
    #[command(flatten)]
    place: DatabaseUrls,
    #[command(flatten)]
    extent: Extent,
}

#[derive(Subcommand)]
enum DriversCommand {
    /// Makes tables and rows.
    Prepare,
    /// Lists of users with what hangs on them.
    List,
    /// Loads of one row by its key.
    Reads,
    /// Small transactions.
    Writes,
    /// With and without somebody who hears of it.
    Telemetry,
    /// Jobs.
    Jobs(QueueArguments),
}

/// As in the reference backend.
#[global_allocator]
static ALLOCATOR: tenfold_allocator::Allocator = tenfold_allocator::ALLOCATOR;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let DriversArguments { what, place, extent } = DriversArguments::parse();
    // On a worker of the runtime, where requests run too; this very thread is none.
    tokio::spawn(async move {
        match what {
            DriversCommand::Prepare => people::prepare(&place).await,
            DriversCommand::List => list::run(place, &extent, None).await,
            DriversCommand::Reads => reads::run(place, extent.quick).await,
            DriversCommand::Writes => writes::run(place, &extent).await,
            DriversCommand::Telemetry => telemetry::run(place, extent.quick).await,
            DriversCommand::Jobs(arguments) => jobs::run(place, &arguments).await,
        }
    })
    .await?
}
