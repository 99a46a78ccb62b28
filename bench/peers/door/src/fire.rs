//! Sends prepared requests over kept connections, one after the other on each. It checks the status and the length of each
//! answer. It runs in one thread of a process of its own, so that it takes little from the servers.

use std::cell::{Cell, RefCell};
use std::fs;
use std::path::Path;
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::LocalSet;

/// What is to be fired.
#[derive(clap::Args)]
pub struct Order {
    /// `127.0.0.1:PORT`.
    #[arg(long)]
    address: String,
    /// The server's process, whose CPU time is read.
    #[arg(long)]
    process: u32,
    /// A JSON file: for each connection what it sends, and what is answered.
    #[arg(long)]
    shots: std::path::PathBuf,
    /// For how many of them.
    #[arg(long)]
    at_once: usize,
    /// Milliseconds before it is measured.
    #[arg(long)]
    warm_up: u64,
    /// Milliseconds in which it is measured.
    #[arg(long)]
    span: u64,
}

/// What a connection sends over and over.
#[derive(Deserialize)]
struct Shot {
    request: String,
    status: u16,
    length: usize,
}

/// What was seen while it was measured, in µs.
#[derive(Serialize)]
struct Seen {
    requests: usize,
    elapsed: f64,
    /// CPU time of the server's process.
    cpu: f64,
    median: f64,
    p99: f64,
}

/// What the connections share.
#[derive(Default)]
struct Shared {
    is_recording: Cell<bool>,
    is_over: Cell<bool>,
    times: RefCell<Vec<Duration>>,
}

/// Fires, and prints what was seen.
///
/// # Errors
/// When an answer is another than expected.
pub fn run(order: &Order) -> anyhow::Result<()> {
    use std::io::Write as _;
    let mut shots: Vec<Shot> = serde_json::from_slice(&fs::read(&order.shots)?)?;
    shots.truncate(order.at_once);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let seen = LocalSet::new().block_on(&runtime, fire(order, shots))?;
    writeln!(std::io::stdout(), "{}", serde_json::to_string(&seen)?)?;
    Ok(())
}

async fn fire(order: &Order, shots: Vec<Shot>) -> anyhow::Result<Seen> {
    let shared = Rc::new(Shared::default());
    let connection = |shot| {
        let stream = TcpStream::connect(order.address.clone());
        let shared = Rc::clone(&shared);
        tokio::task::spawn_local(async move { send(stream.await?, shot, shared).await })
    };
    let connections: Vec<_> = shots.into_iter().map(connection).collect();
    tokio::time::sleep(Duration::from_millis(order.warm_up)).await;
    shared.is_recording.set(true);
    let (before, began) = (cpu(order.process)?, Instant::now());
    tokio::time::sleep(Duration::from_millis(order.span)).await;
    let (cpu, elapsed) = (cpu(order.process)?.saturating_sub(before), began.elapsed());
    shared.is_recording.set(false);
    shared.is_over.set(true);
    for connection in connections {
        connection.await??;
    }
    let mut times = shared.times.take();
    ensure!(!times.is_empty(), "no request was answered in {} ms", order.span);
    times.sort_unstable();
    let micros = |time: Duration| time.as_secs_f64() * 1e6;
    let part = |part: f64| micros(times[(times.len() as f64 * part) as usize]);
    let (median, p99) = (part(0.5), part(0.99));
    Ok(Seen { requests: times.len(), elapsed: micros(elapsed), cpu: micros(cpu), median, p99 })
}

async fn send(mut stream: TcpStream, shot: Shot, shared: Rc<Shared>) -> anyhow::Result<()> {
    stream.set_nodelay(true)?;
    let mut answer = vec![0; shot.length + 16 * 1024];
    while !shared.is_over.get() {
        let began = Instant::now();
        stream.write_all(shot.request.as_bytes()).await?;
        receive(&mut stream, &mut answer, &shot).await?;
        if shared.is_recording.get() {
            shared.times.borrow_mut().push(began.elapsed());
        }
    }
    Ok(())
}

/// Reads one answer.
async fn receive(stream: &mut TcpStream, answer: &mut [u8], shot: &Shot) -> anyhow::Result<()> {
    let mut filled = 0;
    let end = loop {
        let read = stream.read(&mut answer[filled..]).await?;
        ensure!(read > 0, "the server closed the connection");
        filled += read;
        let head = &answer[..filled.min(8 * 1024)];
        if let Some(end) = head.windows(4).position(|window| window == b"\r\n\r\n") {
            break end + 4;
        }
    };
    let head = std::str::from_utf8(&answer[..end])?;
    let status: u16 = head.get(9..12).unwrap_or_default().parse().context("no status")?;
    let length = head
        .lines()
        .filter_map(|line| line.split_once(": "))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .and_then(|(_, length)| length.parse::<usize>().ok());
    if status != shot.status || length != Some(shot.length) {
        let asked = shot.request.lines().next().unwrap_or_default();
        let said = String::from_utf8_lossy(&answer[..filled.min(1500)]).into_owned();
        anyhow::bail!("{} with {} bytes was expected of {asked}: {said}", shot.status, shot.length);
    }
    while filled < end + shot.length {
        let read = stream.read(&mut answer[filled..]).await?;
        ensure!(read > 0, "the server closed the connection");
        filled += read;
    }
    Ok(())
}

/// The CPU time that all threads of a process have used, to the nanosecond. Threads that have ended do not count, which those of
/// a server do only after seconds of idleness.
fn cpu(process: u32) -> anyhow::Result<Duration> {
    let mut nanos = 0;
    for thread in fs::read_dir(Path::new("/proc").join(process.to_string()).join("task"))? {
        // A thread may end meanwhile.
        let Ok(text) = fs::read_to_string(thread?.path().join("schedstat")) else { continue };
        nanos += text.split(' ').next().and_then(|field| field.parse().ok()).unwrap_or(0);
    }
    ensure!(nanos > 0, "/proc/{process}/task/*/schedstat counts nothing");
    Ok(Duration::from_nanos(nanos))
}
