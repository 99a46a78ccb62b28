//! The limits for the work on one image, and why it may end without a thumbnail.

use std::io::{self, Read, Seek, SeekFrom};
use std::time::Instant;

use tenfold::config::{ByteSize, TimeSpan};

/// The limits for the work on one image.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PictureBounds {
    pub memory: ByteSize,
    pub time: TimeSpan,
    /// Passes of a progressive JPEG, each over the whole image.
    pub scans: u32,
}

/// Why there is no thumbnail.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotDrawn {
    #[error("the image cannot be read: {0}")]
    Damaged(&'static str),
    /// It exceeds a bound; the part that was read is undamaged.
    #[error("it is not drawn: {0:?}")]
    Declined(Reason),
    /// An error of the disk, not of the image: worth another attempt.
    #[error(transparent)]
    Io(io::Error),
}

/// The bound that an image exceeds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reason {
    Memory,
    Time,
    Scans,
    Kind,
}

impl Reason {
    /// The reason in readable form, with what is allowed.
    pub(crate) fn describe(self, bounds: &PictureBounds) -> String {
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

/// The deadline for the work on an image.
#[derive(Clone, Copy, Debug)]
pub(super) struct Deadline(pub Instant);

impl Deadline {
    pub(super) fn check(self) -> Result<(), NotDrawn> {
        if Instant::now() < self.0 { Ok(()) } else { Err(NotDrawn::Declined(Reason::Time)) }
    }
}

/// A source that ends at the deadline, so that any reader of it terminates.
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
