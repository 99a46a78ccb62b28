//! The command line of `tenfold api`.

use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::Value;

use super::{Break, api_breaks, changelog};
use crate::error::CheckError;
use crate::outcome::{CommandOutcome, read_or_empty};

/// Compares the OpenAPI document on standard input with the committed one.
#[derive(Debug, Args)]
pub(crate) struct Api {
    /// Fail if the document in this file differs.
    #[arg(long, value_name = "DOCUMENT", required_unless_present = "write", conflicts_with = "write")]
    compare: Option<PathBuf>,
    /// Put the document into this file, unless it breaks clients and the changelog does not say so.
    #[arg(long, value_name = "DOCUMENT")]
    write: Option<PathBuf>,
    /// Its Unreleased section says what breaks clients.
    #[arg(long, value_name = "FILE", default_value = "CHANGELOG.md")]
    changelog: PathBuf,
}

impl Api {
    pub(crate) fn run(&self) -> Result<CommandOutcome, CheckError> {
        let mut text = String::new();
        io::stdin().read_to_string(&mut text).map_err(CheckError::file("standard input"))?;
        let served = parse(Path::new("standard input"), &text)?;
        // clap has ensured that one is set.
        let file = self.compare.as_ref().or(self.write.as_ref()).map_or(Path::new(""), PathBuf::as_path);
        let committed = read_or_empty(file)?;
        let committed = if committed.is_empty() { Value::Null } else { parse(file, &committed)? };
        let entries = changelog::entries(&read_or_empty(&self.changelog)?);
        let mut breaks = api_breaks(&committed, &served);
        breaks.retain(|found| !changelog::explains(&entries, found));
        let shown = file.display();
        if !breaks.is_empty() {
            return Ok(CommandOutcome::Broken(self.refusal(file, &breaks)));
        }
        if self.write.is_some() {
            std::fs::write(file, format!("{served:#}\n")).map_err(CheckError::file(file))?;
            return Ok(CommandOutcome::Fine(format!("wrote the API's document to {shown}\n")));
        }
        Ok(if committed == served {
            CommandOutcome::Fine(format!("{shown} is the API that the application serves\n"))
        } else {
            CommandOutcome::Broken(format!(
                "error[api]: {shown} is not the API that the application serves; the difference breaks no client\n  \
                 do: cargo run -- openapi | cargo run -p tenfold-cli -- api --write {shown}\n"
            ))
        })
    }

    fn refusal(&self, file: &Path, breaks: &[Break]) -> String {
        let list: String = breaks.iter().map(|found| format!("  {found}\n")).collect();
        let (shown, changelog) = (file.display(), self.changelog.display());
        format!(
            "error[api]: clients of {shown} break:\n{list}  do: undo that, or say it under [Unreleased] in {changelog}, in \
             lines that begin with \"- Breaking: \" and name\n      the operation or the schema as above, in backticks; then \
             cargo run -- openapi | cargo run -p tenfold-cli -- api --write {shown}\n"
        )
    }
}

fn parse(file: &Path, text: &str) -> Result<Value, CheckError> {
    serde_json::from_str(text).map_err(|source| CheckError::Document { path: file.to_owned(), source })
}
