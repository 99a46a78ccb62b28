//! `tenfold dev`: serves the application while it is edited.
//!
//! The command holds the socket. Requests pass through it to a process of the application on another port. From the
//! moment that an edit is saved they wait, until the new program answers; if it does not compile or does not start, they
//! are told why, on a page or as a problem. So each answer comes from the sources as they are saved, and none is refused.
//!
//! `proxy.rs` follows a request, `supervisor.rs` an edit. The idea is that of the code reloaders of Phoenix and Rails;
//! the error page is that of Vite.

mod answer;
mod application;
mod background;
mod client;
mod compile;
mod demo;
mod events;
mod failure;
mod guard;
mod headers;
mod keys;
mod output;
mod page;
mod project;
mod proxy;
mod state;
mod supervisor;
mod watch;

use std::ffi::OsString;
use std::io::{self, IsTerminal as _};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc::{self, UnboundedSender};

pub(crate) use guard::{COMMAND as GUARD, Guard};

use background::spawn;
use demo::ApplicationArguments;
use output::say;
use project::{DevProject, DevProjectError};
use proxy::Proxy;
use state::Board;
use supervisor::{DevEvent, DevOptions, Supervisor};

/// Serves the application while it is edited.
#[derive(Debug, Args)]
pub(crate) struct Dev {
    /// A folder of the workspace.
    #[arg(long, value_name = "FOLDER", default_value = ".")]
    workspace: PathBuf,
    /// Address and port to listen on.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// The program, if the workspace has several.
    #[arg(long, value_name = "NAME")]
    bin: Option<String>,
    /// Where to write the TypeScript client when the API has changed [default: `client` in
    /// [package.metadata.tenfold] of the application].
    #[arg(long, value_name = "FILE")]
    client: Option<PathBuf>,
    /// Delete the demo's database, a SQLite file below data/, and fill a new one.
    #[arg(long)]
    reseed: bool,
    /// What `cargo run --` would be given [default: nothing, which serves with demo data].
    #[arg(last = true, value_name = "ARGUMENTS")]
    arguments: Vec<OsString>,
}

/// Why the command cannot begin.
#[derive(Debug, thiserror::Error)]
enum DevError {
    #[error(transparent)]
    Project(#[from] DevProjectError),
    #[error("cannot listen on {0}: {1}; choose another address with --listen")]
    Listen(SocketAddr, io::Error),
    #[error("`--listen` of the application is chosen by this command: put yours before the `--`")]
    OwnListen,
    #[error(
        "the demo's passwords are public, so it is refused on {0}: listen on 127.0.0.1, or serve without it: -- serve"
    )]
    PublicDemo(SocketAddr),
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// The application listens on loopback and would let pages of other loopback ports in, but its clients are elsewhere.
const FOR_OTHERS: (&str, &str) = ("TENFOLD_HTTP__LOOPBACK_ORIGINS", "false");
const COLOUR: (&str, &str) = ("TENFOLD_LOG__COLOUR", "always");

impl Dev {
    pub(crate) fn run(self) -> ExitCode {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let done = runtime.map_err(DevError::from).and_then(|runtime| runtime.block_on(self.serve()));
        match done {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                say(&format!("error: {error}"));
                ExitCode::from(2)
            }
        }
    }

    async fn serve(self) -> Result<(), DevError> {
        let arguments = ApplicationArguments(self.arguments);
        if arguments.has("--listen") || arguments.value("--listen").is_some() {
            return Err(DevError::OwnListen);
        }
        let is_public = !self.listen.ip().is_loopback();
        if is_public && arguments.ask_for_demo() {
            return Err(DevError::PublicDemo(self.listen));
        }
        let project = DevProject::read(&self.workspace, self.bin.as_deref())?;
        let refused = |error| DevError::Listen(self.listen, error);
        let listener = TcpListener::bind(self.listen).await.map_err(refused)?;
        let address = listener.local_addr().map_err(refused)?;
        let (events, heard) = mpsc::unbounded_channel();
        let board = Arc::new(Board::new());
        let settings = project.root.join(arguments.value("--config").as_deref().unwrap_or("app.toml"));
        let places = watch::Places::of(&project, &settings);
        let (holds, tells) = (Arc::clone(&board), events.clone());
        let (eyes, watching) = watch::watch(
            places,
            move || holds.hold(),
            move |edit| {
                let _ = tells.send(DevEvent::Edited(edit));
            },
        );
        spawn(watching);
        listen_to_signals(&events)?;
        keys::read(events);
        say(&format!("http://{address} serves `{}` while you edit it   {}", project.program, keys::HELP));
        spawn(Proxy { states: board.subscribe(), eyes, address }.serve(listener));
        let client = match self.client {
            Some(path) => Some(std::path::absolute(path)?),
            None => project.client.clone(),
        };
        let mut variables = Vec::new();
        variables.extend(is_public.then_some(FOR_OTHERS));
        // The application writes to a pipe, and would leave colours out.
        let may_colour = io::stderr().is_terminal() && std::env::var_os(COLOUR.0).is_none();
        variables.extend(may_colour.then_some(COLOUR));
        let options =
            DevOptions { address, project, settings, arguments, variables, client, reseed: self.reseed };
        Supervisor::new(options, board).run(heard).await;
        Ok(())
    }
}

/// SIGTERM, SIGHUP of a closed terminal, or Ctrl-C.
fn listen_to_signals(events: &UnboundedSender<DevEvent>) -> io::Result<()> {
    for kind in [SignalKind::terminate(), SignalKind::interrupt(), SignalKind::hangup()] {
        let (mut signals, events) = (signal(kind)?, events.clone());
        spawn(async move {
            while signals.recv().await.is_some() {
                let _ = events.send(DevEvent::Quit);
            }
        });
    }
    Ok(())
}
