//! Builds the application with cargo, and reads what the compiler says.

use std::ffi::OsString;
use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncWriteExt as _, BufReader};

use super::failure::{Diagnostic, Failure, Stage};
use super::guard::{Guarded, GuardedCommand};
use super::output::{OutputTail, plain};
use super::project::DevProject;

/// Errors that are kept; the terminal shows all.
const KEPT_ERRORS: usize = 50;
/// Lines of cargo's own that a failure shows.
const SHOWN_LINES: usize = 40;

/// Builds the program, and gives its path. Dropped before it is done, it stops cargo and the compilers.
pub(super) async fn build(project: &DevProject) -> Result<PathBuf, Failure> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let has_colours = std::io::stderr().is_terminal();
    let format = if has_colours { "json-diagnostic-rendered-ansi" } else { "json" };
    let colour = if has_colours { "always" } else { "never" };
    let (package, program) = (project.package.as_str(), project.program.as_str());
    let arguments =
        ["build", "--message-format", format, "--color", colour, "--package", package, "--bin", program];
    let arguments = arguments.map(OsString::from).to_vec();
    let order = GuardedCommand { program: cargo.into(), arguments, folder: &project.root, variables: &[] };
    let (running, _reins, stdout, stderr) =
        Guarded::start(order).map_err(|error| not_started(&error))?.split();
    let output = OutputTail::default();
    let mut told = Told::default();
    let reading = async {
        tokio::join!(output.pass_on(stderr, tokio::io::stderr()), told.read(stdout, program));
    };
    let ended = running.end(reading).await;
    match (ended, told.executable) {
        (Ok(()), Some(executable)) => Ok(executable),
        (Ok(()), None) => Err(failure("cargo built no program".to_owned(), told.errors, &output)),
        (Err(how), _) => {
            let detail = match told.errors.len() {
                0 => format!("cargo {how}"),
                1 => "1 error".to_owned(),
                count => format!("{count} errors"),
            };
            Err(failure(detail, told.errors, &output))
        }
    }
}

fn failure(detail: String, errors: Vec<Diagnostic>, output: &OutputTail) -> Failure {
    Failure { stage: Stage::Build, detail, errors, output: output.last(SHOWN_LINES) }
}

fn not_started(error: &std::io::Error) -> Failure {
    failure(format!("cargo cannot be started: {error}"), Vec::new(), &OutputTail::default())
}

/// What cargo has told, one JSON object a line (The Cargo Book, External tools).
#[derive(Default)]
struct Told {
    executable: Option<PathBuf>,
    errors: Vec<Diagnostic>,
}

impl Told {
    async fn read(&mut self, stdout: impl AsyncRead + Unpin, program: &str) {
        let mut lines = BufReader::new(stdout).lines();
        while let Ok(Some(line)) = lines.next_line().await {
            // A build script's own text is not JSON.
            let Ok(message) = serde_json::from_str::<Message>(&line) else { continue };
            match message {
                Message::Diagnostic { message } => {
                    let rendered = message.rendered.as_deref().unwrap_or_default();
                    let _ = tokio::io::stderr().write_all(rendered.as_bytes()).await;
                    if message.level.starts_with("error") && self.errors.len() < KEPT_ERRORS {
                        self.errors.extend(message.diagnostic());
                    }
                }
                Message::Artifact { target, executable } => {
                    if target.name == program && target.kind.iter().any(|kind| kind == "bin") {
                        self.executable = executable.or(self.executable.take());
                    }
                }
                Message::Other => {}
            }
        }
    }
}

#[derive(Deserialize)]
#[serde(tag = "reason")]
enum Message {
    #[serde(rename = "compiler-message")]
    Diagnostic { message: CompilerMessage },
    #[serde(rename = "compiler-artifact")]
    Artifact { target: CompiledTarget, executable: Option<PathBuf> },
    #[serde(other)]
    Other,
}

#[derive(Deserialize)]
struct CompiledTarget {
    name: String,
    kind: Vec<String>,
}

#[derive(Deserialize)]
struct CompilerMessage {
    message: String,
    level: String,
    code: Option<DiagnosticCode>,
    spans: Vec<SourceSpan>,
    rendered: Option<String>,
}

#[derive(Deserialize)]
struct DiagnosticCode {
    code: String,
}

#[derive(Deserialize)]
struct SourceSpan {
    file_name: String,
    line_start: usize,
    column_start: usize,
    is_primary: bool,
    expansion: Option<Box<Expansion>>,
}

/// The macro that a place is in.
#[derive(Deserialize)]
struct Expansion {
    span: SourceSpan,
}

impl SourceSpan {
    /// The place in the workspace's own sources from which the macros of others led here.
    fn origin(&self) -> &SourceSpan {
        match &self.expansion {
            Some(expansion) if Path::new(&self.file_name).is_absolute() => expansion.span.origin(),
            _ => self,
        }
    }
}

impl CompilerMessage {
    /// None for the compiler's own summary, `aborting due to 2 previous errors`.
    fn diagnostic(self) -> Option<Diagnostic> {
        if self.spans.is_empty() && self.message.starts_with("aborting due to") {
            return None;
        }
        let place = self.spans.iter().find(|span| span.is_primary).map(SourceSpan::origin);
        Some(Diagnostic {
            place: place.map(|at| format!("{}:{}:{}", at.file_name, at.line_start, at.column_start)),
            code: self.code.map(|code| code.code),
            rendered: plain(self.rendered.as_deref().unwrap_or_default()),
            message: self.message,
        })
    }
}
