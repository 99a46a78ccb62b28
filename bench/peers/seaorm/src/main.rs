//! `peer-seaorm WHAT --url URL`: measures, and prints a JSON object a line. The tables must be there.

mod entities;
/// The drivers' own, by its path: two workspaces can share a file, and no package without a third one.
#[path = "../../drivers/src/line.rs"]
mod line;
mod list;
mod reads;

use clap::{Parser, Subcommand};

#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    what: What,
    /// The database: `sqlite:PATH` or `postgres://…`.
    #[arg(global = true, long, default_value = "")]
    url: String,
    /// How many connections sqlx may use for reads.
    #[arg(global = true, long, default_value_t = 8)]
    connections: u32,
    /// Less of everything.
    #[arg(global = true, long)]
    quick: bool,
}

#[derive(Subcommand)]
enum What {
    /// Lists with SeaORM.
    List,
    /// Loads of one row by its key with sqlx.
    Reads,
}

/// The same as on our side.
#[global_allocator]
static ALLOCATOR: tenfold_allocator::Allocator = tenfold_allocator::ALLOCATOR;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let Arguments { what, url, connections, quick } = Arguments::parse();
    tokio::spawn(async move {
        match what {
            What::List => list::run(&url, quick).await,
            What::Reads => reads::run(&url, connections, quick).await,
        }
    })
    .await?
}
