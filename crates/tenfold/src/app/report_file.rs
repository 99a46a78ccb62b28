//! A file for a report that is written after minutes: opened before, so that a wrong path is told at once.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::path::Path;

use anyhow::Context as _;

/// A file that can be written. What it holds stays until [`ReportFile::write`]; one that is not written after all and was not there before is
/// removed.
pub(super) struct ReportFile<'p> {
    path: &'p Path,
    file: File,
    /// Whether dropping this removes it.
    is_new: bool,
}

impl<'p> ReportFile<'p> {
    /// Opens the file, and creates it if it is not there.
    ///
    /// # Errors
    /// It cannot be written; the error names it.
    pub(super) fn open(path: &'p Path) -> anyhow::Result<Self> {
        let mut options = OpenOptions::new();
        options.write(true);
        let (opened, is_new) = match options.clone().create_new(true).open(path) {
            // Also for a link to a file that is not there.
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                (options.create(true).truncate(false).open(path), false)
            }
            created => (created, true),
        };
        Ok(ReportFile { path, file: opened.with_context(|| cannot_be_written(path))?, is_new })
    }

    /// Replaces what it holds.
    ///
    /// # Errors
    /// It cannot be written any more; the error names it.
    pub(super) fn write(mut self, text: &str) -> anyhow::Result<()> {
        self.is_new = false;
        self.replace(text).with_context(|| cannot_be_written(self.path))
    }

    fn replace(&mut self, text: &str) -> std::io::Result<()> {
        // A pipe has no length.
        if self.file.metadata()?.is_file() {
            self.file.set_len(0)?;
        }
        self.file.write_all(text.as_bytes())
    }
}

impl Drop for ReportFile<'_> {
    fn drop(&mut self) {
        if self.is_new {
            // An empty file that stays does no harm.
            let _ = fs::remove_file(self.path);
        }
    }
}

fn cannot_be_written(path: &Path) -> String {
    format!("{} cannot be written", path.display())
}
