//! The command line of `tenfold`.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use jiff::civil::Date;

use crate::api::Api;
use crate::dev::{self, Dev, Guard};
use crate::error::CheckError;
use crate::facts::WorkspaceFacts;
use crate::module::{Add, ModuleTask};
use crate::new::{New, Pack, Upgrade};
use crate::outcome::{CommandOutcome, read_or_empty, today};
use crate::{Report, check_facts, graph, graph_document};

/// What the program was asked to do.
#[derive(Debug, Parser)]
#[command(name = "tenfold", version, about = "Works on a workspace that is built with Tenfold.")]
pub struct Command {
    #[command(subcommand)]
    task: CommandTask,
}

#[derive(Debug, Subcommand)]
enum CommandTask {
    /// Check that no module crosses another's boundary.
    Check(CheckArguments),
    /// Compare the OpenAPI document on standard input with the committed one.
    Api(Api),
    /// Create a project: the reference backend with what was not chosen cut out.
    New(New),
    /// Create a module in this workspace.
    #[command(subcommand)]
    Module(ModuleTask),
    /// Add a part to a module of this workspace.
    Add(Add),
    /// Bring a project to another version of Tenfold.
    Upgrade(Upgrade),
    /// Serve the application while you edit it: build, restart, and show what fails in the browser.
    Dev(Dev),
    #[command(hide = true)]
    Pack(Pack),
    #[command(name = dev::GUARD, hide = true)]
    Guard(Guard),
}

#[derive(Debug, Args)]
struct CheckArguments {
    /// A folder of the workspace.
    #[arg(long, value_name = "FOLDER", default_value = ".")]
    workspace: PathBuf,
    /// The day on which exceptions are judged, for instance 2027-01-31; the clock's day (UTC) unless given.
    #[arg(long, value_name = "DAY")]
    today: Option<Date>,
    /// Write the picture of the modules (Mermaid) instead of checking.
    #[arg(long)]
    graph: bool,
    /// Fail if the picture in this document, relative to the workspace root, differs.
    #[arg(long, value_name = "DOCUMENT", requires = "graph", conflicts_with = "write")]
    compare: Option<PathBuf>,
    /// Put the picture into this document, relative to the workspace root.
    #[arg(long, value_name = "DOCUMENT", requires = "graph")]
    write: Option<PathBuf>,
}

/// Runs the command. Exit code 0: success; 1: a boundary is crossed, a client breaks, or a committed file is out of
/// date; 2: the command is wrong or the check could not run.
pub fn run(command: Command) -> ExitCode {
    let outcome = match command.task {
        CommandTask::Check(check) => check.run(),
        CommandTask::Api(api) => api.run(),
        CommandTask::New(new) => new.run(),
        CommandTask::Module(module) => module.run(),
        CommandTask::Add(add) => add.run(),
        CommandTask::Upgrade(upgrade) => upgrade.run(),
        CommandTask::Pack(pack) => pack.run(),
        CommandTask::Dev(dev) => return dev.run(),
        CommandTask::Guard(guard) => return guard.run(),
    };
    let (written, code) = match outcome {
        Ok(CommandOutcome::Fine(text)) => (io::stdout().lock().write_all(text.as_bytes()), ExitCode::SUCCESS),
        Ok(CommandOutcome::Broken(text)) => {
            (io::stderr().lock().write_all(text.as_bytes()), ExitCode::from(1))
        }
        Err(error) => (writeln!(io::stderr().lock(), "error: {error}"), ExitCode::from(2)),
    };
    // A closed reader (`tenfold check | head`) does not change the result.
    written.map_or(ExitCode::from(2), |()| code)
}

impl CheckArguments {
    fn run(&self) -> Result<CommandOutcome, CheckError> {
        let facts = WorkspaceFacts::read(&self.workspace)?;
        if !self.graph {
            let report = check_facts(&facts, self.today.unwrap_or_else(today))?;
            return Ok(if report.violations.is_empty() {
                CommandOutcome::Fine(format!("{report}\n"))
            } else {
                CommandOutcome::Broken(failure(&report))
            });
        }
        if let Some(unreadable) = facts.unreadable.first() {
            return Ok(CommandOutcome::Broken(unreadable.to_string()));
        }
        let picture = graph::mermaid(&facts);
        match (&self.compare, &self.write) {
            (Some(document), _) => compare(&facts.workspace.root, document, &picture),
            (None, Some(document)) => write(&facts.workspace.root, document, &picture),
            (None, None) => Ok(CommandOutcome::Fine(picture)),
        }
    }
}

fn failure(report: &Report) -> String {
    let blocks: Vec<String> = report.violations.iter().map(ToString::to_string).collect();
    let count = blocks.len();
    format!("{}\n{count} {}\n", blocks.join("\n"), if count == 1 { "error" } else { "errors" })
}

fn compare(root: &Path, document: &Path, picture: &str) -> Result<CommandOutcome, CheckError> {
    let shown = document.display();
    let text = read_or_empty(&root.join(document))?;
    Ok(match graph_document::committed(&text) {
        Some(committed) if committed == picture => {
            CommandOutcome::Fine(format!("{shown} shows the modules as they are\n"))
        }
        committed => {
            let wrong = match committed {
                Some(_) => "shows other modules, needs, interfaces or tables than the sources",
                None => "holds no ```mermaid fence with the picture of the modules",
            };
            CommandOutcome::Broken(format!(
                "error[graph]: {shown} {wrong}\n  --> {shown}\n  do: tenfold check --graph --write {shown}\n"
            ))
        }
    })
}

fn write(root: &Path, document: &Path, picture: &str) -> Result<CommandOutcome, CheckError> {
    let path = root.join(document);
    let text = graph_document::rewritten(&read_or_empty(&path)?, picture);
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(CheckError::file(folder))?;
    }
    std::fs::write(&path, text).map_err(CheckError::file(&path))?;
    Ok(CommandOutcome::Fine(format!("wrote the picture of the modules to {}\n", document.display())))
}
