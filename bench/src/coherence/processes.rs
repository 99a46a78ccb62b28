//! The processes that are tormented.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::Context as _;
use tenfold::data::Clock;

use super::history::HistoryFiles;
use super::network::PoorNetwork;
use super::node::{NodePlan, READERS};
use super::verdict::ProcessHistory;

/// The variable that makes this program one of the processes.
pub const PROCESS: &str = "BENCH_COHERENCE";
/// The variable that takes a defence away, in a program with the feature `defence-switches`.
const WITHOUT: &str = "TENFOLD_WITHOUT_DEFENCE";
/// How many run.
pub const PROCESSES: usize = 3;

/// The processes that run, and how many were started. Every second one is behind a poor network.
pub struct Processes<'a> {
    pub running: Vec<(u64, Child)>,
    pub started: u64,
    pub plan: NodePlan,
    pub without: Option<&'a str>,
    pub network: &'a PoorNetwork,
}

impl Drop for Processes<'_> {
    fn drop(&mut self) {
        for (_, child) in &mut self.running {
            // One that has ended cannot be killed.
            let _ = child.kill().and_then(|()| child.wait().map(drop));
        }
    }
}

impl Processes<'_> {
    /// Starts one.
    ///
    /// # Errors
    /// When the program cannot be started.
    pub fn start(&mut self) -> anyhow::Result<()> {
        self.started += 1;
        let process = self.started;
        let url = match process % 2 {
            1 => self.network.through(&self.plan.url)?,
            _ => self.plan.url.clone(),
        };
        let plan = NodePlan { url, process, seed: self.plan.seed + process, ..self.plan.clone() };
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("serve").env(PROCESS, serde_json::to_string(&plan)?).stdin(Stdio::null());
        command.env_remove(WITHOUT).envs(self.without.map(|defence| (WITHOUT, defence)));
        self.running.push((process, command.spawn()?));
        Ok(())
    }

    /// Sends one a signal.
    ///
    /// # Errors
    /// When it has ended.
    pub fn signal(&self, place: usize, signal: &str) -> anyhow::Result<()> {
        let (_, child) = self.running.get(place).context("it runs")?;
        let sent = Command::new("kill").arg(format!("-{signal}")).arg(child.id().to_string()).status()?;
        anyhow::ensure!(sent.success(), "a process cannot be sent {signal}: it has ended");
        Ok(())
    }

    /// Kills one as a crash would, and starts another.
    ///
    /// # Errors
    /// When that fails.
    pub fn replace(&mut self, place: usize) -> anyhow::Result<()> {
        let (_, mut child) = self.running.remove(place);
        child.kill()?;
        child.wait()?;
        self.start()
    }

    /// Waits for the end of all.
    ///
    /// # Errors
    /// When one has failed, or does not end by then.
    pub async fn wait_for_all(&mut self, until: Duration, clock: &Clock) -> anyhow::Result<()> {
        for (_, child) in &mut self.running {
            loop {
                if let Some(status) = child.try_wait()? {
                    anyhow::ensure!(status.success(), "a process has failed: {status}");
                    break;
                }
                anyhow::ensure!(clock.since_boot() < until, "a process does not end");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
        Ok(())
    }

    /// What all have noted. One that was killed while it started has left nothing.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub fn histories(&self, folder: &Path) -> anyhow::Result<Vec<ProcessHistory>> {
        let mut all = Vec::new();
        for process in 1..=self.started {
            let files = HistoryFiles::of(folder, process);
            if !files.has_begun(READERS) {
                all.push(ProcessHistory { writes: Vec::new(), reads: Vec::new() });
                continue;
            }
            all.push(ProcessHistory { writes: files.all_writes()?, reads: files.all_reads(READERS)? });
        }
        Ok(all)
    }
}
