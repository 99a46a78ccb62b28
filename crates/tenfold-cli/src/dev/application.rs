//! One process of the application, from its start to its end.

use std::ffi::OsString;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use super::background::spawn;
use super::failure::{Failure, Stage};
use super::guard::{Guarded, GuardedCommand, Reins};
use super::output::{OutputTail, own_frames, say};
use super::project::DevProject;
use super::state::Upstream;

/// How often a process that starts is asked whether it answers.
const KNOCK: Duration = Duration::from_millis(15);
/// How long ago a request was sent to a process if that has certainly read it.
const SETTLE: Duration = Duration::from_secs(5);
/// How long the next process waits for this one to end. An upload or an event stream may take longer, beside it.
const HAND_OVER: Duration = Duration::from_secs(1);
/// How long a process may finish requests and jobs beside its successor.
const DRAIN: Duration = Duration::from_secs(90);
/// Lines that a failure shows at most, some of a backtrace left out.
const SHOWN_LINES: usize = 200;

type Ended = Result<(), String>;

/// A process of the application. It is stopped when this is dropped.
pub(super) struct Application {
    pub(super) upstream: Arc<Upstream>,
    reins: Reins,
    ended: watch::Receiver<Option<Ended>>,
}

/// How to start the application.
pub(super) struct Start<'a> {
    pub(super) project: &'a DevProject,
    pub(super) program: PathBuf,
    pub(super) arguments: Vec<OsString>,
    pub(super) variables: &'a [(&'static str, &'static str)],
}

impl Application {
    /// Starts a process, on a free port of loopback, and waits until it answers.
    pub(super) async fn start(start: Start<'_>) -> Result<Self, Failure> {
        let output = Arc::new(OutputTail::default());
        let mut application = Self::launch(start, &output).await.map_err(|error| Failure {
            stage: Stage::Start,
            detail: format!("it cannot be started: {error}"),
            errors: Vec::new(),
            output: Vec::new(),
        })?;
        let address = application.upstream.address;
        tokio::select! {
            () = answers(address) => Ok(application),
            failure = application.fails(Stage::Start) => Err(failure),
        }
    }

    async fn launch(start: Start<'_>, output: &Arc<OutputTail>) -> io::Result<Self> {
        let address = free_address().await?;
        let mut arguments = start.arguments;
        arguments.extend(["--listen".into(), address.to_string().into()]);
        let order = GuardedCommand {
            program: start.program,
            arguments,
            folder: &start.project.root,
            variables: start.variables,
        };
        let (running, reins, stdout, stderr) = Guarded::start(order)?.split();
        let (ends, ended) = watch::channel(None);
        let kept = Arc::clone(output);
        spawn(async move {
            let reading = async {
                tokio::join!(
                    kept.pass_on(stdout, tokio::io::stdout()),
                    kept.pass_on(stderr, tokio::io::stderr())
                );
            };
            let _ = ends.send(Some(running.end(reading).await));
        });
        Ok(Application { upstream: Arc::new(Upstream::new(address, Arc::clone(output))), reins, ended })
    }

    /// Completes when the process has ended by itself.
    pub(super) async fn fails(&mut self, stage: Stage) -> Failure {
        let ended = self.ended.wait_for(Option::is_some).await;
        let how = match ended.as_deref() {
            Ok(Some(Err(how))) => how.clone(),
            _ => "ended by itself, with success".to_owned(),
        };
        let output = own_frames(self.upstream.output.last(SHOWN_LINES));
        Failure { stage, detail: format!("it {how}"), errors: Vec::new(), output }
    }

    /// Tells the process to finish what it has begun, and returns when it has ended. What takes longer goes on beside
    /// the next process.
    pub(super) async fn hand_over(mut self) {
        self.upstream.settle(SETTLE).await;
        self.reins.stop().await;
        if self.has_ended(HAND_OVER).await {
            return;
        }
        say("the previous process still finishes what it has begun");
        spawn(async move {
            if !self.has_ended(DRAIN).await {
                self.reins.kill().await;
                self.has_ended(HAND_OVER).await;
            }
        });
    }

    /// Tells the process to stop, and waits until it has ended.
    pub(super) async fn stop(&mut self) {
        self.reins.stop().await;
        let _ = self.ended.wait_for(Option::is_some).await;
    }

    /// Ends the process at once.
    pub(super) async fn kill(&mut self) {
        self.reins.kill().await;
        let _ = self.ended.wait_for(Option::is_some).await;
    }

    async fn has_ended(&mut self, within: Duration) -> bool {
        tokio::time::timeout(within, self.ended.wait_for(Option::is_some)).await.is_ok()
    }
}

/// Another process may take the port before the application does. Then the application says so, and ends.
async fn free_address() -> io::Result<SocketAddr> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?.local_addr()
}

/// Completes once a request gets a status. The application listens before its database is ready, so that it accepts
/// connections is not enough.
async fn answers(address: SocketAddr) {
    while knock(address).await.is_err() {
        tokio::time::sleep(KNOCK).await;
    }
}

async fn knock(address: SocketAddr) -> io::Result<()> {
    let mut stream = TcpStream::connect(address).await?;
    let request = format!("GET /healthz HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut start = [0; 5];
    stream.read_exact(&mut start).await?;
    if start == *b"HTTP/" { Ok(()) } else { Err(io::ErrorKind::InvalidData.into()) }
}
