//! `app cache …`: what an operator does with the cache of rows at a terminal. The console's page does the same.

use std::net::SocketAddr;

use anyhow::Context as _;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clap::Subcommand;
use tenfold_data::Database;

use super::plain_http::{exchange, reachable};

#[derive(Clone, Copy, Subcommand)]
pub(super) enum CacheCommand {
    /// Print what the process at http.listen keeps and has done, as its /metrics says it.
    Stats,
    /// Let all processes forget their rows: after changes that the application did not make.
    Clear,
}

/// The metrics of the cache begin so.
const PREFIX: &str = "tenfold_cache_";

/// Tells all processes that anything may have changed. Each reads it within `feed.poll`.
pub(super) async fn clear(database: &Database) -> anyhow::Result<String> {
    database.feed().say_everything().await?;
    Ok("every process forgets its rows\n".to_owned())
}

/// The lines of a process's `/metrics` that are about its cache.
pub(super) async fn stats(listen: SocketAddr, password: &str) -> anyhow::Result<String> {
    let text = metrics(listen, password)
        .await
        .with_context(|| format!("the application does not say its metrics at http://{listen}"))?;
    Ok(text.lines().filter(|line| line.starts_with(PREFIX)).map(|line| format!("{line}\n")).collect())
}

async fn metrics(listen: SocketAddr, password: &str) -> anyhow::Result<String> {
    let credentials = format!("Basic {}", STANDARD.encode(format!("metrics:{password}")));
    let host = reachable(listen).to_string();
    let answer = exchange(&host, "GET /metrics", &[("Authorization", &credentials)], "").await?;
    anyhow::ensure!(answer.status == 200, "it answers {}", answer.status);
    Ok(answer.body)
}
