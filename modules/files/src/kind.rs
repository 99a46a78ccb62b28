//! The type and the facts of a file, as far as reading shows them.

use std::io::{self, BufReader, Read, Seek};

use serde::{Deserialize, Serialize};

use crate::facts::{self, Facts};
use crate::picture::{self, PictureFormat};
use crate::sniff::{Binary, HEAD, sniff};
use crate::text::{self, Encoding};

/// What was found out about a file without drawing it.
#[derive(Serialize, Deserialize)]
pub(crate) struct Recognized {
    /// The type that is stored and served.
    pub content_type: String,
    pub facts: Facts,
    /// How to draw it, if it is a picture.
    pub picture: Option<PictureFormat>,
}

/// Reads a file from its beginning; a text up to three times, to its end.
///
/// # Errors
/// [`io::Error`] of the source: every content has some type.
pub(crate) fn recognize<R: Read + Seek>(open: impl Fn() -> io::Result<R>) -> io::Result<Recognized> {
    let mut head = Vec::with_capacity(HEAD);
    open()?.take(HEAD as u64).read_to_end(&mut head)?;
    let of = |content_type: &str| Recognized {
        content_type: content_type.to_owned(),
        facts: Facts::default(),
        picture: None,
    };
    Ok(match sniff(&head) {
        Some(Binary::Png) => picture(open()?, of("image/png"), PictureFormat::Png)?,
        Some(Binary::Jpeg) => picture(open()?, of("image/jpeg"), PictureFormat::Jpeg)?,
        Some(Binary::Other(content_type)) => of(content_type),
        None => match text::encoding(open()?)? {
            Some(encoding) => text(open()?, encoding)?,
            None => of("application/octet-stream"),
        },
    })
}

fn picture(source: impl Read + Seek, kind: Recognized, format: PictureFormat) -> io::Result<Recognized> {
    let sides = picture::header(BufReader::new(source), format)?.map(|header| header.sides());
    let (width, height) = (sides.map(|sides| sides.0), sides.map(|sides| sides.1));
    let facts = Facts { width, height, ..Facts::default() };
    Ok(Recognized { facts, picture: Some(format), ..kind })
}

/// An HTML page is served as plain text: no browser should run it.
fn text(source: impl Read, encoding: Encoding) -> io::Result<Recognized> {
    let (facts, separator) = facts::of_text(source, encoding)?;
    let kind = match separator {
        Some(b'\t') => "text/tab-separated-values",
        Some(_) => "text/csv",
        None => "text/plain",
    };
    let content_type = format!("{kind}; charset={}", encoding.name());
    Ok(Recognized { content_type, facts, picture: None })
}
