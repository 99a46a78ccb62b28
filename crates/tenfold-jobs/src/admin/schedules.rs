//! What an operator does with schedules: see when they fire, fire one by hand.

use std::collections::HashMap;

use tenfold_data::{DataError, SystemContext, Timestamp, sql};

use crate::rows::JobId;
use crate::runner::Jobs;
use crate::schedule;

/// A schedule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScheduleStatus {
    /// Its name.
    pub name: String,
    /// When it fires: `17 * * * *` or `1h`.
    pub spec: String,
    /// The time zone, unless the text names one.
    pub time_zone: String,
    /// The kind of its jobs.
    pub kind: &'static str,
    /// When it fires next; none before the first worker has started.
    pub next_at: Option<Timestamp>,
    /// When it fired last, or was run by hand.
    pub last_at: Option<Timestamp>,
    /// The job of that firing.
    pub last_job: Option<JobId>,
}

/// There is no such schedule.
#[derive(Clone, Debug, thiserror::Error)]
#[error("no module declares a schedule {name:?}; there are {known}")]
pub struct UnknownSchedule {
    /// The name that was asked for.
    pub name: String,
    /// The schedules that there are.
    pub known: String,
}

/// A row of a schedule: its name, when it fires next, when it fired last and that job.
type ScheduleRow = (String, Timestamp, Option<Timestamp>, Option<JobId>);

impl Jobs {
    /// The schedules that this application declares.
    ///
    /// # Errors
    /// The statement failed.
    pub async fn schedules(&self) -> Result<Vec<ScheduleStatus>, DataError> {
        let rows: Vec<ScheduleRow> = self
            .0
            .database
            .run(None, async |cx: SystemContext| {
                sql!(
                    "tenfold_job_schedules.show",
                    "SELECT name, next_at, last_at, last_job FROM tenfold_job_schedules ORDER BY name LIMIT 500"
                )
                .bounded()
                .all(&cx)
                .await
            })
            .await?;
        let mut rows: HashMap<String, ScheduleRow> =
            rows.into_iter().map(|row| (row.0.clone(), row)).collect();
        let status = |schedule: &schedule::JobSchedule| {
            let row = rows.remove(schedule.name);
            let (next_at, last_at, last_job) =
                row.map_or((None, None, None), |(_, next, last, job)| (Some(next), last, job));
            ScheduleStatus {
                name: schedule.name.to_owned(),
                spec: schedule.spec.to_owned(),
                time_zone: self.settings().time_zone.clone(),
                kind: schedule.kind,
                next_at,
                last_at,
                last_job,
            }
        };
        Ok(self.0.registry.schedules().values().map(status).collect())
    }

    /// Enqueues the job of a schedule now; its next firing stays as it is. Returns the unfinished job of the last firing
    /// if there is one.
    ///
    /// # Errors
    /// [`UnknownSchedule`]; a statement failed.
    pub async fn run_schedule(&self, name: &str) -> anyhow::Result<JobId> {
        let schedules = self.0.registry.schedules();
        let Some(schedule) = schedules.get(name) else {
            let known: Vec<_> = schedules.keys().copied().collect();
            return Err(UnknownSchedule { name: name.to_owned(), known: known.join(", ") }.into());
        };
        self.declare_schedules().await?;
        let fire = async |cx: SystemContext| {
            cx.transaction(async |tx| schedule::note_firing(tx, schedule).await).await
        };
        Ok(self.0.database.run(None, fire).await?)
    }
}
