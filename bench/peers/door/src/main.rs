//! What the reference backend is compared with at the door (`bench -- http`): some of its routes as a good engineer would
//! write them by hand, and answers from memory.
//!
//! `hand` reads and writes the tables of the reference backend, on rusqlite or tokio-postgres. It checks the same token by the
//! same MAC and gives the same JSON. It has no telemetry, no log and no limits. `bare` is axum alone, with answers that were
//! recorded. `seed` adds organizations, so that nobody is alone in the tables; `fire` sends the requests.

mod bare;
mod fire;
mod hand;
mod postgres;
mod seed;
mod sqlite;
mod texts;
mod token;
mod upload;
mod views;

use std::path::PathBuf;
use std::sync::Arc;

use axum::Router;
use axum::routing::get;
use clap::{Parser, Subcommand};
use tokio::net::TcpListener;

#[global_allocator]
static ALLOCATOR: tenfold_allocator::Allocator = tenfold_allocator::ALLOCATOR;

#[derive(Parser)]
#[command(disable_help_subcommand = true)]
struct Line {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Serves the routes by hand.
    Hand {
        /// `sqlite:PATH` or `postgres://…`.
        #[arg(long)]
        url: String,
        /// Where uploads go.
        #[arg(long)]
        blobs: PathBuf,
        /// What an owner may do, sorted.
        #[arg(long, value_delimiter = ',')]
        owner: Vec<String>,
        /// Runs SQLite on the threads of the runtime instead of `spawn_blocking`.
        #[arg(long)]
        inline: bool,
    },
    /// Answers from memory.
    Bare {
        /// A JSON file of what to answer.
        #[arg(long)]
        answers: PathBuf,
    },
    /// Sends requests to a server, and says what its answers cost.
    Fire(fire::Order),
    /// Adds organizations.
    Seed {
        /// `sqlite:PATH` or `postgres://…`.
        #[arg(long)]
        url: String,
        /// How many.
        #[arg(long, default_value_t = 20)]
        organizations: usize,
        /// With so many users each.
        #[arg(long, default_value_t = 200)]
        users: usize,
    },
}

fn main() -> anyhow::Result<()> {
    let command = match Line::parse().command {
        Command::Fire(order) => return fire::run(&order),
        command => command,
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        match command {
            Command::Hand { url, blobs, owner, inline } => {
                let store = hand::Store::open(&url, inline).await?;
                serve(hand::routes(Arc::new(hand::App::new(store, blobs, owner).await?))).await
            }
            Command::Bare { answers } => serve(bare::routes(&answers)?).await,
            Command::Seed { url, organizations, users } => seed::run(&url, organizations, users).await,
            Command::Fire(_) => Ok(()),
        }
    })
}

/// Listens on a free port of loopback, and says which, as the reference backend does.
async fn serve(routes: Router) -> anyhow::Result<()> {
    use std::io::Write as _;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    writeln!(std::io::stdout(), "listens on http://{}", listener.local_addr()?)?;
    let listener = axum::serve::ListenerExt::tap_io(listener, |socket| {
        // Without it small answers would wait for the client's acknowledgement.
        let _ = socket.set_nodelay(true);
    });
    Ok(axum::serve(listener, routes.route("/readyz", get(async || "ready"))).await?)
}
