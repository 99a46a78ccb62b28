//! Builds, starts and replaces the application as edits and commands come.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::application::{Application, Start};
use super::background::spawn;
use super::client;
use super::compile;
use super::demo::{self, ApplicationArguments};
use super::failure::{Failure, Stage};
use super::output::say;
use super::project::DevProject;
use super::state::{Board, DevState, DevWork};
use super::watch::{Edit, Stamp};

/// How long the last process may take to end when the command is told to.
const QUIT: Duration = Duration::from_secs(30);

/// What the supervisor hears of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum DevEvent {
    Edited(Edit),
    Restart,
    /// Delete the demo's database and fill a new one.
    Reseed,
    Quit,
}

/// What is to be done; what comes meanwhile is added, and begins again.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Todo {
    build: bool,
    restart: bool,
    /// Ask which database the process uses.
    learn: bool,
    reseed: bool,
}

impl Todo {
    fn add(&mut self, event: DevEvent) {
        match event {
            DevEvent::Edited(Edit::Sources) => self.build = true,
            DevEvent::Edited(Edit::Settings) => self.restart = true,
            DevEvent::Restart => (self.build, self.restart) = (true, true),
            DevEvent::Reseed => self.reseed = true,
            DevEvent::Quit => {}
        }
    }
}

/// A program that was built; another build may have written another one to the same path.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Program {
    path: PathBuf,
    stamp: Option<Stamp>,
}

/// A process, and what it was started from.
struct StartedProcess {
    program: Program,
    settings: Option<Stamp>,
    application: Application,
}

/// What decides how the application runs.
pub(super) struct DevOptions {
    /// Where clients reach it.
    pub(super) address: SocketAddr,
    pub(super) project: DevProject,
    /// The file of settings.
    pub(super) settings: PathBuf,
    pub(super) arguments: ApplicationArguments,
    pub(super) variables: Vec<(&'static str, &'static str)>,
    pub(super) client: Option<PathBuf>,
    /// Whether to fill the demo's database again once it is known to be one.
    pub(super) reseed: bool,
}

/// Builds, starts and replaces the application.
pub(super) struct Supervisor {
    options: DevOptions,
    board: Arc<Board>,
    program: Option<Program>,
    running: Option<StartedProcess>,
    /// A database that the application has filled with demo data, so that it may be deleted.
    demo: Option<PathBuf>,
    writes_client: Option<JoinHandle<()>>,
}

impl Supervisor {
    pub(super) fn new(options: DevOptions, board: Arc<Board>) -> Self {
        Supervisor { options, board, program: None, running: None, demo: None, writes_client: None }
    }

    /// Works until it hears [`DevEvent::Quit`]; then stops the application.
    pub(super) async fn run(mut self, mut events: mpsc::UnboundedReceiver<DevEvent>) {
        let mut todo = Todo { build: true, ..Todo::default() };
        loop {
            let event = if todo == Todo::default() {
                tokio::select! {
                    event = events.recv() => event,
                    failure = ends(&mut self.running) => {
                        self.running = None;
                        // What was built last decides what requests are told.
                        if self.program.is_some() {
                            self.fail(failure);
                        }
                        continue;
                    }
                }
            } else {
                tokio::select! {
                    biased;
                    event = events.recv() => event,
                    next = self.perform(todo) => {
                        todo = next;
                        continue;
                    }
                }
            };
            match event {
                None | Some(DevEvent::Quit) => break,
                Some(event) => todo.add(event),
            }
        }
        self.quit(&mut events).await;
    }

    /// Does what is to be done, and gives what is to be done next. May be dropped at any await, and begun again.
    async fn perform(&mut self, todo: Todo) -> Todo {
        if todo.build || self.program.is_none() {
            self.board.set(DevState::Working(DevWork::Building));
            let began = Instant::now();
            match compile::build(&self.options.project).await {
                Ok(path) => {
                    say(&format!("built in {:.1} s", began.elapsed().as_secs_f64()));
                    let stamp = std::fs::metadata(&path).ok().map(|metadata| Stamp::of(&metadata));
                    self.program = Some(Program { path, stamp });
                }
                Err(failure) => {
                    self.program = None;
                    self.fail(failure);
                    return Todo::default();
                }
            }
        }
        let Some(program) = self.program.clone() else { return Todo::default() };
        if todo.learn {
            self.learn().await;
        }
        let reseeds = todo.reseed && self.may_reseed(&program).await;
        if let Some(running) = &self.running
            && running.program == program
            && !todo.restart
            && !reseeds
        {
            if todo.build {
                self.board.set(DevState::Ready(Arc::clone(&running.application.upstream)));
            }
            return Todo::default();
        }
        self.replace(program, reseeds).await
    }

    /// Starts a process of the program in place of the one that runs.
    async fn replace(&mut self, program: Program, reseeds: bool) -> Todo {
        self.board.set(DevState::Working(DevWork::Starting));
        let began = Instant::now();
        if let Some(StartedProcess { mut application, .. }) = self.running.take() {
            // A process that still uses a deleted database would write into a file that nobody can open.
            if reseeds { application.stop().await } else { application.hand_over().await }
        }
        if let Some(path) = self.demo.as_deref().filter(|_| reseeds) {
            match demo::delete(path) {
                Ok(()) => say(&format!("deleted {}, and fill it again", path.display())),
                Err(error) => say(&format!("{} cannot be deleted: {error}", path.display())),
            }
        }
        let settings = self.settings();
        let DevOptions { project, arguments, variables, .. } = &self.options;
        let start =
            Start { project, program: program.path.clone(), arguments: arguments.0.clone(), variables };
        match Application::start(start).await {
            Ok(application) => {
                self.board.set(DevState::Ready(Arc::clone(&application.upstream)));
                let took = began.elapsed().as_secs_f64();
                say(&format!("ready after {took:.1} s: http://{}", self.options.address));
                self.write_client(&program.path);
                self.running = Some(StartedProcess { program, settings, application });
                let reseed = std::mem::take(&mut self.options.reseed);
                Todo { learn: true, reseed, ..Todo::default() }
            }
            Err(failure) => {
                self.fail(failure);
                Todo::default()
            }
        }
    }

    fn write_client(&mut self, program: &Path) {
        let DevOptions { project, client, .. } = &self.options;
        if let Some(path) = client {
            let writing = client::write(project.clone(), program.to_path_buf(), path.clone());
            if let Some(earlier) = self.writes_client.replace(spawn(writing)) {
                earlier.abort();
            }
        }
    }

    /// Remembers the database of the process that runs as one with demo data. The process would have refused to start
    /// on a database with other people's accounts.
    async fn learn(&mut self) {
        let DevOptions { project, arguments, .. } = &self.options;
        let Some(running) = self.running.as_ref().filter(|_| arguments.ask_for_demo()) else { return };
        let database = demo::database(project, &running.program.path, arguments).await;
        // Other settings may name another database than the one that the process has opened.
        if self.settings() == running.settings {
            self.demo = database.ok();
        }
    }

    fn settings(&self) -> Option<Stamp> {
        std::fs::metadata(&self.options.settings).ok().map(|metadata| Stamp::of(&metadata))
    }

    /// Whether the application would use a database that it has filled with demo data itself.
    async fn may_reseed(&self, program: &Program) -> bool {
        let DevOptions { project, arguments, .. } = &self.options;
        let may = match (&self.demo, demo::database(project, &program.path, arguments).await) {
            (_, Err(why)) => Err(why),
            (Some(known), Ok(path)) if *known == path => Ok(()),
            (_, Ok(path)) => Err(format!(
                "{} was not filled with demo data in this run; if it holds nothing else, delete it yourself",
                path.display()
            )),
        };
        if let Err(why) = &may {
            say(&format!("nothing was deleted: {why}"));
        }
        may.is_ok()
    }

    fn fail(&self, failure: Failure) {
        let next = match failure.stage {
            Stage::Build => "the next edit builds again",
            Stage::Start | Stage::Run => "the next edit or `r` starts it again",
        };
        say(&format!("{}: {}; {next}", failure.stage.title(), failure.detail));
        self.board.set(DevState::Failed(Arc::new(failure)));
    }

    async fn quit(mut self, events: &mut mpsc::UnboundedReceiver<DevEvent>) {
        let Some(StartedProcess { mut application, .. }) = self.running.take() else { return };
        say("stopping: requests in flight are finished first; once more ends it at once");
        let again = async { while events.recv().await.is_some_and(|event| event != DevEvent::Quit) {} };
        let is_stopped = tokio::select! {
            () = application.stop() => true,
            () = again => false,
            () = tokio::time::sleep(QUIT) => false,
        };
        if !is_stopped {
            application.kill().await;
        }
    }
}

/// Completes when the process that runs has ended by itself.
async fn ends(running: &mut Option<StartedProcess>) -> Failure {
    match running {
        Some(running) => running.application.fails(Stage::Run).await,
        None => std::future::pending().await,
    }
}
