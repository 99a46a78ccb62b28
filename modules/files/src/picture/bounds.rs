//! What the work on one image may cost, and why it ends without a small picture.

use std::io::{self, Read, Seek, SeekFrom};
use std::time::Instant;

use tenfold::config::{ByteSize, TimeSpan};

/// What the work on one image may cost.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    pub memory: ByteSize,
    pub time: TimeSpan,
    /// Passes of a progressive JPEG, each of which goes over the whole image.
    pub scans: u32,
}

/// Why there is no small picture.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotDrawn {
    #[error("the image cannot be read: {0}")]
    Damaged(&'static str),
    /// As far as it was read it is whole.
    #[error("it is not drawn: {0:?}")]
    Declined(Reason),
    /// The disk's fault, not the image's: worth another attempt.
    #[error(transparent)]
    Io(io::Error),
}

/// What an image asks too much of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reason {
    Memory,
    Time,
    Scans,
    Kind,
}

impl Reason {
    /// The reason for people, with what is allowed.
    pub(crate) fn describe(self, bounds: &Bounds) -> String {
        match self {
            Reason::Memory => format!("a thumbnail takes more than {} (files.picture_memory)", bounds.memory),
            Reason::Time => format!("a thumbnail takes longer than {} (files.picture_time)", bounds.time),
            Reason::Scans => format!("it has more than {} scans (files.picture_scans)", bounds.scans),
            Reason::Kind => "its encoding is not supported".to_owned(),
        }
    }
}

impl From<io::Error> for NotDrawn {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::UnexpectedEof => NotDrawn::Damaged("it ends too early"),
            io::ErrorKind::TimedOut => NotDrawn::Declined(Reason::Time),
            _ => NotDrawn::Io(error),
        }
    }
}

/// When the work on an image must be done.
#[derive(Clone, Copy, Debug)]
pub(super) struct Deadline(pub Instant);

impl Deadline {
    pub(super) fn check(self) -> Result<(), NotDrawn> {
        if Instant::now() < self.0 { Ok(()) } else { Err(NotDrawn::Declined(Reason::Time)) }
    }
}

/// A source that ends with the time: whatever reads it, however long, comes to an end.
pub(super) struct Timed<R> {
    pub source: R,
    pub end: Deadline,
}

impl<R: Read> Read for Timed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.end.check().map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?;
        self.source.read(buffer)
    }
}

impl<R: Seek> Seek for Timed<R> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.source.seek(to)
    }
}
