//! What processing finds in a file, read piece by piece, so that memory use does not depend on the size.

use std::io::{self, Read};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use utoipa::ToSchema;

use crate::digest::hex;
use crate::table::{TableFacts, Tables};
use crate::text::{Encoding, WordCounter, decode};

/// Facts about a file's content, depending on its kind.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct Facts {
    /// Tables: the number of lines after the first, which names the columns.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rows: Option<u64>,
    /// Tables: the number of fields in the first line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub columns: Option<u64>,
    /// Texts: the number of words, separated by white space.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub words: Option<u64>,
    /// Texts and tables that are not UTF-8: the IANA name of the encoding.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub encoding: Option<String>,
    /// Images: the width as displayed, after EXIF rotation, in pixels.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub width: Option<u32>,
    /// Images: the height as displayed, in pixels.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub height: Option<u32>,
    /// Intact images without a thumbnail: the reason.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub no_thumbnail: Option<String>,
}

/// The SHA-256 of the whole content, in hexadecimal digits.
pub(crate) fn checksum(source: impl Read) -> io::Result<String> {
    let mut hash = Sha256::new();
    each_piece(source, |piece| {
        hash.update(piece);
        true
    })?;
    Ok(hex(hash))
}

/// The facts of a text: for a table its rows and columns, with the separator, otherwise its words.
pub(crate) fn of_text(source: impl Read, encoding: Encoding) -> io::Result<(Facts, Option<u8>)> {
    let (mut words, mut tables) = (WordCounter::default(), Tables::new());
    decode(source, encoding, |text| {
        words.feed(text);
        tables.feed(text);
        true
    })?;
    // Most texts are UTF-8: only another encoding is shown.
    let encoding = (encoding != Encoding::Utf8).then(|| encoding.name().to_owned());
    let facts = Facts { encoding, ..Facts::default() };
    Ok(match tables.end() {
        Some(TableFacts { separator, rows, columns }) => {
            (Facts { rows: Some(rows), columns: Some(columns), ..facts }, Some(separator))
        }
        None => (Facts { words: Some(words.count()), ..facts }, None),
    })
}

/// Reads until `take` has seen enough.
pub(crate) fn each_piece(mut source: impl Read, mut take: impl FnMut(&[u8]) -> bool) -> io::Result<()> {
    let mut piece = vec![0; 64 * 1024];
    loop {
        match source.read(&mut piece)? {
            0 => return Ok(()),
            length if take(&piece[..length]) => {}
            _ => return Ok(()),
        }
    }
}
