//! The application as a child process, which never outlives the process that started it.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use crate::wire::{HttpAnswer, HttpConnection, HttpRequest};

/// How long anything may take on a busy machine, unless a test says otherwise.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Waits until `condition` returns something, polling every few milliseconds.
///
/// # Panics
/// After [`PATIENCE`], with the text of `explain`.
pub fn wait_for<T>(explain: impl Fn() -> String, condition: impl FnMut() -> Option<T>) -> T {
    wait_at_most(PATIENCE, condition).unwrap_or_else(|| panic!("waited in vain: {}", explain()))
}

/// Like [`wait_for`] with another time limit; returns `None` when it is over.
pub fn wait_at_most<T>(patience: Duration, mut condition: impl FnMut() -> Option<T>) -> Option<T> {
    let give_up = Instant::now() + patience;
    loop {
        let found = condition();
        if found.is_some() || Instant::now() >= give_up {
            return found;
        }
        pause();
    }
}

/// The pause between two polls of a condition.
pub(crate) fn pause() {
    std::thread::park_timeout(Duration::from_millis(10));
}

/// A field of the memory of a process, such as `VmRSS`, in bytes.
///
/// # Panics
/// When there is no such process, or no such field.
pub fn memory_of(process: u32, field: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status"));
    let status = status.expect("a running process has a status");
    let line = status.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
    let kib = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok());
    kib.unwrap_or_else(|| panic!("{field} is not in {status}")) * 1024
}

/// Lets this much time pass.
pub fn let_pass(span: Duration) {
    let _: Option<()> = wait_at_most(span, || None);
}

/// Runs a future to its end.
///
/// # Panics
/// When no runtime can be started.
pub fn block_on<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime starts").block_on(work)
}

/// A process that is about to be started.
pub struct Launch {
    command: Command,
    output: OutputFiles,
}

/// The files for a process's output, outside its working directory.
#[derive(Clone)]
struct OutputFiles {
    out: PathBuf,
    err: PathBuf,
}

impl OutputFiles {
    /// Isolates a command from the tester's environment: without the tester's settings and colours, without input.
    fn takes(&self, command: &mut Command) {
        command.env_clear().stdin(Stdio::null());
        command.stdout(File::create(&self.out).expect("the output can be kept"));
        command.stderr(File::create(&self.err).expect("the output can be kept"));
    }
}

/// The result of a process that has ended.
pub struct Finished {
    /// How it ended.
    pub status: ExitStatus,
    /// What it wrote to standard output.
    pub out: String,
    /// What it wrote to standard error.
    pub err: String,
    /// How long it ran.
    pub took: Duration,
}

impl Launch {
    pub(crate) fn new(program: &Path, folder: &Path, work: &Path, arguments: &[&str]) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let output = OutputFiles {
            out: folder.join(format!("{number}.out")),
            err: folder.join(format!("{number}.err")),
        };
        let mut command = Command::new(program);
        command.args(arguments).current_dir(work);
        output.takes(&mut command);
        Launch { command, output }
    }

    /// Sets a variable of its environment.
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.command.env(name, value);
        self
    }

    /// Runs the process on one core, by its number, with `taskset` of util-linux.
    pub fn on_core(self, core: usize) -> Self {
        let mut taskset = Command::new("taskset");
        taskset.args(["--cpu-list", &core.to_string()]);
        self.through(taskset)
    }

    /// Starts it by a program that executes the one whose name and arguments follow its own.
    fn through(mut self, mut outer: Command) -> Self {
        outer.arg(self.command.get_program()).args(self.command.get_args());
        self.output.takes(&mut outer);
        outer.envs(self.command.get_envs().filter_map(|(name, value)| Some((name, value?))));
        if let Some(folder) = self.command.get_current_dir() {
            outer.current_dir(folder);
        }
        self.command = outer;
        self
    }

    /// Gives the process this text as its standard input.
    pub fn input(mut self, text: &str) -> Self {
        let path = self.output.out.with_extension("in");
        std::fs::write(&path, text).expect("the input can be kept");
        self.command.stdin(File::open(&path).expect("the input can be read"));
        self
    }

    /// Closes the reading end of the process's standard output.
    pub fn deaf(mut self) -> Self {
        let (reader, writer) = std::io::pipe().expect("a pipe can be made");
        drop(reader);
        self.command.stdout(writer);
        self
    }

    /// Starts the process without waiting.
    pub fn spawn(mut self) -> Process {
        let child = self.command.spawn().expect("the application can be started");
        Process { child, output: self.output, address: String::new() }
    }

    /// Starts the process and waits until it is ready.
    pub fn start(self) -> Process {
        let mut process = self.spawn();
        process.wait_until_ready();
        process
    }

    /// Starts the process and waits until it has ended.
    pub fn finish(self) -> Finished {
        self.finish_after(Duration::ZERO)
    }

    /// The same for a process that works for so long.
    pub fn finish_after(self, work: Duration) -> Finished {
        let began = Instant::now();
        let mut process = self.spawn();
        let status = process.wait_for_end(work + PATIENCE);
        Finished { status, out: process.out(), err: process.err(), took: began.elapsed() }
    }
}

/// A running process; it is killed when this is dropped.
pub struct Process {
    child: Child,
    output: OutputFiles,
    address: String,
}

impl Process {
    /// Waits for the greeting, which names the address, and until `/readyz` says so: on a busy machine the first write may
    /// take longer than that waits for it.
    pub fn wait_until_ready(&mut self) {
        let explain = self.output.clone();
        let explain = || format!("the process is not ready\n{}\n{}", read(&explain.out), read(&explain.err));
        self.address = wait_for(explain, || {
            let ended = self.child.try_wait().expect("a child can be asked");
            assert!(ended.is_none(), "the process ended: {ended:?}\n{}\n{}", self.out(), self.err());
            let out = self.out();
            let rest = out.split_once("listens on http://")?.1;
            Some(rest.split_once('\n')?.0.to_owned())
        });
        let ready = || self.ask(&HttpRequest::get("/readyz"));
        wait_for(|| self.err(), || (ready().status == 200).then_some(()));
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// `127.0.0.1:PORT`.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Opens a connection.
    pub fn connect(&self) -> HttpConnection {
        HttpConnection::open(&self.address)
            .unwrap_or_else(|error| panic!("{}: {error}\n{}", self.address, self.err()))
    }

    /// Sends one request on a connection of its own.
    pub fn ask(&self, request: &HttpRequest) -> HttpAnswer {
        let answer = self.connect().ask(request);
        answer.unwrap_or_else(|error| panic!("{}: {error}\n{}", request.path(), self.err()))
    }

    /// Waits until this many requests are in flight.
    pub fn wait_for_requests_in_flight(&self, count: usize) {
        let wanted = format!("http_server_active_requests {}", count + 1); // including the request that asks
        let metrics = || self.ask(&HttpRequest::get("/metrics")).text();
        wait_for(metrics, || metrics().lines().any(|line| line == wanted).then_some(()));
    }

    /// Waits until the address refuses connections.
    pub fn wait_until_deaf(&self) {
        wait_for(
            || "the address still takes connections".to_owned(),
            || HttpConnection::open(&self.address).err(),
        );
    }

    /// Sends a signal: `TERM`, `INT`.
    pub fn signal(&self, name: &str) {
        let sent = Command::new("kill").args(["-s", name, &self.child.id().to_string()]).status();
        assert!(sent.expect("the command kill is there").success());
    }

    /// Limits the size of every file of the process to this many bytes from now on; `None` removes the limit. Standard
    /// output and error are files, too.
    ///
    /// # Panics
    /// When the system has no `prlimit`: only Linux does.
    pub fn limit_files(&self, bytes: Option<u64>) {
        let soft = bytes.map_or_else(|| "unlimited".to_owned(), |bytes| bytes.to_string());
        let mut limit = Command::new("prlimit");
        limit.arg(format!("--pid={}", self.child.id())).arg(format!("--fsize={soft}:"));
        assert!(limit.status().expect("the command prlimit is there").success());
    }

    /// Sends SIGKILL without waiting.
    pub fn strike(&mut self) {
        self.child.kill().expect("a child can be killed");
    }

    /// Kills, as `kill -9` does; the process is gone when this returns.
    pub fn kill(&mut self) {
        self.child.kill().expect("a child can be killed");
        self.child.wait().expect("a child can be awaited");
    }

    /// Waits until the process ends by itself.
    pub fn wait(&mut self) -> ExitStatus {
        self.wait_for_end(PATIENCE)
    }

    fn wait_for_end(&mut self, patience: Duration) -> ExitStatus {
        let ended = wait_at_most(patience, || self.child.try_wait().expect("a child can be asked"));
        ended.unwrap_or_else(|| panic!("the process does not end\n{}\n{}", self.out(), self.err()))
    }

    /// Waits until the process has written this text to standard output.
    pub fn wait_until_said(&mut self, text: &str) {
        let output = self.output.clone();
        let explain = || format!("`{text}` is not said\n{}\n{}", read(&output.out), read(&output.err));
        wait_for(explain, || {
            assert!(self.is_alive(), "the process ended\n{}\n{}", self.out(), self.err());
            self.out().contains(text).then_some(())
        });
    }

    /// Its memory according to `/proc`, in bytes: `VmRSS` is the current size, `VmHWM` the peak.
    ///
    /// # Panics
    /// When the system does not provide the figure: only Linux does.
    /// When the system counts no such thing: only Linux does.
    pub fn memory(&self, field: &str) -> u64 {
        memory_of(self.child.id(), field)
    }

    /// Stops the process as a service manager does.
    pub fn stop(&mut self) {
        self.signal("TERM");
        let status = self.wait();
        assert_eq!(status.code(), Some(0), "{}", self.err());
    }

    /// Whether it is running.
    pub fn is_alive(&mut self) -> bool {
        self.child.try_wait().expect("a child can be asked").is_none()
    }

    /// What it wrote to standard output so far.
    pub fn out(&self) -> String {
        read(&self.output.out)
    }

    /// What it wrote to standard error so far.
    pub fn err(&self) -> String {
        read(&self.output.err)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // In most tests it has already ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn read(path: &Path) -> String {
    String::from_utf8_lossy(&std::fs::read(path).unwrap_or_default()).into_owned()
}
