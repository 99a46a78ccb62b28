//! Small pictures of images, drawn within bounds whatever the image.
//!
//! Nothing here holds an image as a whole unless it is small. Rows of a PNG are averaged as they come. Of a large JPEG
//! only the mean of each block of 8 x 8 pixels is kept, which its coding stores on its own. A JPEG is read to its last
//! bit first, because decoders paint over what is damaged.

mod block;
mod entropy;
mod frame;
mod jpeg;
mod png;
mod small;

use std::io::{self, BufRead, BufReader, Cursor, Read, Seek, SeekFrom};
use std::time::Instant;

use image::metadata::Orientation;
use image::{DynamicImage, ImageFormat};
use serde::{Deserialize, Serialize};
use tenfold::config::{ByteSize, TimeSpan};

/// An image that can be drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Format {
    Png,
    Jpeg,
}

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
            Reason::Memory => format!("drawing it takes more than {} (files.picture_memory)", bounds.memory),
            Reason::Time => format!("drawing it takes longer than {} (files.picture_time)", bounds.time),
            Reason::Scans => format!("it has more than {} scans (files.picture_scans)", bounds.scans),
            Reason::Kind => "images that are coded like it are not drawn".to_owned(),
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

/// What the first part of an image says of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Header {
    /// In pixels, as they are stored.
    width: u32,
    height: u32,
    orientation: Orientation,
}

impl Header {
    /// Width and height as the image is shown, in pixels.
    pub(crate) fn sides(&self) -> (u32, u32) {
        if self.orientation.to_exif() > 4 { (self.height, self.width) } else { (self.width, self.height) }
    }
}

/// What an image says of itself; none when it cannot be read so far.
///
/// # Errors
/// [`io::Error`] of the source.
pub(crate) fn header(source: impl BufRead + Seek, format: Format) -> io::Result<Option<Header>> {
    let found = match format {
        Format::Png => png::header(source),
        Format::Jpeg => jpeg::header(source),
    };
    match found {
        Ok(header) => Ok(Some(header)),
        Err(NotDrawn::Io(error)) => Err(error),
        Err(_) => Ok(None),
    }
}

/// What an image says of itself, and a PNG of it of at most 256 pixels on a side.
///
/// # Errors
/// [`NotDrawn`] says whether the image is damaged or asks for too much; the next attempt would find the same.
pub(crate) fn draw<R: Read + Seek>(
    open: impl Fn() -> io::Result<R>,
    format: Format,
    bounds: &Bounds,
) -> Result<(Header, Vec<u8>), NotDrawn> {
    let end = Deadline(Instant::now() + bounds.time.as_std());
    let open = || open().map(|source| BufReader::new(Timed { source, end }));
    let (header, small) = match format {
        Format::Png => (png::header(open()?)?, png::draw(open()?, bounds, end)?),
        Format::Jpeg => (jpeg::header(open()?)?, jpeg::draw(open, bounds, end)?),
    };
    let mut image = DynamicImage::ImageRgba8(small);
    image.apply_orientation(header.orientation);
    let mut bytes = Cursor::new(Vec::new());
    match image.write_to(&mut bytes, ImageFormat::Png) {
        Ok(()) => Ok((header, bytes.into_inner())),
        Err(error) => Err(NotDrawn::Io(io::Error::other(error))),
    }
}

/// When the work on an image must be done.
#[derive(Clone, Copy, Debug)]
struct Deadline(Instant);

impl Deadline {
    fn check(self) -> Result<(), NotDrawn> {
        if Instant::now() < self.0 { Ok(()) } else { Err(NotDrawn::Declined(Reason::Time)) }
    }
}

/// A source that ends with the time: whatever reads it, however long, comes to an end.
struct Timed<R> {
    source: R,
    end: Deadline,
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
