//! What the processes have written and read, in files that survive a `kill -9`: records of a fixed size, because there are a million
//! of them.
//!
//! Times are microseconds of [`Clock::since_boot`](tenfold::data::Clock::since_boot), which is one clock for all processes of a machine.

use std::fs::{File, OpenOptions};
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// How a write stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WriteStep {
    /// COMMIT is about to be sent: from now on the row may have this version.
    Put,
    /// The same, and the row is gone then.
    Delete,
    /// It is acknowledged.
    Acknowledged,
    /// It was rolled back.
    Aborted,
}

/// A step of a write. The steps of one transaction have the same token.
#[derive(Clone, Copy, Debug)]
pub struct WriteNote {
    pub step: WriteStep,
    pub key: u64,
    pub version: u64,
    pub token: u64,
    pub at: u64,
}

/// A read of one row. Token and version are 0 if there was none.
#[derive(Clone, Copy, Debug)]
pub struct ReadNote {
    pub key: u64,
    pub version: u64,
    pub token: u64,
    pub start: u64,
    pub end: u64,
}

const WORDS: usize = 5;
type Words = [u64; WORDS];

fn bytes(words: Words) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}

/// The whole records of a file; a process that was killed may have left a part of one.
fn records(path: &Path) -> std::io::Result<Vec<Words>> {
    let bytes = std::fs::read(path)?;
    let word = |bytes: &[u8]| bytes.try_into().map_or(0, u64::from_le_bytes);
    let record = |bytes: &[u8]| {
        let mut words = Words::default();
        words.iter_mut().zip(bytes.chunks_exact(8)).for_each(|(kept, bytes)| *kept = word(bytes));
        words
    };
    Ok(bytes.chunks_exact(WORDS * 8).map(record).collect())
}

/// Where the notes of one process lie.
#[derive(Clone)]
pub struct HistoryFiles {
    folder: PathBuf,
    process: u64,
}

impl HistoryFiles {
    /// Those of this process.
    pub fn of(folder: &Path, process: u64) -> Self {
        HistoryFiles { folder: folder.to_owned(), process }
    }

    fn path(&self, kind: &str) -> PathBuf {
        self.folder.join(format!("{}.{kind}", self.process))
    }

    /// Where the process says at its end what it has found.
    pub fn end(&self) -> PathBuf {
        self.path("end")
    }

    /// Notes writes. Each is in the file before this returns.
    ///
    /// # Errors
    /// When the file cannot be made.
    pub fn writes(&self) -> std::io::Result<WriteNotes> {
        Ok(WriteNotes(Mutex::new(OpenOptions::new().create(true).append(true).open(self.path("writes"))?)))
    }

    /// Notes of the reads of one reader. Those that a kill takes were not needed.
    ///
    /// # Errors
    /// When the file cannot be made.
    pub fn reads(&self, reader: usize) -> std::io::Result<ReadNotes> {
        let path = self.path(&format!("{reader}.reads"));
        Ok(ReadNotes(BufWriter::with_capacity(1 << 16, File::create(path)?)))
    }

    /// Whether the process has made all of them.
    pub fn has_begun(&self, readers: usize) -> bool {
        (0..readers).all(|reader| self.path(&format!("{reader}.reads")).exists())
            && self.path("writes").exists()
    }

    /// All writes of the process.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn all_writes(&self) -> std::io::Result<Vec<WriteNote>> {
        let note = |[step, key, version, token, at]: Words| {
            let step = match step {
                1 => WriteStep::Put,
                2 => WriteStep::Delete,
                3 => WriteStep::Acknowledged,
                _ => WriteStep::Aborted,
            };
            WriteNote { step, key, version, token, at }
        };
        Ok(records(&self.path("writes"))?.into_iter().map(note).collect())
    }

    /// All reads of the process.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub fn all_reads(&self, readers: usize) -> std::io::Result<Vec<ReadNote>> {
        let mut all = Vec::new();
        for reader in 0..readers {
            let read = records(&self.path(&format!("{reader}.reads")))?;
            let note =
                |[key, version, token, start, end]: Words| ReadNote { key, version, token, start, end };
            all.extend(read.into_iter().map(note));
        }
        Ok(all)
    }
}

/// The notes of a process's writes.
pub struct WriteNotes(Mutex<File>);

impl WriteNotes {
    /// Adds notes.
    ///
    /// # Errors
    /// When the disk is full.
    pub fn add(&self, notes: impl IntoIterator<Item = WriteNote>) -> std::io::Result<()> {
        let mut all = Vec::new();
        for WriteNote { step, key, version, token, at } in notes {
            let step = match step {
                WriteStep::Put => 1,
                WriteStep::Delete => 2,
                WriteStep::Acknowledged => 3,
                WriteStep::Aborted => 4,
            };
            all.extend(bytes([step, key, version, token, at]));
        }
        self.0.lock().unwrap_or_else(PoisonError::into_inner).write_all(&all)
    }
}

/// The notes of one reader.
pub struct ReadNotes(BufWriter<File>);

impl ReadNotes {
    /// Adds a note.
    ///
    /// # Errors
    /// When the disk is full.
    pub fn add(&mut self, note: ReadNote) -> std::io::Result<()> {
        self.0.write_all(&bytes([note.key, note.version, note.token, note.start, note.end]))
    }

    /// Writes what is left.
    ///
    /// # Errors
    /// When the disk is full.
    pub fn end(mut self) -> std::io::Result<()> {
        self.0.flush()
    }
}
