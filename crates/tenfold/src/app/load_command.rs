//! `app load`: sends load to the running application, and reports its latencies.

use std::hash::{BuildHasher as _, RandomState};
use std::io::{IsTerminal as _, Write as _};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use tenfold_data::Clock;
use tenfold_load::{LoadFault, LoadLimits, LoadNews, LoadPlan, LoadRate, LoadReport, LoadTarget, Scenario};

use super::report_file::ReportFile;
use crate::config::TimeSpan;

/// What is sent, and where the report goes.
#[derive(Args)]
pub(super) struct LoadCommand {
    /// Who sends what, as TOML [default: the demo's owner calls what it can by the examples of the API's document].
    scenario: Option<PathBuf>,
    /// Requests a second, such as 200, or 50..500 for a rate that grows.
    #[arg(long, default_value = "50")]
    rate: LoadRate,
    /// How long the load lasts that is measured.
    #[arg(long, default_value = "30s")]
    duration: TimeSpan,
    /// How long load is sent before that.
    #[arg(long, default_value = "2s", value_parser = time_or_zero)]
    warm_up: TimeSpan,
    /// The most connections at once.
    #[arg(long, default_value_t = 256, value_parser = clap::value_parser!(u16).range(1..))]
    connections: u16,
    /// How long an answer may take.
    #[arg(long, default_value = "10s")]
    timeout: TimeSpan,
    /// The same seed gives the same requests at the same times [default: another one each time; the report names it].
    #[arg(long)]
    seed: Option<u64>,
    /// The application, http://HOST:PORT; on another machine it needs a scenario with accounts [default: http.listen].
    #[arg(long, value_name = "URL")]
    target: Option<String>,
    /// Write the report as JSON; - writes it to standard output, in place of the table.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Write the report as a page with curves.
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Fail if p99 is above this time.
    #[arg(long, value_name = "TIME")]
    max_p99: Option<TimeSpan>,
    /// Fail if more than so many per cent of the requests are refused or fail.
    #[arg(long, value_name = "PERCENT", value_parser = percent)]
    max_errors: Option<f64>,
}

fn time_or_zero(text: &str) -> Result<TimeSpan, String> {
    match text {
        "0" | "0s" => Ok(TimeSpan::ZERO),
        text => text.parse().map_err(|error: crate::config::InvalidTimeSpan| error.to_string()),
    }
}

fn percent(text: &str) -> Result<f64, String> {
    let percent = text.trim_end_matches('%').trim_end().parse().ok();
    percent
        .filter(|percent| (0.0..=100.0).contains(percent))
        .ok_or_else(|| format!("`{text}` is not a percentage: write a number from 0 to 100"))
}

/// The exit status of a command that ends with this error.
pub(super) fn exit_status(error: &anyhow::Error) -> ExitCode {
    error.downcast_ref::<LoadFault>().map_or(ExitCode::FAILURE, |fault| ExitCode::from(fault.exit_status()))
}

impl LoadCommand {
    /// Sends the load to the application `name`, which listens at `listen` unless the command line names another.
    pub(super) async fn run(
        self,
        name: &str,
        listen: SocketAddr,
        stop: impl Future<Output = ()>,
        say: fn(&str),
    ) -> anyhow::Result<()> {
        let plan = self.plan(listen).await?;
        let limits = LoadLimits {
            p99: self.max_p99.map(TimeSpan::as_std),
            errors: self.max_errors.map(|percent| percent / 100.0),
        };
        let files = self.files()?;
        let report = tenfold_load::run(&plan, stop, &mut tell).await?;
        clear_line();
        self.hand_out(name, (&report, &limits), files, say)?;
        Ok(report.judge(&limits)?)
    }

    async fn plan(&self, listen: SocketAddr) -> anyhow::Result<LoadPlan> {
        let target = match &self.target {
            Some(url) => LoadTarget::find(url).await?,
            None => LoadTarget::of_listener(listen)?,
        };
        Ok(LoadPlan {
            target,
            rate: self.rate,
            warm_up: self.warm_up.as_std(),
            duration: self.duration.as_std(),
            connections: self.connections.into(),
            timeout: self.timeout.as_std(),
            // Texts that must be unique, such as the address of a new account, are taken after a run with the same seed.
            seed: self.seed.unwrap_or_else(|| RandomState::new().hash_one(0) >> 40),
            scenario: self.scenario.as_deref().map(Scenario::read).transpose()?,
        })
    }

    /// Whether the JSON goes to standard output.
    fn says_json(&self) -> bool {
        self.json.as_ref().is_some_and(|path| path.as_os_str() == "-")
    }

    /// Opens the files for the reports, before there is anything to lose.
    fn files(&self) -> anyhow::Result<ReportFiles<'_>> {
        let json = self.json.as_deref().filter(|_| !self.says_json());
        Ok(ReportFiles {
            json: json.map(ReportFile::open).transpose()?,
            html: self.html.as_deref().map(ReportFile::open).transpose()?,
        })
    }

    /// Shows and writes the reports. One that cannot be written keeps no other back.
    fn hand_out(
        &self,
        name: &str,
        (report, limits): (&LoadReport, &LoadLimits),
        files: ReportFiles<'_>,
        say: fn(&str),
    ) -> anyhow::Result<()> {
        let title = format!("Load of {name}, {}", Clock::system().now().strftime("%Y-%m-%d %H:%M UTC"));
        let json = format!("{:#}\n", report.json());
        let written = [
            files.html.map(|file| file.write(&report.html(&title, limits))),
            files.json.map(|file| file.write(&json)),
        ];
        say(&if self.says_json() { json } else { report.table() });
        let failed = written.into_iter().flatten().filter_map(Result::err);
        let failed: Vec<String> = failed.map(|error| format!("{error:#}")).collect();
        anyhow::ensure!(failed.is_empty(), "{}", failed.join("; "));
        Ok(())
    }
}

/// Where the reports go besides standard output.
struct ReportFiles<'p> {
    json: Option<ReportFile<'p>>,
    html: Option<ReportFile<'p>>,
}

/// Tells how it goes: once in a log, and in a terminal with one line that changes.
fn tell(news: LoadNews<'_>) {
    let mut err = std::io::stderr().lock();
    // A closed terminal does not matter to the load.
    let _ = match news {
        LoadNews::Begins(line) => writeln!(err, "{line}"),
        LoadNews::Continues(line) if err.is_terminal() => write!(err, "\r{line}\x1b[K"),
        LoadNews::Continues(_) => Ok(()),
    };
}

fn clear_line() {
    let mut err = std::io::stderr().lock();
    if err.is_terminal() {
        let _ = write!(err, "\r\x1b[K");
    }
}
