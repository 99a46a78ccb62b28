//! The processes of one application: a server with its worker inside, or one of each.

use std::sync::{Arc, Mutex, PoisonError};

use crate::Deployment;
use crate::process::Process;
use crate::random::Random;

/// Where jobs run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// In the server: `serve --role all`.
    Inside,
    /// In a separate process: `serve --role web` and `serve --role worker`.
    Outside,
}

/// Which processes are killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Victims {
    /// The process that takes requests; with the worker inside also the one that runs jobs.
    Server,
    /// The process that runs jobs.
    Worker,
    /// Both at the same moment.
    Both,
}

/// The server's current address; clones share it.
#[derive(Clone, Default)]
pub struct Address(Arc<Mutex<String>>);

/// The running processes.
pub struct Fleet<'a> {
    place: &'a Deployment,
    settings: &'a [(&'a str, &'a str)],
    layout: Layout,
    server: Process,
    worker: Option<Process>,
    address: Address,
}

impl Layout {
    /// For messages.
    pub fn name(self) -> &'static str {
        match self {
            Layout::Inside => "worker inside",
            Layout::Outside => "worker outside",
        }
    }

    /// Chooses which processes to kill.
    pub fn choose(self, random: &mut Random) -> Victims {
        match (self, random.below(3)) {
            (Layout::Inside, _) | (_, 0) => Victims::Server,
            (_, 1) => Victims::Worker,
            _ => Victims::Both,
        }
    }

    /// Whether killing these interrupts jobs.
    pub fn run_jobs(self, victims: Victims) -> bool {
        self == Layout::Inside || victims != Victims::Server
    }
}

impl Address {
    /// `127.0.0.1:PORT`.
    pub fn get(&self) -> String {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set(&self, address: &str) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = address.to_owned();
    }
}

impl<'a> Fleet<'a> {
    /// Starts the processes with these variables and waits until they are ready.
    pub fn start(place: &'a Deployment, layout: Layout, settings: &'a [(&'a str, &'a str)]) -> Self {
        let server = start_server(place, layout, settings);
        let worker = (layout == Layout::Outside).then(|| start_worker(place, settings));
        let address = Address::default();
        address.set(server.address());
        Fleet { place, settings, layout, server, worker, address }
    }

    /// The server.
    pub fn server(&self) -> &Process {
        &self.server
    }

    /// The server's current address.
    pub fn address(&self) -> Address {
        self.address.clone()
    }

    /// Kills, as `kill -9` does; the processes are gone when this returns.
    pub fn kill(&mut self, victims: Victims) {
        let server = (victims != Victims::Worker).then_some(&mut self.server);
        let worker = self.worker.as_mut().filter(|_| victims != Victims::Server);
        let mut killed: Vec<&mut Process> = server.into_iter().chain(worker).collect();
        killed.iter_mut().for_each(|process| process.strike());
        killed.into_iter().for_each(Process::kill);
    }

    /// Restarts the killed processes and waits until they are ready.
    pub fn restart(&mut self, victims: Victims) {
        if victims != Victims::Worker {
            self.server = start_server(self.place, self.layout, self.settings);
            self.address.set(self.server.address());
        }
        if self.worker.is_some() && victims != Victims::Server {
            self.worker = Some(start_worker(self.place, self.settings));
        }
    }
}

fn start_server(place: &Deployment, layout: Layout, settings: &[(&str, &str)]) -> Process {
    let role = if layout == Layout::Inside { "all" } else { "web" };
    let launch = place.app(&["serve", "--role", role]);
    settings.iter().fold(launch, |launch, (name, value)| launch.env(name, value)).start()
}

/// Starts a process that only runs jobs.
pub fn start_worker(place: &Deployment, settings: &[(&str, &str)]) -> Process {
    let launch = place.app(&["serve", "--role", "worker"]);
    let launch = settings.iter().fold(launch, |launch, (name, value)| launch.env(name, value));
    let mut worker = launch.spawn();
    worker.wait_until_said("runs jobs");
    worker
}
