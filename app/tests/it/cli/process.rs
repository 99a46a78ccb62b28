//! The application as a child process; whatever a test does, it is gone when the test ends.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use super::wire::{Answer, Connection, Request};

/// How long anything may take on a machine that is busy with other things, except where a test says else.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// Waits until `condition` gives something, asking every few milliseconds.
///
/// # Panics
/// After [`PATIENCE`], with what `explain` says.
pub(crate) fn wait_for<T>(explain: impl Fn() -> String, mut condition: impl FnMut() -> Option<T>) -> T {
    let give_up = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = condition() {
            return found;
        }
        assert!(Instant::now() < give_up, "waited in vain: {}", explain());
        pause();
    }
}

/// The pause between two looks at a condition.
fn pause() {
    std::thread::park_timeout(Duration::from_millis(10));
}

/// A process that is about to be started.
pub(crate) struct Launch {
    command: Command,
    output: Output,
}

/// The files that take what a process writes, outside its working directory.
#[derive(Clone)]
struct Output {
    out: PathBuf,
    err: PathBuf,
}

/// What a process was that has ended.
pub(crate) struct Finished {
    pub status: ExitStatus,
    pub out: String,
    pub err: String,
    pub took: Duration,
}

impl Launch {
    pub(super) fn new(folder: &Path, work: &Path, arguments: &[&str]) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let output =
            Output { out: folder.join(format!("{number}.out")), err: folder.join(format!("{number}.err")) };
        let mut command = Command::new(env!("CARGO_BIN_EXE_app"));
        // Without the tester's own settings, and without his colours.
        command.args(arguments).current_dir(work).env_clear().stdin(Stdio::null());
        command.stdout(File::create(&output.out).expect("the output can be kept"));
        command.stderr(File::create(&output.err).expect("the output can be kept"));
        Launch { command, output }
    }

    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.command.env(name, value);
        self
    }

    /// Gives the process a standard output that nobody reads any more.
    pub fn deaf(mut self) -> Self {
        let (reader, writer) = std::io::pipe().expect("a pipe can be made");
        drop(reader);
        self.command.stdout(writer);
        self
    }

    /// Starts the process without waiting for anything.
    pub fn spawn(mut self) -> Process {
        let child = self.command.spawn().expect("the application can be started");
        Process { child, output: self.output, address: String::new() }
    }

    /// Starts the process and waits until it can serve.
    pub fn start(self) -> Process {
        let mut process = self.spawn();
        process.wait_until_ready();
        process
    }

    /// Starts the process and waits until it has ended.
    pub fn finish(self) -> Finished {
        let began = Instant::now();
        let mut process = self.spawn();
        let status = process.wait();
        Finished { status, out: process.out(), err: process.err(), took: began.elapsed() }
    }
}

/// A process that runs; it is killed when this is dropped.
pub(crate) struct Process {
    child: Child,
    output: Output,
    address: String,
}

impl Process {
    /// Waits for the greeting, which names the address, and for `/readyz`.
    pub fn wait_until_ready(&mut self) {
        let explain = self.output.clone();
        let explain = || format!("the process is not ready\n{}\n{}", text(&explain.out), text(&explain.err));
        self.address = wait_for(explain, || {
            let ended = self.child.try_wait().expect("a child can be asked");
            assert!(ended.is_none(), "the process ended: {ended:?}\n{}\n{}", self.out(), self.err());
            let out = self.out();
            let rest = out.split_once("listens on http://")?.1;
            Some(rest.split_once('\n')?.0.to_owned())
        });
        assert_eq!(self.ask(&Request::get("/readyz")).status, 200);
    }

    /// `127.0.0.1:PORT`.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Opens a connection.
    pub fn connect(&self) -> Connection {
        Connection::open(&self.address)
            .unwrap_or_else(|error| panic!("{}: {error}\n{}", self.address, self.err()))
    }

    /// Sends one request on a connection of its own.
    pub fn ask(&self, request: &Request) -> Answer {
        let answer = self.connect().ask(request);
        answer.unwrap_or_else(|error| panic!("{}: {error}\n{}", request.path(), self.err()))
    }

    /// Waits until this many requests are in flight.
    pub fn wait_for_requests_in_flight(&self, count: usize) {
        let wanted = format!("http_server_active_requests {}", count + 1); // the one that asks is one, too
        let metrics = || self.ask(&Request::get("/metrics")).text();
        wait_for(metrics, || metrics().lines().any(|line| line == wanted).then_some(()));
    }

    /// Waits until nobody listens on the address any more.
    pub fn wait_until_deaf(&self) {
        wait_for(
            || "the address still takes connections".to_owned(),
            || Connection::open(&self.address).err(),
        );
    }

    /// Sends a signal: `TERM`, `INT`.
    pub fn signal(&self, name: &str) {
        let sent = Command::new("kill").args(["-s", name, &self.child.id().to_string()]).status();
        assert!(sent.expect("the command kill is there").success());
    }

    /// As `kill -9` does; the process is gone when this returns.
    pub fn kill(&mut self) {
        self.child.kill().expect("a child can be killed");
        self.child.wait().expect("a child can be awaited");
    }

    /// Waits for the process to end by itself.
    pub fn wait(&mut self) -> ExitStatus {
        let output = self.output.clone();
        let explain = || format!("the process does not end\n{}\n{}", text(&output.out), text(&output.err));
        wait_for(explain, || self.child.try_wait().expect("a child can be asked"))
    }

    /// Stops the process as a service manager does.
    pub fn stop(&mut self) {
        self.signal("TERM");
        let status = self.wait();
        assert_eq!(status.code(), Some(0), "{}", self.err());
    }

    /// Whether it runs.
    pub fn is_alive(&mut self) -> bool {
        self.child.try_wait().expect("a child can be asked").is_none()
    }

    /// What it wrote to standard output so far.
    pub fn out(&self) -> String {
        text(&self.output.out)
    }

    /// What it wrote to standard error so far.
    pub fn err(&self) -> String {
        text(&self.output.err)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It has ended already, in most tests.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn text(path: &Path) -> String {
    String::from_utf8_lossy(&std::fs::read(path).unwrap_or_default()).into_owned()
}
