//! The faults: which processes there are, and what is done to them.

use std::time::Duration;

use clap::ValueEnum;
use harness::Deployment;
use harness::fleet::start_worker;
use harness::process::{Process, let_pass};
use harness::wire::HttpRequest;
use tenfold::data::Dialect;

use super::application::APPLICATION;
use crate::place::PostgresServer;

/// What is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
pub enum ChaosFault {
    /// `kill -9` of the process with the worker, which starts again at once in the same place.
    KillSame,
    /// `kill -9` of one of two workers, which never comes back; later there is another one.
    KillNew,
    /// SIGSTOP of one of two workers past its leases, then SIGCONT.
    Stop,
    /// PostgreSQL ends as by a power cut, and starts again.
    PostgresRestart,
    /// All connections to PostgreSQL are ended by the server.
    BackendsKilled,
    /// Two connections for 16 clients and 16 jobs at once.
    PoolExhausted,
    /// One of two workers has a clock that is a minute ahead; it is killed, too.
    ClockAhead,
    /// The server's clock is a minute ahead of the worker's.
    ServerAhead,
    /// A job that kills its process each time.
    Poison,
    /// An organization enqueues very many jobs, and another one a job now and then.
    Noisy,
}

impl ChaosFault {
    /// Its name, as on the command line.
    pub fn name(self) -> String {
        self.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
    }

    /// Whether it can be done to this database. SQLite has no server, and no connections that could run out.
    pub fn fits(self, dialect: Dialect) -> bool {
        use ChaosFault::{BackendsKilled, PoolExhausted, PostgresRestart};
        dialect == Dialect::Postgres || !matches!(self, PostgresRestart | BackendsKilled | PoolExhausted)
    }

    /// How long a job takes before its effect.
    pub fn job_takes(self) -> Duration {
        // Longer than half a lease, so that a wrong clock sees leases that have expired.
        let long = matches!(self, ChaosFault::ClockAhead | ChaosFault::ServerAhead);
        Duration::from_millis(if long { 500 } else { 20 })
    }

    /// Clients at once.
    pub fn clients(self) -> usize {
        if self == ChaosFault::PoolExhausted { 16 } else { 4 }
    }

    /// Whether another worker goes on in the moment in which it happens.
    pub fn others_go_on(self) -> bool {
        matches!(self, ChaosFault::KillNew | ChaosFault::Stop | ChaosFault::ClockAhead)
    }

    fn settings(self) -> &'static [(&'static str, &'static str)] {
        match self {
            // The most that a process may be blamed before it is given up, and so the shortest run.
            ChaosFault::Poison => &[("TENFOLD_JOBS__POISON_AFTER", "3")],
            ChaosFault::PoolExhausted => {
                &[("TENFOLD_DATABASE__POOL_SIZE", "2"), ("TENFOLD_JOBS__CONCURRENCY", "16")]
            }
            _ => &[],
        }
    }

    fn workers(self) -> usize {
        match self {
            ChaosFault::KillSame => 0,
            ChaosFault::KillNew | ChaosFault::Stop | ChaosFault::ClockAhead => 2,
            _ => 1,
        }
    }
}

/// How long a stopped worker is suspended: past its lease of 5 s, and past the next rescue, which runs every half of that.
const STOPPED: Duration = Duration::from_secs(9);
/// The seconds that a wrong clock is ahead.
const AHEAD: &str = "60";

/// The processes under a fault.
pub struct TargetProcesses<'a> {
    place: &'a Deployment,
    fault: ChaosFault,
    server: Process,
    workers: Vec<Process>,
}

impl<'a> TargetProcesses<'a> {
    /// Starts them.
    pub fn start(place: &'a Deployment, fault: ChaosFault) -> Self {
        let server = start_server(place, fault);
        let workers = (0..fault.workers()).map(|index| start(place, fault, index)).collect();
        TargetProcesses { place, fault, server, workers }
    }

    /// `127.0.0.1:PORT` of the server.
    pub fn address(&self) -> &str {
        self.server.address()
    }

    /// Does it once; the processes that are to live are ready when this returns.
    ///
    /// # Errors
    /// When it cannot be done.
    pub fn strike(&mut self, server: Option<&PostgresServer>) -> anyhow::Result<()> {
        match self.fault {
            ChaosFault::KillSame => {
                self.server.kill();
                self.server = start_server(self.place, self.fault);
            }
            ChaosFault::KillNew => {
                // The other one goes on alone, until the killed one's leases are over.
                self.workers.remove(0).kill();
                let_pass(STOPPED);
                self.workers.push(start(self.place, self.fault, 1));
            }
            ChaosFault::Stop => self.stop(),
            ChaosFault::PostgresRestart => server.map_or(Ok(()), PostgresServer::crash)?,
            ChaosFault::BackendsKilled => self.place.end_connections(),
            ChaosFault::ClockAhead => {
                // The first one is the one with the wrong clock.
                self.workers[0].kill();
                self.workers[0] = start(self.place, self.fault, 0);
            }
            ChaosFault::PoolExhausted | ChaosFault::ServerAhead | ChaosFault::Poison | ChaosFault::Noisy => {}
        }
        Ok(())
    }

    /// Starts the workers again that have died, as a service manager does.
    pub fn revive(&mut self) {
        for index in 0..self.workers.len() {
            if !self.workers[index].is_alive() {
                self.workers[index] = start(self.place, self.fault, index);
            }
        }
    }

    /// Stops a worker for a while, at a moment at which it holds no lock: with one, on SQLite, everybody would wait for
    /// it, and no lease would help.
    fn stop(&mut self) {
        self.workers.rotate_left(1);
        let worker = &self.workers[0];
        loop {
            worker.signal("STOP");
            let probe = HttpRequest::post("/jobs?organization=9&first=-1&count=0&pause_ms=0");
            let patience = Duration::from_millis(500);
            let probed = self.server.connect().with_patience(patience).and_then(|mut open| open.ask(&probe));
            if probed.is_ok_and(|answer| answer.status == 202) {
                break;
            }
            worker.signal("CONT");
        }
        let_pass(STOPPED);
        worker.signal("CONT");
    }
}

fn start_server(place: &Deployment, fault: ChaosFault) -> Process {
    let role = if fault.workers() == 0 { "all" } else { "web" };
    let ahead = if fault == ChaosFault::ServerAhead { AHEAD } else { "0" };
    let launch = place.app(&["serve", "--role", role]).env(APPLICATION, ahead);
    fault.settings().iter().fold(launch, |launch, (name, value)| launch.env(name, value)).start()
}

fn start(place: &Deployment, fault: ChaosFault, index: usize) -> Process {
    let is_ahead = fault == ChaosFault::ClockAhead && index == 0;
    let ahead = (APPLICATION, if is_ahead { AHEAD } else { "0" });
    let settings = [fault.settings(), &[ahead]].concat();
    if fault != ChaosFault::Poison {
        return start_worker(place, &settings);
    }
    // It may be dead before it has said that it runs.
    let launch = place.app(&["serve", "--role", "worker"]);
    settings.iter().fold(launch, |launch, (name, value)| launch.env(name, value)).spawn()
}
