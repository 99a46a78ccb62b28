//! What is done to the processes, by chance: one is killed or stopped, the network is cut, and once an older state comes back.

use std::time::Duration;

use harness::random::Random;
use tenfold::data::Database;

use super::processes::{PROCESSES, Processes};
use super::restore::{EVERYTHING, Restore, SavedItem, restore, save};

/// Nothing is done to a process in the last seconds.
const CALM: Duration = Duration::from_secs(5);

/// What is done.
pub struct Faults<'a> {
    pub processes: Processes<'a>,
    pub database: &'a Database,
    pub random: Random,
    pub counts: FaultCounts,
}

/// How often what was done.
#[derive(Default)]
pub struct FaultCounts {
    pub kills: u64,
    pub stops: u64,
    pub cuts: u64,
}

impl Faults<'_> {
    /// Goes on until the time is nearly over. After a third of it the rows are saved, and after half of it they are put back.
    ///
    /// # Errors
    /// When a process has ended by itself, or the database refuses.
    pub async fn go_on(&mut self, length: Duration, until: Duration) -> anyhow::Result<Restore> {
        let clock = self.database.clock();
        let (save_at, restore_at) = (until - length * 2 / 3, until - length / 2);
        let (mut saved, mut restored): (Option<Vec<SavedItem>>, Option<Restore>) = (None, None);
        loop {
            let now = clock.since_boot();
            match (&saved, &restored) {
                (None, _) if now >= save_at => saved = Some(save(self.database).await?),
                (Some(rows), None) if now >= restore_at => {
                    let tells = self.processes.without != Some(EVERYTHING);
                    restored = Some(restore(self.database, rows.clone(), tells).await?);
                }
                _ => {}
            }
            let (pause, length) = (1_000 + self.random.below(2_000), 500 + self.random.below(3_500));
            let (pause, length) = (Duration::from_millis(pause), Duration::from_millis(length));
            let is_over = now + pause + length + CALM > until;
            match restored {
                Some(restored) if is_over => return Ok(restored),
                None if is_over => tokio::time::sleep(Duration::from_millis(100)).await,
                _ => {
                    tokio::time::sleep(pause).await;
                    self.one(length).await?;
                }
            }
        }
    }

    async fn one(&mut self, length: Duration) -> anyhow::Result<()> {
        let victim = usize::try_from(self.random.below(PROCESSES as u64))?;
        match self.random.below(4) {
            0 => {
                self.processes.replace(victim)?;
                self.counts.kills += 1;
            }
            1 => {
                self.processes.network.cut();
                tokio::time::sleep(length).await;
                self.processes.network.heal();
                self.counts.cuts += 1;
            }
            _ => {
                self.processes.signal(victim, "STOP")?;
                tokio::time::sleep(length).await;
                self.processes.signal(victim, "CONT")?;
                self.counts.stops += 1;
            }
        }
        Ok(())
    }
}
