//! `app client ts`: a typed client of the application's API.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::{Args, ValueEnum};

/// Where the client goes.
#[derive(Args)]
pub(super) struct ClientFile {
    /// The client's language: `ts`, TypeScript.
    language: Language,
    /// Write it to this file instead, if the file differs.
    #[arg(long, value_name = "FILE")]
    write: Option<PathBuf>,
    /// Fail if this file differs.
    #[arg(long, value_name = "FILE", conflicts_with = "write")]
    compare: Option<PathBuf>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Language {
    Ts,
}

impl ClientFile {
    /// Does it, and returns what to print.
    pub(super) fn run(&self, document: &[u8]) -> anyhow::Result<String> {
        let document = std::str::from_utf8(document)?;
        let client = match self.language {
            Language::Ts => tenfold_client::typescript(document)?,
        };
        if let Some(path) = &self.compare {
            anyhow::ensure!(
                read(path)? == client,
                "{shown} is not the client of this API; write it again: `client ts --write {shown}`",
                shown = path.display()
            );
            return Ok(format!("{} is the client of this API\n", path.display()));
        }
        let Some(path) = &self.write else { return Ok(client) };
        if read(path)? == client {
            return Ok(format!("{} is up to date\n", path.display()));
        }
        std::fs::write(path, client).with_context(|| format!("{} cannot be written", path.display()))?;
        Ok(format!("wrote {}\n", path.display()))
    }
}

/// The file's text; a missing one is empty.
fn read(path: &Path) -> anyhow::Result<String> {
    match std::fs::read_to_string(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(String::new()),
        text => text.with_context(|| format!("{} cannot be read", path.display())),
    }
}
