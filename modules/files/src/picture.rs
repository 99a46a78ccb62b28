//! Thumbnails of images, drawn within bounds whatever the image.
//!
//! No image is held in memory as a whole unless it is small. The rows of a PNG are averaged as they arrive. Of a large
//! JPEG only the mean of each block of 8 x 8 pixels is kept, which the format encodes separately. A JPEG is first read
//! to its last bit, because decoders paint over damage.

mod block;
mod bounds;
mod entropy;
mod frame;
mod header;
mod jpeg;
mod png;
mod small;

use std::io::{self, BufRead, BufReader, Cursor, Read, Seek};
use std::time::Instant;

use image::{DynamicImage, ImageFormat};
use serde::{Deserialize, Serialize};

use self::bounds::{Deadline, Timed};

pub(crate) use self::bounds::{NotDrawn, PictureBounds};
pub(crate) use self::header::Header;

/// An image that can be drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum PictureFormat {
    Png,
    Jpeg,
}

/// The properties in an image's header; none when the header cannot be read.
///
/// # Errors
/// [`io::Error`] of the source.
pub(crate) fn header(source: impl BufRead + Seek, format: PictureFormat) -> io::Result<Option<Header>> {
    let found = match format {
        PictureFormat::Png => png::header(source),
        PictureFormat::Jpeg => jpeg::header(source),
    };
    match found {
        Ok(header) => Ok(Some(header)),
        Err(NotDrawn::Io(error)) => Err(error),
        Err(_) => Ok(None),
    }
}

/// The properties in an image's header, and a PNG of it of at most 256 pixels on a side.
///
/// # Errors
/// [`NotDrawn`] says whether the image is damaged or exceeds a bound; another attempt would find the same.
pub(crate) fn draw<R: Read + Seek>(
    open: impl Fn() -> io::Result<R>,
    format: PictureFormat,
    bounds: &PictureBounds,
) -> Result<(Header, Vec<u8>), NotDrawn> {
    let end = Deadline(Instant::now() + bounds.time.as_std());
    let open = || open().map(|source| BufReader::new(Timed { source, end }));
    let (header, small) = match format {
        PictureFormat::Png => (png::header(open()?)?, png::draw(open()?, bounds, end)?),
        PictureFormat::Jpeg => (jpeg::header(open()?)?, jpeg::draw(open, bounds, end)?),
    };
    let mut image = DynamicImage::ImageRgba8(small);
    image.apply_orientation(header.orientation);
    let mut bytes = Cursor::new(Vec::new());
    match image.write_to(&mut bytes, ImageFormat::Png) {
        Ok(()) => Ok((header, bytes.into_inner())),
        Err(error) => Err(NotDrawn::Io(io::Error::other(error))),
    }
}
