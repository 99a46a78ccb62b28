use std::fmt;

/// Where a value came from; the variants are ordered from the weakest source to the strongest.
///
/// [`Loaded::explain`](super::Loaded::explain) and every error print its `Display`: `default`,
/// `app.toml:12`, `environment TENFOLD_DATABASE__URL`, `option --database`; for a preset, its name.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Origin {
    /// The defaults inside the program.
    Default,
    /// A default that the program sets for an occasion, such as `--demo`.
    Preset {
        /// The occasion.
        name: String,
    },
    /// A TOML file.
    File {
        /// The path as it was given.
        path: String,
        /// The line of the key, from 1.
        line: usize,
    },
    /// An environment variable.
    Environment {
        /// The variable's name.
        name: String,
    },
    /// An option of the command line.
    Option {
        /// The option as a person types it, such as `--database`.
        name: String,
    },
}

impl Origin {
    /// Sources of a higher rank win over those of a lower one; within a rank the one read last wins.
    pub(super) fn rank(&self) -> u8 {
        match self {
            Origin::Default => 0,
            Origin::Preset { .. } => 1,
            Origin::File { .. } => 2,
            Origin::Environment { .. } => 3,
            Origin::Option { .. } => 4,
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::Default => f.write_str("default"),
            Origin::Preset { name } => f.write_str(name),
            Origin::File { path, line } => write!(f, "{path}:{line}"),
            Origin::Environment { name } => write!(f, "environment {name}"),
            Origin::Option { name } => write!(f, "option {name}"),
        }
    }
}
