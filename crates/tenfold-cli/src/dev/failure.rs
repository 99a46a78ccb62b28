//! Why there is no answer from the application.

use serde::Serialize;

/// What stands in the way of the application, for a page and for a problem.
#[derive(Debug, Clone)]
pub(super) struct Failure {
    /// What failed.
    pub(super) stage: Stage,
    /// What happened, in a sentence.
    pub(super) detail: String,
    /// The compiler's errors.
    pub(super) errors: Vec<Diagnostic>,
    /// The last lines that the failed process wrote.
    pub(super) output: Vec<String>,
}

/// What failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// The sources do not compile.
    Build,
    /// The application ended before it answered.
    Start,
    /// The application ended while it served.
    Run,
}

impl Stage {
    /// The last part of the problem's type.
    pub(super) fn kind(self) -> &'static str {
        match self {
            Stage::Build => "dev-build-failed",
            Stage::Start => "dev-start-failed",
            Stage::Run => "dev-crashed",
        }
    }

    /// A title in a few words.
    pub(super) fn title(self) -> &'static str {
        match self {
            Stage::Build => "The build fails",
            Stage::Start => "The application does not start",
            Stage::Run => "The application has ended",
        }
    }
}

/// One error of the compiler.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Diagnostic {
    /// The first line of the error.
    pub(super) message: String,
    /// Such as `E0308`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) code: Option<String>,
    /// `file:line:column`, below the workspace's folder.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) place: Option<String>,
    /// The error as the compiler prints it, without colours.
    pub(super) rendered: String,
}
