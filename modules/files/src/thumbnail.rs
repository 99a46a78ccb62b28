//! Small pictures of images.

use std::io::{BufRead, Cursor, Seek};

use image::{ImageFormat, ImageReader, Limits};

use crate::facts::Facts;

/// The longer side of a thumbnail, in pixels.
const SIDE: u32 = 256;
/// A longer side is not decoded: the file is kept without a thumbnail.
const LONGEST_SIDE: u32 = 16_384;
/// What decoding may take, in bytes: 32 megapixels in RGBA.
const MEMORY: u64 = 128 * 1024 * 1024;

/// An image that cannot be shown.
#[derive(Debug, thiserror::Error)]
#[error("the image cannot be read: {0}")]
pub(crate) struct Unreadable(String);

/// The size of an image, and a PNG of it of at most 256 pixels on a side; none when the image is too large to decode.
///
/// # Errors
/// [`Unreadable`] when it is damaged; the next attempt would find the same.
pub(crate) fn draw<R: BufRead + Seek>(
    mut open: impl FnMut() -> std::io::Result<R>,
    format: ImageFormat,
) -> anyhow::Result<(Facts, Option<Vec<u8>>)> {
    let (width, height) = match reader(open()?, format).into_dimensions() {
        Err(image::ImageError::Limits(_)) => return Ok((Facts::default(), None)),
        size => size.map_err(unreadable)?,
    };
    let facts = Facts { width: Some(width), height: Some(height), ..Facts::default() };
    if u64::from(width) * u64::from(height) * 4 > MEMORY || width.max(height) > LONGEST_SIDE {
        return Ok((facts, None));
    }
    let image = match reader(open()?, format).decode() {
        Err(image::ImageError::Limits(_)) => return Ok((facts, None)),
        decoded => decoded.map_err(unreadable)?,
    };
    let small = if width.max(height) > SIDE { image.thumbnail(SIDE, SIDE) } else { image };
    let mut png = Cursor::new(Vec::new());
    small.into_rgba8().write_to(&mut png, ImageFormat::Png).map_err(unreadable)?;
    Ok((facts, Some(png.into_inner())))
}

fn reader<R: BufRead + Seek>(source: R, format: ImageFormat) -> ImageReader<R> {
    let mut reader = ImageReader::with_format(source, format);
    let mut limits = Limits::default();
    (limits.max_image_width, limits.max_image_height) = (Some(LONGEST_SIDE), Some(LONGEST_SIDE));
    limits.max_alloc = Some(2 * MEMORY);
    reader.limits(limits);
    reader
}

fn unreadable(error: image::ImageError) -> anyhow::Error {
    match error {
        // The disk's fault, not the image's: worth another attempt.
        image::ImageError::IoError(error) if error.kind() != std::io::ErrorKind::UnexpectedEof => {
            error.into()
        }
        error => Unreadable(error.to_string()).into(),
    }
}
