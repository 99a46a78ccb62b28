//! Asks PostgreSQL which of our statements wait for a lock, and what holds it.
//!
//! The task looks ten times a second at our own counters. It asks the server only while a statement has been under way for at least
//! that long, on a connection of its own: those of the pool may all be waiting. `pg_locks.waitstart` (PostgreSQL 14) says when a wait
//! began, so what is counted is exact up to the last time the server was asked. Behind a pooler it is unknown which process serves a
//! statement, so the server is not asked.

use std::collections::HashMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio_postgres::{Client, Row};

use super::backends::{Backend, Backends};
use super::connect::connect;
use super::refusal::classify;
use crate::driver::DriverError;
use crate::waited::LockHolder;

/// How often the task looks.
const EVERY: Duration = Duration::from_millis(100);
/// How many looks are left out after one that found no lock although a statement takes long, or more than [`MANY`] sessions.
const AFTER_NONE: u32 = 4;
/// With more sessions than this the task looks less often: each look costs the server more.
const MANY: usize = 50;
/// How many looks are left out after the server could not be asked.
const AFTER_FAILURE: u32 = 50;
/// After this many looks in which it was not needed, the connection is closed.
const IDLE: u32 = 600;
/// How long connecting, and an answer, may take.
const LIMIT: Duration = Duration::from_secs(2);
/// How many sessions that wait for another one are followed to the one that holds the lock.
const FOLLOWED: usize = 16;

/// Sessions of this database that wait for a lock, first those of these processes, and those that they wait for: process, what blocks it, since when and for
/// how long it has waited in microseconds, program, and how its last statement begins.
const SAMPLE: &str = "WITH blocked AS MATERIALIZED (
        SELECT pid, pg_blocking_pids(pid) AS blockers FROM pg_stat_activity
        WHERE datname = current_database() AND wait_event_type = 'Lock'
        ORDER BY pid <> ALL ($1) LIMIT 200
    ), waits AS MATERIALIZED (
        SELECT pid, min(waitstart) AS since FROM pg_locks WHERE NOT granted GROUP BY pid
    )
    SELECT a.pid, coalesce(b.blockers, '{}'::int[]),
        coalesce((extract(epoch FROM w.since) * 1e6)::bigint, 0),
        coalesce((extract(epoch FROM clock_timestamp() - w.since) * 1e6)::bigint, 0),
        coalesce(a.application_name, ''), left(coalesce(a.query, ''), 200)
    FROM pg_stat_activity a LEFT JOIN blocked b USING (pid) LEFT JOIN waits w USING (pid)
    WHERE b.pid IS NOT NULL OR a.pid IN (SELECT unnest(blockers) FROM blocked)";

/// A session as the server describes it.
struct LockSession {
    pid: i32,
    blockers: Vec<i32>,
    since_us: i64,
    waited_us: i64,
    application: String,
    query: String,
}

impl LockSession {
    fn of(row: &Row) -> Result<Self, tokio_postgres::Error> {
        Ok(LockSession {
            pid: row.try_get(0)?,
            blockers: row.try_get(1)?,
            since_us: row.try_get(2)?,
            waited_us: row.try_get(3)?,
            application: row.try_get(4)?,
            query: row.try_get(5)?,
        })
    }
}

/// Starts the task, unless it runs. It ends with its runtime, with the database, and when that is closed.
pub(super) fn watch(backends: &Arc<Backends>) {
    if !backends.is_watched.swap(true, Ordering::AcqRel) {
        let watching = Watching { backends: Arc::downgrade(backends), client: None, seen: HashMap::new() };
        Handle::current().spawn(watching.run());
    }
}

struct Watching {
    backends: Weak<Backends>,
    client: Option<Client>,
    /// What was seen of each process the last time.
    seen: HashMap<i32, SeenBackend>,
}

/// What was seen of a process.
#[derive(Clone, Copy, Default)]
struct SeenBackend {
    /// How many statements it had answered, if it had one to answer.
    busy_since: Option<u64>,
    /// Since when it waited for a lock, and for how long so far, in microseconds.
    wait: Option<(i64, i64)>,
}

impl Drop for Watching {
    fn drop(&mut self) {
        if let Some(backends) = self.backends.upgrade() {
            backends.is_watched.store(false, Ordering::Release);
        }
    }
}

impl Watching {
    async fn run(mut self) {
        let (mut left_out, mut idle) = (0_u32, 0_u32);
        loop {
            tokio::time::sleep(EVERY).await;
            let Some(backends) = self.backends.upgrade().filter(|backends| !backends.is_closed()) else {
                return;
            };
            let slow = self.slow(&backends);
            idle = if slow.is_empty() { idle.saturating_add(1) } else { 0 };
            if idle >= IDLE {
                self.client = None;
            }
            if slow.is_empty() || left_out > 0 {
                left_out = left_out.saturating_sub(1);
                continue;
            }
            let pids: Vec<i32> = slow.iter().map(|(backend, _)| backend.pid).collect();
            left_out = match tokio::time::timeout(LIMIT, self.ask(&backends, &pids)).await {
                Ok(Ok(sessions)) => {
                    let waits = self.count(&backends, &slow, &sessions);
                    if waits && sessions.len() <= MANY { 0 } else { AFTER_NONE }
                }
                Ok(Err(_)) | Err(_) => {
                    self.client = None;
                    AFTER_FAILURE
                }
            };
        }
    }

    /// The processes that have worked on the same statement since the last look, with how many they had answered.
    fn slow(&mut self, backends: &Backends) -> Vec<(Arc<Backend>, u64)> {
        let all = backends.all();
        let pids: Vec<i32> = all.iter().map(|backend| backend.pid).collect();
        self.seen.retain(|pid, _| pids.contains(pid));
        let look = |backend: Arc<Backend>| {
            let seen = self.seen.entry(backend.pid).or_default();
            let before = std::mem::replace(&mut seen.busy_since, backend.busy_since());
            let answered = seen.busy_since.filter(|_| before == seen.busy_since)?;
            Some((backend, answered))
        };
        all.into_iter().filter_map(look).collect()
    }

    async fn ask(
        &mut self,
        backends: &Backends,
        pids: &[i32],
    ) -> Result<HashMap<i32, LockSession>, DriverError> {
        if self.client.as_ref().is_none_or(Client::is_closed) {
            let (client, driving) = connect(&backends.config, &backends.tls).await?;
            Handle::current().spawn(async move {
                // A connection that broke is opened again.
                let _ = driving.await;
            });
            self.client = Some(client);
        }
        let Some(client) = &self.client else { return Ok(HashMap::new()) };
        let mut sessions = HashMap::new();
        for row in client.query(SAMPLE, &[&pids]).await.map_err(classify)? {
            let session = LockSession::of(&row).map_err(classify)?;
            sessions.insert(session.pid, session);
        }
        Ok(sessions)
    }

    /// Adds to what our processes have waited. Whether any of them waits.
    fn count(
        &mut self,
        backends: &Backends,
        slow: &[(Arc<Backend>, u64)],
        sessions: &HashMap<i32, LockSession>,
    ) -> bool {
        let mut waits = false;
        for (backend, answered) in slow {
            let session = sessions.get(&backend.pid).filter(|session| !session.blockers.is_empty());
            let seen = self.seen.entry(backend.pid).or_default();
            let Some(session) = session else {
                seen.wait = None;
                continue;
            };
            // It may have been answered meanwhile, and work on another statement.
            if backend.busy_since() != Some(*answered) {
                continue;
            }
            waits = true;
            let counted =
                seen.wait.filter(|(since, _)| *since == session.since_us).map_or(0, |(_, waited)| waited);
            seen.wait = Some((session.since_us, session.waited_us));
            let more = u64::try_from(session.waited_us - counted).unwrap_or(0);
            backend.locks.add(Duration::from_micros(more), holder(backends, session, sessions));
        }
        waits
    }
}

/// What holds the lock that a session waits for.
fn holder(backends: &Backends, waits: &LockSession, sessions: &HashMap<i32, LockSession>) -> LockHolder {
    let is_free = |pid: &&i32| sessions.get(pid).is_none_or(|session| session.blockers.is_empty());
    let next = |session: &LockSession| {
        session.blockers.iter().find(is_free).or_else(|| session.blockers.first()).copied()
    };
    let mut holder = next(waits).unwrap_or(0);
    for _ in 0..FOLLOWED {
        match sessions.get(&holder).and_then(next) {
            Some(behind) => holder = behind,
            None => break,
        }
    }
    let own = backends.all().into_iter().find(|backend| backend.pid == holder);
    if let Some(site) = own.and_then(|backend| backend.opened()) {
        return LockHolder::Transaction(site);
    }
    LockHolder::Other(match sessions.get(&holder) {
        Some(session) => words(session).into(),
        // The server names no process for a transaction that was prepared.
        None if holder == 0 => "a prepared transaction".into(),
        None => "a session that has ended".into(),
    })
}

/// A session in words. Of its statement only the first words: the rest may have values.
fn words(session: &LockSession) -> String {
    let is_word = |word: &&str| word.chars().all(|letter| letter.is_ascii_alphabetic() || letter == '_');
    // A script often sends BEGIN and what follows as one text.
    let mut statements = session.query.split(';').map(str::trim);
    let first = statements.find(|text| !text.is_empty() && !text.eq_ignore_ascii_case("BEGIN"));
    let begins: Vec<&str> =
        first.unwrap_or_default().split_whitespace().take(3).take_while(is_word).collect();
    let program = if session.application.is_empty() { "another program" } else { &session.application };
    let program: String = program.chars().filter(|letter| !letter.is_control()).take(64).collect();
    match begins.is_empty() {
        true => format!("a session of {program}"),
        false => format!("a session of {program} ({} …)", begins.join(" ")),
    }
}
