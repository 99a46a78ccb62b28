//! `cargo run --release -p bench -- NAME`: what Tenfold promises in figures, measured. README.md has the figures.

mod alone;
mod cache;
mod chaos;
mod coherence;
mod feed;
mod hostile;
mod http;
mod incidents;
mod jobs;
mod list;
mod memory;
mod options;
mod overload;
mod peers;
mod place;
mod rates;
mod reads;
mod report;
mod uploads;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use self::options::Options;
use self::report::BenchReport;

// As the reference backend has it.
#[global_allocator]
static ALLOCATOR: tenfold_allocator::Allocator = tenfold_allocator::ALLOCATOR;

#[derive(Parser)]
#[command(disable_help_subcommand = true)]
struct BenchLine {
    #[command(subcommand)]
    bench: BenchCommand,
    #[command(flatten)]
    options: Options,
}

/// A file or folder each.
#[derive(Subcommand)]
enum BenchCommand {
    /// Uploads while processes are killed with kill -9, and jobs under other faults: what is lost, doubled, and how soon
    /// it goes on.
    Chaos(chaos::ChaosArguments),
    /// A hundred uploads at once whose processing takes ten seconds: answered before it, or after it.
    Uploads,
    /// Users with what hangs on them, in a plain loop, beside hand-written statements and other stacks.
    List(peers::PeerArguments),
    /// Loads of one row by its key, beside sqlx.
    Reads(peers::PeerArguments),
    /// Jobs, from enqueued to complete, beside other queues and beside batched SQL that writes the same rows.
    Jobs(jobs::JobsArguments),
    /// The list of 1,000 users at up to ten times its saturation: what is answered, refused, and how soon it is over.
    Overload(overload::OverloadArguments),
    /// What others notice of an organization that asks for too much, and of clients that ask again at once.
    Neighbours(overload::OverloadArguments),
    /// Clients that want the server to hold bytes or to work for nothing: its memory, its health, and what others get.
    Hostile(hostile::HostileArguments),
    /// Small transactions, beside one commit for each.
    Writes,
    /// Routes of the reference backend over HTTP, beside the same by hand and beside axum alone.
    Http(http::HttpArguments),
    /// What a write costs with the feed, and how soon watchers are woken, here and in another process.
    Feed,
    /// The cache of rows: what a hit costs, what it spares, and what writes pay for it.
    Cache,
    /// Whether the cache is as coherent as it says, with three processes that are killed and stopped.
    Coherence(coherence::CoherenceArguments),
    /// Faults in simulated traffic: whether `why` names endpoint, statement, organizations, onset and cause.
    Incidents(incidents::IncidentArguments),
    /// What telemetry holds in memory after ten million requests of a hundred thousand organizations.
    Memory,
    /// What it costs to tell metrics and telemetry of everything.
    Telemetry,
}

fn main() -> ExitCode {
    // A benchmark with an application of its own starts this program as `bench serve`.
    if std::env::args().nth(1).as_deref() == Some("serve") {
        if let Ok(plan) = std::env::var(coherence::PROCESS) {
            return code(coherence::process(&plan));
        }
        if let Ok(limit) = std::env::var(overload::TOWER_LIMIT) {
            return code(overload::serve_behind_tower(&limit));
        }
        return match std::env::var(chaos::APPLICATION) {
            Ok(ahead) => chaos::application(&ahead).run(),
            Err(_) => uploads::application().run(),
        };
    }
    let line = BenchLine::parse();
    let mut report = BenchReport::new(line.options.json);
    let outcome = match line.bench {
        BenchCommand::Chaos(arguments) => chaos::run(&arguments, &line.options, &mut report),
        BenchCommand::Uploads => uploads::run(&line.options, &mut report),
        BenchCommand::List(arguments) => list::run(&arguments, &line.options, &mut report),
        BenchCommand::Reads(arguments) => reads::run(&arguments, &line.options, &mut report),
        BenchCommand::Jobs(arguments) => jobs::run(&arguments, &line.options, &mut report),
        BenchCommand::Http(arguments) => http::run(&arguments, &line.options, &mut report),
        BenchCommand::Overload(arguments) => overload::run(&arguments, &line.options, &mut report),
        BenchCommand::Neighbours(arguments) => {
            overload::run_neighbours(&arguments, &line.options, &mut report)
        }
        BenchCommand::Hostile(arguments) => hostile::run(&arguments, &line.options, &mut report),
        BenchCommand::Cache => cache::run(&line.options, &mut report),
        BenchCommand::Coherence(arguments) => coherence::run(&arguments, &line.options, &mut report),
        BenchCommand::Incidents(arguments) => incidents::run(&arguments, &line.options, &mut report),
        BenchCommand::Feed => feed::run(&line.options, &mut report),
        BenchCommand::Writes => alone::run("writes", &line.options, &mut report),
        BenchCommand::Memory => memory::run(&line.options, &mut report),
        BenchCommand::Telemetry => alone::run("telemetry", &line.options, &mut report),
    };
    report.finish();
    code(outcome)
}

fn code(outcome: anyhow::Result<()>) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            report::complain(&format!("{error:#}"));
            ExitCode::FAILURE
        }
    }
}
