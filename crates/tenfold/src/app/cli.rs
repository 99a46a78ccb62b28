//! The command line of an application: `serve`, `config`, `migrate`, `jobs`, `cache`, `operator`, `openapi`, `client`, `load`,
//! `why`, `mcp`, `onset`.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use tenfold_data::migrate::{MigrationStatus, status_of_nothing};
use tenfold_data::{Clock, Database, Dialect};
use tenfold_observe::logs;
use tenfold_observe::telemetry::Telemetry;

use super::App;
use super::cache_command::{self, CacheCommand};
use super::client_file::ClientFile;
use super::console_sign_in::OPERATOR_VARIABLES;
use super::jobs::JobsCommand;
use super::load_command::{self, LoadCommand};
use super::mcp_command::McpCommand;
use super::operator_command::OperatorCommand;
use super::serve::{ProcessRole, serve};
use super::terminal::{one_line, say, say_error, stop_signal};
use super::why_command::{OnsetCommand, WhyCommand};
use crate::config::{Loaded, Loader, Presence};

#[derive(Parser)]
#[command(disable_help_subcommand = true)]
struct CommandLine {
    #[command(subcommand)]
    command: Option<AppCommand>,
    #[command(flatten)]
    options: AppOptions,
    /// Fill the database with demo data, once (on loopback only).
    #[arg(long, global = true)]
    demo: bool,
}

#[derive(Args)]
struct AppOptions {
    /// Settings file [default: app.toml, if it exists].
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Address and port to listen on [default: 127.0.0.1:8080].
    #[arg(long, global = true, value_name = "ADDRESS")]
    listen: Option<String>,
    /// sqlite:PATH or postgres://… [default: sqlite:data/app.db].
    #[arg(long, global = true, value_name = "URL")]
    database: Option<String>,
}

#[derive(Subcommand)]
enum AppCommand {
    /// Serve HTTP and run jobs until SIGTERM or Ctrl-C. Without a command: serve with --demo.
    Serve {
        /// What this process does: web (HTTP), worker (jobs), or all.
        #[arg(long, default_value = "all")]
        role: ProcessRole,
    },
    /// Print every setting in force and where it comes from, or what some of them mean.
    Config {
        /// A section or a setting, such as `http` or `http.deadline`: also prints what each one means and the variable that sets it.
        setting: Option<String>,
    },
    /// Show which migrations have run, or run those that have not.
    Migrate {
        /// `status` or `up`.
        #[arg(value_parser = ["status", "up"])]
        what: String,
    },
    /// List jobs, run them, cancel them.
    Jobs {
        #[command(subcommand)]
        what: JobsCommand,
    },
    /// Show what a process keeps of rows, or let all forget them.
    Cache {
        #[command(subcommand)]
        what: CacheCommand,
    },
    /// Add and remove the people who may sign in to the console under a name.
    Operator {
        #[command(subcommand)]
        what: OperatorCommand,
    },
    /// Print the OpenAPI document.
    Openapi,
    /// Print a typed client of the API.
    Client(ClientFile),
    /// Send load to the running application, and report its latencies.
    Load(LoadCommand),
    /// Ask the running application what is wrong: which endpoint, which statement, for whom, since when, what changed.
    Why(WhyCommand),
    /// Let a coding agent ask it: the Model Context Protocol on standard input and output.
    Mcp(McpCommand),
    /// Print where the level of a series changes, with the probability that chance alone does it.
    Onset(OnsetCommand),
}

impl App {
    /// Reads the command line and runs it; the process ends with the returned code.
    pub fn run(self) -> ExitCode {
        run(self)
    }
}

fn run(app: App) -> ExitCode {
    let line = match parse(app.name, app.version, std::env::args_os()) {
        Ok(line) => line,
        Err(code) => return code,
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let result =
        runtime.map_err(anyhow::Error::from).and_then(|runtime| runtime.block_on(execute(app, line)));
    // The log's own thread must have written the last lines before the process ends.
    logs::flush(Duration::from_secs(2));
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say_error(&one_line(&error));
            load_command::exit_status(&error)
        }
    }
}

/// Parses the command line; help and mistakes end the process here.
fn parse(
    name: &'static str,
    version: &'static str,
    words: impl Iterator<Item = OsString>,
) -> Result<CommandLine, ExitCode> {
    use clap::{CommandFactory as _, FromArgMatches as _};
    let command = CommandLine::command().name(name).bin_name(name).version(version);
    let line =
        command.try_get_matches_from(words).and_then(|matches| CommandLine::from_arg_matches(&matches));
    line.map_err(|error| {
        if !error.use_stderr() {
            say(&error.render().to_string());
            return ExitCode::SUCCESS;
        }
        say_error(&mistake(name, &error.render().to_string()));
        ExitCode::from(2)
    })
}

/// clap's first paragraph as one line, like all our errors; `--help` shows the usage that clap prints below it.
fn mistake(name: &str, rendered: &str) -> String {
    let rendered = rendered.strip_prefix("error: ").unwrap_or(rendered);
    let paragraph: Vec<&str> = rendered.lines().map(str::trim).take_while(|line| !line.is_empty()).collect();
    format!("{}; see `{name} --help`", paragraph.join(" "))
}

async fn execute(app: App, line: CommandLine) -> anyhow::Result<()> {
    let demo = line.demo || line.command.is_none();
    let loaded = load(&app, &line.options, demo)?;
    match line.command {
        Some(AppCommand::Serve { role }) => serve(app, loaded, role, demo).await,
        None => serve(app, loaded, ProcessRole::All, demo).await,
        Some(AppCommand::Config { setting }) => {
            app.read_settings(&loaded)?;
            say(&match setting {
                Some(name) => loaded.describe(&name)?,
                None => loaded.explain(),
            });
            Ok(())
        }
        Some(AppCommand::Migrate { what }) => migrate(&app, &loaded, &what).await,
        Some(AppCommand::Jobs { what }) => jobs(app, loaded, &what).await,
        Some(AppCommand::Cache { what }) => cache(&app, &loaded, what).await,
        Some(AppCommand::Operator { what }) => operator(&app, &loaded, &what).await,
        Some(AppCommand::Openapi) => {
            say(&format!("{}\n", String::from_utf8_lossy(&app.document()?)));
            Ok(())
        }
        Some(AppCommand::Client(file)) => {
            say(&file.run(&app.document()?)?);
            Ok(())
        }
        Some(AppCommand::Load(command)) => {
            let listen = app.read_settings(&loaded)?.listen;
            command.run(app.name, listen, stop_signal()?, say).await
        }
        Some(AppCommand::Why(command)) => {
            let listen = app.read_settings(&loaded)?.listen;
            say(&command.run(&loaded, listen, say_error).await?);
            Ok(())
        }
        Some(AppCommand::Mcp(command)) => command.run(&loaded, app.read_settings(&loaded)?.listen).await,
        Some(AppCommand::Onset(command)) => {
            say(&command.run()?);
            Ok(())
        }
    }
}

fn load(app: &App, options: &AppOptions, demo: bool) -> anyhow::Result<Loaded> {
    let mut loader = Loader::new("defaults.toml", &app.defaults())?
        .ignore_environment(&["TENFOLD_TEST_", OPERATOR_VARIABLES]);
    for (key, value) in app.demo_settings.iter().filter(|_| demo) {
        loader = loader.preset("--demo", key, value)?;
    }
    let loader = match &options.config {
        Some(path) => loader.file(path, Presence::Required)?,
        None => loader.file("app.toml", Presence::Optional)?,
    };
    let loader = loader
        .environment(std::env::vars_os())?
        .flag("--listen", "http.listen", options.listen.as_deref())?
        .flag("--database", "database.url", options.database.as_deref())?;
    Ok(loader.load())
}

/// The database of the application. A command that an operator runs beside the service must not migrate it.
async fn open_migrated(app: &App, loaded: &Loaded) -> anyhow::Result<Database> {
    let settings = app.read_settings(loaded)?;
    anyhow::ensure!(
        !Database::is_missing(&settings.database_url),
        "the database does not exist yet: serve creates it"
    );
    let database = Database::open(&settings.database_url, &settings.database, Clock::system(), Vec::new())?;
    let status = database.migration_status(&app.migrations()).await?;
    let pending = status.iter().filter(|migration| !migration.applied).count();
    anyhow::ensure!(pending == 0, "{pending} migrations have not run: run `migrate up` first");
    Ok(database)
}

async fn cache(app: &App, loaded: &Loaded, what: CacheCommand) -> anyhow::Result<()> {
    match what {
        CacheCommand::Stats => {
            let settings = app.read_settings(loaded)?;
            say(&cache_command::stats(settings.listen, settings.http.metrics_password.expose()).await?);
        }
        CacheCommand::Clear => {
            let database = open_migrated(app, loaded).await?;
            let done = cache_command::clear(&database).await;
            database.close().await;
            say(&done?);
        }
    }
    Ok(())
}

async fn operator(app: &App, loaded: &Loaded, what: &OperatorCommand) -> anyhow::Result<()> {
    let database = open_migrated(app, loaded).await?;
    let done = what.run(&database).await;
    database.close().await;
    say(&done?);
    Ok(())
}

async fn jobs(app: App, loaded: Loaded, what: &JobsCommand) -> anyhow::Result<()> {
    open_migrated(&app, &loaded).await?.close().await;
    let clock = Clock::system();
    let started = app.start(loaded, clock.clone(), Telemetry::new(clock), Vec::new()).await?;
    let done = what.run(&started.database, &started.jobs).await;
    started.database.close().await;
    say(&done?);
    Ok(())
}

async fn migrate(app: &App, loaded: &Loaded, what: &str) -> anyhow::Result<()> {
    let settings = app.read_settings(loaded)?;
    let migrations = app.migrations();
    // Asking must not create the file.
    if what == "status" && Database::is_missing(&settings.database_url) {
        say_status(&status_of_nothing(Dialect::Sqlite, &migrations)?);
        say("the database does not exist yet\n");
        return Ok(());
    }
    let database = Database::open(&settings.database_url, &settings.database, Clock::system(), Vec::new())?;
    if what == "up" {
        let ran = database.migrate(&migrations).await?;
        say(&format!("{ran} migrations applied\n"));
    } else {
        say_status(&database.migration_status(&migrations).await?);
        say(&format!("row-level security is {}\n", database.row_level_security().await?));
    }
    database.close().await;
    Ok(())
}

fn say_status(migrations: &[MigrationStatus]) {
    for migration in migrations {
        let state = if migration.applied { "applied" } else { "pending" };
        say(&format!("{state}  {}/{}\n", migration.module, migration.name));
    }
}
