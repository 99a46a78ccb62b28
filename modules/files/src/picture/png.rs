//! PNG, row by row.

use std::io::{BufRead, Read as _, Seek};

use image::RgbaImage;
use image::metadata::Orientation;
use png::{ColorType, Decoder, DecodingError, Limits, Reader, Transformations};

use super::bounds::{Deadline, NotDrawn, PictureBounds, Reason};
use super::header::Header;
use super::small::Small;

/// Longer EXIF data is ignored: a JPEG could not hold it either.
const EXIF: u32 = 64 * 1024;
/// The passes of an interlaced image: the first pixel of each in x and y, and the steps to the next ones.
const PASSES: [(u32, u32, u32, u32); 7] =
    [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)];

/// The sides from the first chunk, and the orientation from the chunk `eXIf`, wherever it is.
pub(super) fn header(mut source: impl BufRead + Seek) -> Result<Header, NotDrawn> {
    let mut first = [0; 33];
    source.read_exact(&mut first)?;
    let number = |at: usize| u32::from_be_bytes([first[at], first[at + 1], first[at + 2], first[at + 3]]);
    let (width, height) = (number(16), number(20));
    let longest = 1 << 31;
    if first[12..16] != *b"IHDR"
        || number(8) != 13
        || width == 0
        || height == 0
        || width.max(height) >= longest
    {
        return Err(NotDrawn::Damaged("it has no header"));
    }
    let mut orientation = Orientation::NoTransforms;
    let mut chunk = [0; 8];
    while source.read_exact(&mut chunk).is_ok() {
        let length = u32::from_be_bytes([chunk[0], chunk[1], chunk[2], chunk[3]]);
        match &chunk[4..] {
            b"IEND" => break,
            b"eXIf" if length <= EXIF => {
                let mut exif = Vec::new();
                source.by_ref().take(u64::from(length)).read_to_end(&mut exif)?;
                orientation = Orientation::from_exif_chunk(&exif).unwrap_or(orientation);
                break;
            }
            _ => source.seek_relative(i64::from(length) + 4)?,
        }
    }
    Ok(Header { width, height, orientation })
}

/// Reads the image to its end; the checksum of each chunk is verified.
pub(super) fn draw(
    source: impl BufRead + Seek,
    bounds: &PictureBounds,
    end: Deadline,
) -> Result<RgbaImage, NotDrawn> {
    // The decoder counts what it reads into its buffer, and copies some of it.
    let bytes = usize::try_from(bounds.memory.as_u64() / 4).unwrap_or(usize::MAX);
    let mut decoder = Decoder::new_with_limits(source, Limits { bytes });
    // A few bytes can expand to a profile of many megabytes, and colours are not corrected here.
    decoder.set_ignore_iccp_chunk(true);
    decoder.set_ignore_text_chunk(true);
    decoder.set_transformations(Transformations::EXPAND | Transformations::STRIP_16);
    let mut reader = decoder.read_info()?;
    let (width, height, interlaced) = (reader.info().width, reader.info().height, reader.info().interlaced);
    // Three rows of up to eight bytes per pixel are held, and one converted row.
    if u64::from(width) * 32 > bounds.memory.as_u64() / 2 {
        return Err(NotDrawn::Declined(Reason::Memory));
    }
    let mut small = Small::new((width, height), (width, height));
    if interlaced {
        for (left, top, across, down) in PASSES.into_iter().filter(|pass| pass.0 < width) {
            for y in (top..height).step_by(down as usize) {
                row(&mut reader, &mut small, y, (left..width).step_by(across as usize), end)?;
            }
        }
    } else {
        for y in 0..height {
            row(&mut reader, &mut small, y, 0..width, end)?;
        }
    }
    reader.finish()?;
    Ok(small.image())
}

fn row<R: BufRead + Seek>(
    reader: &mut Reader<R>,
    small: &mut Small,
    y: u32,
    places: impl Iterator<Item = u32>,
    end: Deadline,
) -> Result<(), NotDrawn> {
    end.check()?;
    let colours = reader.output_color_type().0;
    let Some(row) = reader.next_row()? else { return Err(NotDrawn::Damaged("rows are missing")) };
    for (x, pixel) in places.zip(row.data().chunks_exact(colours.samples())) {
        let colour = match (colours, pixel) {
            (ColorType::Rgb, [red, green, blue]) => [*red, *green, *blue, u8::MAX],
            (ColorType::Rgba, [red, green, blue, alpha]) => [*red, *green, *blue, *alpha],
            (ColorType::GrayscaleAlpha, [gray, alpha]) => [*gray, *gray, *gray, *alpha],
            (_, [gray, ..]) => [*gray, *gray, *gray, u8::MAX],
            (_, []) => [0; 4],
        };
        small.add(x, y, colour);
    }
    Ok(())
}

impl From<DecodingError> for NotDrawn {
    fn from(error: DecodingError) -> Self {
        match error {
            DecodingError::IoError(error) => error.into(),
            DecodingError::LimitsExceeded => NotDrawn::Declined(Reason::Memory),
            // The decoder's message is for programmers.
            DecodingError::Format(_) | DecodingError::Parameter(_) => {
                NotDrawn::Damaged("its data is damaged")
            }
        }
    }
}
