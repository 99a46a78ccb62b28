use std::io;

use super::origin::Origin;

/// Why the configuration was refused.
///
/// Each `Display` is one line that names the input, its place and what to do. None holds a secret, not even
/// in `Debug`: values are masked before they get here.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The defaults inside the program break a rule; only the program's authors can fix that.
    #[error("the defaults are wrong at {file}:{line}: {reason}")]
    Defaults {
        /// The name given to [`Loader::new`](super::Loader::new).
        file: String,
        /// The line, from 1.
        line: usize,
        /// The rule that is broken.
        reason: String,
    },
    /// A required file does not exist.
    #[error("the configuration file `{path}` does not exist: create it, or name one that does")]
    Missing {
        /// The path as it was given.
        path: String,
    },
    /// A file exists and cannot be read: a directory, no permission, a broken disk.
    #[error("the configuration file `{path}` cannot be read ({source}): name a file this process may read")]
    Unreadable {
        /// The path as it was given.
        path: String,
        /// The operating system's error.
        source: io::Error,
    },
    /// A file is larger than [`MAX_FILE_BYTES`](super::MAX_FILE_BYTES), so it is not a configuration.
    #[error("`{path}` is larger than {limit} bytes, the most a configuration file may have: name another")]
    TooLarge {
        /// The path as it was given.
        path: String,
        /// The limit in bytes.
        limit: u64,
    },
    /// A file is not TOML, or not UTF-8.
    #[error("{path}:{line}:{column} is not valid TOML: {reason}")]
    Syntax {
        /// The path as it was given.
        path: String,
        /// The line, from 1.
        line: usize,
        /// The column in characters, from 1.
        column: usize,
        /// What the parser found and what it expected.
        reason: String,
    },
    /// A name that the defaults do not have.
    #[error("no setting is called `{name}` ({place}): {hint}")]
    UnknownKey {
        /// The name as it was written.
        name: String,
        /// The origin, or the call that asked for it.
        place: String,
        /// The nearest names that exist, or what else to do.
        hint: String,
    },
    /// A value of the wrong type or form.
    #[error("`{key}` = {value} ({origin}) is refused: {reason}")]
    Refused {
        /// The key, dotted.
        key: String,
        /// The value as written, masked and at most one line.
        value: String,
        /// Where it was written.
        origin: Origin,
        /// What is allowed.
        reason: String,
    },
    /// A value of the right form that is too small or too large.
    #[error("`{key}` = {value} ({origin}) is out of range: {allowed}")]
    OutOfRange {
        /// The key, dotted.
        key: String,
        /// The value in force, masked.
        value: String,
        /// Where it was written.
        origin: Origin,
        /// The range, such as `use at least 1 KiB and at most 64 MiB`.
        allowed: String,
    },
    /// The values of a section do not fit together, or the section's type does not match the defaults.
    #[error("section `{section}` is refused: {reason}")]
    Section {
        /// The section, dotted.
        section: String,
        /// The error of the section's type.
        reason: String,
    },
}
