//! `peer-allocations list --url URL`: how many allocations a list makes, in every way.

use clap::Parser;
use peer_drivers::extent::Extent;
use peer_drivers::list;
use peer_drivers::place::DatabaseUrls;
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<std::alloc::System> = &INSTRUMENTED_SYSTEM;

#[derive(Parser)]
struct AllocationsArguments {
    /// What is counted.
    #[arg(value_parser = ["list"])]
    _what: String,
    #[command(flatten)]
    place: DatabaseUrls,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let AllocationsArguments { place, .. } = AllocationsArguments::parse();
    let count = || ALLOCATOR.stats().allocations + ALLOCATOR.stats().reallocations;
    tokio::spawn(async move { list::run(place, &Extent::default(), Some(count)).await }).await?
}
