//! `app cache …`: what an operator does with the cache of rows at a terminal. The console's page does the same.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use anyhow::Context as _;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clap::Subcommand;
use tenfold_data::Database;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

#[derive(Clone, Copy, Subcommand)]
pub(super) enum CacheCommand {
    /// Print what the process at http.listen keeps and has done, as its /metrics says it.
    Stats,
    /// Let all processes forget their rows: after changes that the application did not make.
    Clear,
}

/// How long a process may take to say its metrics.
const PATIENCE: Duration = Duration::from_secs(10);
/// The metrics of the cache begin so.
const PREFIX: &str = "tenfold_cache_";

/// Tells all processes that anything may have changed. Each reads it within `feed.poll`.
pub(super) async fn clear(database: &Database) -> anyhow::Result<String> {
    database.feed().say_everything().await?;
    Ok("every process forgets its rows\n".to_owned())
}

/// The lines of a process's `/metrics` that are about its cache.
pub(super) async fn stats(listen: SocketAddr, password: &str) -> anyhow::Result<String> {
    let answer = timeout(PATIENCE, metrics(listen, password)).await;
    let answer = answer.map_err(anyhow::Error::from).flatten();
    let text =
        answer.with_context(|| format!("the application does not say its metrics at http://{listen}"))?;
    Ok(text.lines().filter(|line| line.starts_with(PREFIX)).map(|line| format!("{line}\n")).collect())
}

async fn metrics(listen: SocketAddr, password: &str) -> anyhow::Result<String> {
    let any = match listen.ip() {
        IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::LOCALHOST),
    };
    let ip = if listen.ip().is_unspecified() { any } else { listen.ip() };
    let mut connection = TcpStream::connect((ip, listen.port())).await?;
    let credentials = STANDARD.encode(format!("metrics:{password}"));
    let request = format!(
        "GET /metrics HTTP/1.1\r\nHost: {listen}\r\nAuthorization: Basic {credentials}\r\nConnection: close\r\n\r\n"
    );
    connection.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    connection.read_to_string(&mut answer).await?;
    let (head, body) = answer.split_once("\r\n\r\n").context("it does not speak HTTP")?;
    let status = head.split(' ').nth(1).unwrap_or_default();
    anyhow::ensure!(status == "200", "it answers {status}");
    Ok(body.to_owned())
}
