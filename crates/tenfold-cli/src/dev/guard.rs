//! Starts processes that end when this command does, even if it is killed.
//!
//! Between the command and each process stands another process of ours, the guard (`tenfold dev-guard PROGRAM …`). The
//! command holds the only writing end of a pipe to it. When the pipe closes, the guard stops the process. So it needs
//! neither the process's help nor a feature of one operating system. The process leads a process group of its own: what
//! it has started in turn, such as the compilers of cargo, is stopped with it, and a Ctrl-C in the terminal reaches only
//! the command.

use std::ffi::OsString;
use std::io::{self, Read as _, Write as _};
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::process::{ExitCode, ExitStatus, Stdio};
use std::time::Duration;

use clap::Args;
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::AsyncWriteExt as _;
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command};
use tokio::sync::mpsc;
use tokio::time::Instant;

/// The name of the guard's subcommand.
pub(crate) const COMMAND: &str = "dev-guard";
/// How long a process may take to end after the command has gone.
const GRACE: Duration = Duration::from_secs(10);
/// How long the output of a process is read after its end.
const REST: Duration = Duration::from_secs(1);
const STOP: u8 = b's';
const KILL: u8 = b'k';

/// Runs a program, and stops it when standard input closes.
#[derive(Debug, Args)]
pub(crate) struct Guard {
    /// The program and its arguments.
    #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true)]
    command: Vec<OsString>,
}

impl Guard {
    pub(crate) fn run(&self) -> ExitCode {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        match runtime.and_then(|runtime| runtime.block_on(self.watch_over())) {
            Ok(status) => {
                // A shell's way to tell a signal in an exit code.
                let code = status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or_default());
                ExitCode::from(u8::try_from(code).unwrap_or(u8::MAX))
            }
            Err(error) => {
                let program = self.command.first().map(|program| program.to_string_lossy());
                let _ = writeln!(io::stderr(), "cannot run {}: {error}", program.unwrap_or_default());
                ExitCode::from(127)
            }
        }
    }

    async fn watch_over(&self) -> io::Result<ExitStatus> {
        let mut child = Command::new(self.command.first().ok_or(io::ErrorKind::InvalidInput)?)
            .args(&self.command[1..])
            .stdin(Stdio::null())
            .process_group(0)
            .spawn()?;
        let id = child.id().and_then(|id| Pid::from_raw(id.cast_signed()));
        // Until it is waited for, the id cannot belong to another process.
        let signal = |signal| id.map(|id| kill_process_group(id, signal));
        let mut orders = orders();
        let mut kills_at: Option<Instant> = None;
        loop {
            let overdue = async {
                match kills_at {
                    Some(at) => tokio::time::sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                status = child.wait() => return status,
                order = orders.recv(), if kills_at.is_none() => match order {
                    Some(KILL) => { signal(Signal::KILL); }
                    Some(_) => { signal(Signal::TERM); }
                    None => {
                        kills_at = Some(Instant::now() + GRACE);
                        signal(Signal::TERM);
                    }
                },
                () = overdue => { signal(Signal::KILL); return child.wait().await }
            }
        }
    }
}

/// The bytes of standard input; closed when it is. A thread reads them: tokio's would keep the process from ending.
fn orders() -> mpsc::UnboundedReceiver<u8> {
    let (sender, receiver) = mpsc::unbounded_channel();
    std::thread::spawn(move || {
        for byte in io::stdin().lock().bytes().map_while(Result::ok) {
            if sender.send(byte).is_err() {
                return;
            }
        }
    });
    receiver
}

/// A process to start.
pub(super) struct GuardedCommand<'a> {
    pub(super) program: PathBuf,
    pub(super) arguments: Vec<OsString>,
    pub(super) folder: &'a Path,
    pub(super) variables: &'a [(&'static str, &'static str)],
}

/// A process that runs below a guard. It is stopped when this is dropped.
pub(super) struct Guarded {
    child: Child,
    reins: Reins,
    stdout: ChildStdout,
    stderr: ChildStderr,
}

/// This program. Linux keeps it as it was when a build replaces its file, and would give the path of the file that is gone.
fn own_program() -> io::Result<PathBuf> {
    let kept = Path::new("/proc/self/exe");
    if kept.exists() { Ok(kept.to_owned()) } else { std::env::current_exe() }
}

/// Stops a process; dropped, it stops it as well.
pub(super) struct Reins(ChildStdin);

impl Guarded {
    pub(super) fn start(order: GuardedCommand<'_>) -> io::Result<Self> {
        let mut child = Command::new(own_program()?)
            .arg0("tenfold")
            .arg(COMMAND)
            .arg(order.program)
            .args(order.arguments)
            .envs(order.variables.iter().copied())
            .current_dir(order.folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn()?;
        let missing = || io::Error::other("a pipe is missing");
        let stdout = child.stdout.take().ok_or_else(missing)?;
        let stderr = child.stderr.take().ok_or_else(missing)?;
        let reins = Reins(child.stdin.take().ok_or_else(missing)?);
        Ok(Guarded { child, reins, stdout, stderr })
    }

    /// The parts: the process to wait for, what stops it, and its two outputs.
    pub(super) fn split(self) -> (Running, Reins, ChildStdout, ChildStderr) {
        (Running(self.child), self.reins, self.stdout, self.stderr)
    }
}

/// A process to wait for.
pub(super) struct Running(Child);

impl Running {
    /// Waits for its end while `reading` takes what it writes, and says how it ended: `Ok` for success.
    ///
    /// `reading` may go on a little, for what is still in the pipes. A process that was left behind may hold them open
    /// for ever.
    pub(super) async fn end(self, reading: impl Future<Output = ()>) -> Result<(), String> {
        let mut reading = pin!(reading);
        let mut has_read = false;
        let mut end = pin!(self.wait());
        let end = loop {
            tokio::select! {
                end = &mut end => break end,
                () = &mut reading, if !has_read => has_read = true,
            }
        };
        if !has_read {
            let _ = tokio::time::timeout(REST, reading).await;
        }
        end
    }

    async fn wait(mut self) -> Result<(), String> {
        match self.0.wait().await.map(|status| status.code()) {
            Ok(Some(0)) => Ok(()),
            Ok(Some(code)) if code > 128 => Err(format!("ended by signal {}", code - 128)),
            Ok(Some(code)) => Err(format!("ended with exit code {code}")),
            Ok(None) => Err("ended by a signal to its guard".to_owned()),
            Err(error) => Err(format!("cannot be waited for: {error}")),
        }
    }
}

impl Reins {
    /// SIGTERM: the process may finish what it has begun.
    pub(super) async fn stop(&mut self) {
        // An error means that the guard has ended, and so has the process.
        let _ = self.0.write_all(&[STOP]).await;
    }

    /// SIGKILL.
    pub(super) async fn kill(&mut self) {
        let _ = self.0.write_all(&[KILL]).await;
    }
}
