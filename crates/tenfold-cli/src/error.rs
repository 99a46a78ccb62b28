//! Why a check could not run at all.

use std::path::PathBuf;

use crate::violation::FileLine;

/// The check could not start or finish: nothing is known about the boundaries.
#[derive(Debug, thiserror::Error)]
pub enum CheckError {
    /// `cargo metadata` could not be started.
    #[error("cannot start `{cargo} metadata` in {root}: {source}")]
    CargoMissing {
        /// The command, from the variable CARGO or `cargo`.
        cargo: String,
        /// The folder in which it should have run.
        root: PathBuf,
        /// The operating system's error.
        source: std::io::Error,
    },
    /// `cargo metadata` found no workspace, or rejects it.
    #[error("cargo metadata fails in {root}:\n{message}")]
    CargoRefuses {
        /// The folder in which it ran.
        root: PathBuf,
        /// What it wrote to its standard error.
        message: String,
    },
    /// The output of `cargo metadata` is not format version 1.
    #[error("cannot read what cargo metadata answered: {0}")]
    CargoAnswer(#[from] serde_json::Error),
    /// An OpenAPI document is not JSON.
    #[error("{path} is not an OpenAPI document: {source}")]
    Document {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: serde_json::Error,
    },
    /// A source is not valid Rust, or not in the required form.
    #[error("{place}: {message}")]
    Source {
        /// The file and line.
        place: FileLine,
        /// What is wrong.
        message: String,
    },
    /// A project or a part of one could not be created.
    #[cfg(feature = "commands")]
    #[error(transparent)]
    Project(#[from] crate::project_error::ProjectError),
    /// A file or a folder could not be read or written.
    #[error("cannot open {path}: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// The operating system's error.
        source: std::io::Error,
    },
}

impl CheckError {
    /// The error of reading or writing `path`.
    pub(crate) fn file(path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { path, source }
    }
}
