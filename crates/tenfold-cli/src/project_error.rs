//! Why a project, or a part of one, was not created.

use std::path::PathBuf;

/// Why a project or a part of one could not be made. Nothing was written, unless it says so.
#[derive(Debug, thiserror::Error)]
pub enum ProjectError {
    /// A name that cannot be used.
    #[error("{given:?} cannot be the name of {what}: it has {allowed}")]
    Name {
        /// What is named.
        what: &'static str,
        /// The name.
        given: String,
        /// What is allowed.
        allowed: &'static str,
    },
    /// A name that something else has.
    #[error("{name:?} is taken: choose another name")]
    Taken {
        /// The name.
        name: String,
    },
    /// An answer that is none of those allowed.
    #[error("{question}: there is no {given:?}, only {allowed}")]
    Unknown {
        /// The question.
        question: &'static str,
        /// The answer.
        given: String,
        /// The answers there are.
        allowed: String,
    },
    /// A file of answers, or the list of a template, that cannot be understood.
    #[error("{path}: {message}")]
    Answers {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        message: String,
    },
    /// A file of the template that cannot be carved.
    #[error("{file}: {message}")]
    Template {
        /// Its path in the checkout.
        file: String,
        /// What is wrong.
        message: String,
    },
    /// What is asked for, or the order in which it is, cannot be done.
    #[error("{0}")]
    Refused(String),
    /// A file could not be read or written.
    #[error("cannot open {path}: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// The operating system's error.
        source: std::io::Error,
    },
}

impl ProjectError {
    /// The error of reading or writing `path`.
    pub(crate) fn file(path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { path, source }
    }
}
