//! `app why`: asks the running application what is wrong. `app onset`: the change points of a series.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Args;
use serde_json::Value;
use tenfold_data::{Clock, Timestamp};
use tenfold_observe::telemetry::diagnosis::onset::change_points;

use super::console_sign_in::RemoteConsole;
use crate::config::{Loaded, TimeSpan};
use crate::why::records::merged;
use crate::why::{json, text};

/// What is wrong, since when, and why.
#[derive(Args)]
pub(super) struct WhyCommand {
    /// Look at what happened since then: a time such as 2026-01-31T03:00:00Z, or 30m for 30 minutes ago [default: 2 h ago].
    #[arg(long, value_name = "TIME")]
    since: Option<Moment>,
    /// As if it were then: what ended before is over [default: now].
    #[arg(long, value_name = "TIME")]
    until: Option<Moment>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
    /// The application, http://HOST:PORT [default: http.listen]. Named several times: its processes, asked together.
    #[arg(long, value_name = "URL")]
    at: Vec<String>,
}

/// A time, or how long ago.
#[derive(Clone, Copy)]
enum Moment {
    At(Timestamp),
    Ago(TimeSpan),
}

impl std::str::FromStr for Moment {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Ok(at) = text.parse() {
            return Ok(Moment::At(at));
        }
        let ago = text.parse().map(Moment::Ago);
        ago.map_err(|_| format!("`{text}` is no time: write 2026-01-31T03:00:00Z, or 30m for 30 minutes ago"))
    }
}

impl Moment {
    fn resolve(self, now: Timestamp) -> Timestamp {
        match self {
            Moment::At(at) => at,
            Moment::Ago(span) => now - span.as_std(),
        }
    }
}

impl WhyCommand {
    /// The answer of the application that listens at `listen`, or of others.
    /// `complain` says which of several does not answer.
    pub(super) async fn run(
        &self,
        loaded: &Loaded,
        listen: SocketAddr,
        complain: fn(&str),
    ) -> anyhow::Result<String> {
        let json = match &*self.at {
            [_, _, ..] => self.merge(loaded, listen, complain).await?,
            one => {
                let console = RemoteConsole::new(loaded, listen, one.first().map(String::as_str), "why")?;
                let answer = self.ask(&console, "/console/why.json").await?;
                serde_json::from_str(&answer).context("its answer is no JSON")?
            }
        };
        Ok(if self.json { format!("{json:#}\n") } else { text(&json) })
    }

    /// The answer for several processes. One that does not answer may be what is wrong, so the others are asked all the same.
    async fn merge(&self, loaded: &Loaded, listen: SocketAddr, complain: fn(&str)) -> anyhow::Result<Value> {
        let mut records = Vec::new();
        for url in &self.at {
            let console = RemoteConsole::new(loaded, listen, Some(url), "why")?;
            match self.ask(&console, "/console/why/records.json").await {
                Ok(answer) => records.push(answer),
                Err(error) => complain(&format!("{error:#}")),
            }
        }
        anyhow::ensure!(
            !records.is_empty(),
            "none of the {} processes says what it has recorded",
            self.at.len()
        );
        let now = Clock::system().now();
        let until = self.until.map_or(now, |until| until.resolve(now));
        Ok(json(&merged(&records, until)?))
    }

    async fn ask(&self, console: &RemoteConsole, path: &str) -> anyhow::Result<String> {
        let host = &console.host;
        let answer = async {
            let answer = console.get(&format!("{path}{}", self.query())).await?;
            anyhow::ensure!(answer.status == 200, "it answers {}: {}", answer.status, answer.body);
            Ok(answer.body)
        };
        answer.await.with_context(|| format!("the application at http://{host} does not say what is wrong"))
    }

    fn query(&self) -> String {
        let now = Clock::system().now();
        let parts = [("since", self.since), ("until", self.until)];
        let parts: Vec<String> = parts
            .into_iter()
            .filter_map(|(name, moment)| Some(format!("{name}={}", moment?.resolve(now))))
            .collect();
        if parts.is_empty() { String::new() } else { format!("?{}", parts.join("&")) }
    }
}

/// Where the level of a series changes.
#[derive(Args)]
pub(super) struct OnsetCommand {
    /// A value on each line; of several columns the last counts. A first line without a number is a heading.
    file: PathBuf,
}

impl OnsetCommand {
    /// A line for each change point.
    pub(super) fn run(&self) -> anyhow::Result<String> {
        let values = read_series(&self.file)?;
        let changes = change_points(&values);
        let mut out = format!("{} values, {} changes\n", values.len(), changes.len());
        for change in changes {
            let (number, before, after) = (change.index + 1, change.before, change.after);
            out +=
                &format!("from value {number}: {before:.6} before, {after:.6} after, p = {:.3e}\n", change.p);
        }
        Ok(out)
    }
}

fn read_series(path: &Path) -> anyhow::Result<Vec<f64>> {
    let text = std::fs::read_to_string(path).with_context(|| format!("{} cannot be read", path.display()))?;
    let mut values = Vec::new();
    for (index, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let cell = line.rsplit([',', ';', '\t']).next().unwrap_or_default().trim().trim_matches('"');
        match cell.parse::<f64>() {
            Ok(value) if value.is_finite() => values.push(value),
            _ if index == 0 => {}
            _ => anyhow::bail!("{}, line {}: `{cell}` is no number", path.display(), index + 1),
        }
    }
    Ok(values)
}
