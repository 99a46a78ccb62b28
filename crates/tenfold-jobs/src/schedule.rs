//! Schedules: jobs that are enqueued again and again.
//!
//! Each schedule has a row with the time of its next firing. The worker that moves that time on enqueues the job, in the
//! same transaction, so a firing happens once in the cluster. The time moves to the next one in the future: what was
//! missed happens once.

use std::sync::Arc;

use cronexpr::{Crontab, parse_crontab};
use futures_util::future::BoxFuture;
use tenfold_data::jiff::SignedDuration;
use tenfold_data::{DataError, SystemContext, SystemTx, Timestamp, sql};

use crate::due;
use crate::enqueue::Enqueue as _;
use crate::job::Job;
use crate::options::JobOptions;
use crate::rows::JobId;

/// Whether a time zone of this name is known here.
pub fn is_time_zone(name: &str) -> bool {
    tenfold_data::jiff::tz::TimeZone::get(name).is_ok()
}

/// A schedule of a module.
#[derive(Clone)]
pub(crate) struct JobSchedule {
    pub name: &'static str,
    pub spec: &'static str,
    pub kind: &'static str,
    enqueue: Arc<Fire>,
}

type Fire = dyn for<'a, 't> Fn(&'a SystemTx<'t>) -> Firing<'a> + Send + Sync;
type Firing<'a> = BoxFuture<'a, Result<JobId, DataError>>;

/// When a schedule fires.
enum Times {
    Each(SignedDuration),
    Cron(Box<Crontab>),
}

impl JobSchedule {
    pub(crate) fn new<J: Job>(
        name: &'static str,
        spec: &'static str,
        make: impl Fn() -> J + Send + Sync + 'static,
    ) -> Self {
        let enqueue: Arc<Fire> = Arc::new(move |tx| {
            let options = JobOptions::new().unique(format!("schedule {name}"));
            Box::pin(tx.enqueue_with(make(), options))
        });
        JobSchedule { name, spec, kind: J::KIND, enqueue }
    }

    /// Its text as it is stored, with the time zone.
    fn stored(&self, zone: &str) -> String {
        format!("{} {zone}", self.spec)
    }

    /// Whether the text can be read.
    pub(crate) fn check(&self) -> Result<(), String> {
        self.times("UTC").map(drop)
    }

    fn times(&self, zone: &str) -> Result<Times, String> {
        let fields = self.spec.split_whitespace().count();
        if let Some(each) = self.spec.parse::<SignedDuration>().ok().filter(|_| fields == 1) {
            let at_least = SignedDuration::from_secs(1);
            return if each < at_least {
                Err("it fires more than once a second".to_owned())
            } else {
                Ok(Times::Each(each))
            };
        }
        let text = if fields == 5 { format!("{} {zone}", self.spec) } else { self.spec.to_owned() };
        let cron = parse_crontab(&text).map_err(|error| {
            format!(
                "{:?} is neither a time such as \"1h\" nor five fields such as \"17 * * * *\": {error}",
                self.spec
            )
        })?;
        Ok(Times::Cron(Box::new(cron)))
    }

    /// The first firing after `now`; `last` is the firing that was due before.
    fn next(&self, zone: &str, last: Timestamp, now: Timestamp) -> anyhow::Result<Timestamp> {
        match self.times(zone).map_err(anyhow::Error::msg)? {
            Times::Cron(cron) => Ok(cron.find_next(now).map_err(anyhow::Error::msg)?.timestamp()),
            Times::Each(each) => {
                let (each, late) = (each.as_micros().max(1), now.duration_since(last).as_micros().max(0));
                let ahead = i64::try_from((late / each + 1) * each)?;
                Ok(last + SignedDuration::from_micros(ahead))
            }
        }
    }

    /// Enqueues its job now; returns the unfinished one of the last firing if there is one.
    pub(crate) async fn fire(&self, tx: &SystemTx<'_>) -> Result<JobId, DataError> {
        (self.enqueue)(tx).await
    }
}

/// Stores schedules that are new or were changed, with the time of their first firing. That they were is noted, unless all of
/// them are new: then nothing ran before.
pub(crate) async fn declare(
    cx: &SystemContext,
    schedules: impl Iterator<Item = &JobSchedule>,
    zone: &str,
) -> anyhow::Result<()> {
    let now = due::now(cx).await?;
    let cx = cx.repeating("each schedule has a row of its own");
    let known: Option<(String,)> = sql!(
        "tenfold_job_schedules.any",
        "SELECT name FROM tenfold_job_schedules ORDER BY next_at, name LIMIT 1"
    )
    .bounded()
    .first(&cx)
    .await?;
    for schedule in schedules {
        let next = schedule.next(zone, now, now)?;
        cx.transaction(async |tx| {
            sql!(
                "tenfold_job_schedules.declare",
                "INSERT INTO tenfold_job_schedules (name, spec, next_at, changed_at) VALUES ($1, $2, $3, $4)
                 ON CONFLICT (name) DO UPDATE SET spec = excluded.spec, next_at = excluded.next_at,
                     spec_before = tenfold_job_schedules.spec, changed_at = $5
                 WHERE tenfold_job_schedules.spec <> excluded.spec"
            )
            .bind(schedule.name.to_owned())
            .bind(schedule.stored(zone))
            .bind(next)
            .bind(known.is_some().then(|| tx.now()))
            .bind(tx.now())
            .execute(tx)
            .await
        })
        .await?;
    }
    Ok(())
}

/// Fires the schedules that are due by `now`. Returns when the next one is.
pub(crate) async fn fire_due<'s>(
    cx: &SystemContext,
    find: impl Fn(&str) -> Option<&'s JobSchedule>,
    zone: &str,
    now: Timestamp,
) -> anyhow::Result<Option<Timestamp>> {
    let cx = cx.repeating("each firing is a transaction of its own");
    let all: Vec<(String, String, Timestamp)> = sql!(
        "tenfold_job_schedules.list",
        "SELECT name, spec, next_at FROM tenfold_job_schedules ORDER BY next_at, name LIMIT 500"
    )
    .bounded()
    .all(&cx)
    .await?;
    let mut soonest = None;
    for (name, spec, due) in all {
        let Some(schedule) = find(&name) else { continue };
        // During a deploy a schedule belongs to the version whose text is stored. If that fires it no more, because it was
        // taken back, or because a command ran with another time zone, this process takes it over.
        let ours = if schedule.stored(zone) == spec { due } else { due + THEIRS };
        let next = if ours > now { Ok(ours) } else { fire_one(&cx, schedule, &spec, due, zone, now).await };
        match next {
            Ok(next) => soonest = soonest.into_iter().chain([next]).min(),
            // The schedules behind it fire all the same.
            Err(error) => {
                let error = format!("{error:#}");
                tracing::warn!(error, schedule = name, "a schedule could not fire; trying again");
            }
        }
    }
    Ok(soonest)
}

/// How long a process leaves a schedule that is due to those whose text is stored.
const THEIRS: SignedDuration = SignedDuration::from_mins(1);

/// Fires a schedule whose stored text is `spec`, and stores its own.
async fn fire_one(
    cx: &SystemContext,
    schedule: &JobSchedule,
    spec: &str,
    due: Timestamp,
    zone: &str,
    now: Timestamp,
) -> anyhow::Result<Timestamp> {
    let stored = schedule.stored(zone);
    cx.transaction(async |tx| -> anyhow::Result<Timestamp> {
        let next = schedule.next(zone, due, now)?;
        // Of several workers that see it at once, one finds the time unchanged.
        let moved = sql!(
            "tenfold_job_schedules.move_on",
            "UPDATE tenfold_job_schedules SET next_at = $3, spec = $5,
                 spec_before = CASE WHEN spec <> $5 THEN spec ELSE spec_before END,
                 changed_at = CASE WHEN spec <> $5 THEN $6 ELSE changed_at END
             WHERE name = $1 AND next_at = $2 AND spec = $4"
        )
        .bind(schedule.name.to_owned())
        .bind(due)
        .bind(next)
        .bind(spec.to_owned())
        .bind(stored.clone())
        .bind(tx.now())
        .execute(tx)
        .await?;
        if moved == 1 {
            if spec != stored {
                let name = schedule.name;
                tracing::warn!(
                    schedule = name,
                    text = spec,
                    "nobody fired a schedule by its stored text; it has ours now"
                );
            }
            note_firing(tx, schedule).await?;
        }
        Ok(next)
    })
    .await
}

/// Enqueues the job of a schedule, and notes it.
pub(crate) async fn note_firing(tx: &SystemTx<'_>, schedule: &JobSchedule) -> Result<JobId, DataError> {
    let job = schedule.fire(tx).await?;
    sql!(
        "tenfold_job_schedules.fired",
        "UPDATE tenfold_job_schedules SET last_at = $2, last_job = $3 WHERE name = $1"
    )
    .bind(schedule.name.to_owned())
    .bind(tx.now())
    .bind(job)
    .execute(tx)
    .await?;
    Ok(job)
}
