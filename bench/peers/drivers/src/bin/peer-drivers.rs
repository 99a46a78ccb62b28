//! `peer-drivers WHAT URL`: measures, and prints a JSON object a line.

use clap::{Parser, Subcommand};
use peer_drivers::list::{self, Extent};
use peer_drivers::place::Place;
use peer_drivers::{people, reads, telemetry, writes};

#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    what: What,
    #[command(flatten)]
    place: Place,
    /// Less of everything.
    #[arg(global = true, long)]
    quick: bool,
    /// Lists in this way only, for a profiler.
    #[arg(global = true, long)]
    only: Option<String>,
    /// Lists so many users only, for a profiler.
    #[arg(global = true, long)]
    users: Option<usize>,
}

#[derive(Subcommand)]
enum What {
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
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let Arguments { what, place, quick, only, users } = Arguments::parse();
    // On a worker of the runtime, where requests run too; this very thread is none.
    tokio::spawn(async move {
        match what {
            What::Prepare => people::prepare(&place).await,
            What::List => list::run(place, &Extent { quick, only, users }, None).await,
            What::Reads => reads::run(place, quick).await,
            What::Writes => writes::run(place, quick).await,
            What::Telemetry => telemetry::run(place, quick).await,
        }
    })
    .await?
}
