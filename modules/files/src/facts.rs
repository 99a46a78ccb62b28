//! What processing finds in a file, read piece by piece, so that memory stays flat at any size.

use std::io::{self, Read};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use utoipa::ToSchema;

use crate::digest::hex;
use crate::sniff::{HEAD, Kind, sniff};

/// What a file holds, as its kind asks.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct Facts {
    /// Of a table: its lines without the first, which names the columns.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rows: Option<u64>,
    /// Of a table: the fields of its first line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub columns: Option<u64>,
    /// Of a text: what white space separates.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub words: Option<u64>,
    /// Of an image, in pixels.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub width: Option<u32>,
    /// Of an image, in pixels.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub height: Option<u32>,
}

/// The SHA-256 of everything that can be read, in hexadecimal digits.
pub(crate) fn checksum(source: impl Read) -> io::Result<String> {
    let mut hash = Sha256::new();
    each_piece(source, |piece| hash.update(piece))?;
    Ok(hex(hash))
}

/// What begins as `source` does.
pub(crate) fn kind(source: impl Read) -> io::Result<Kind> {
    let mut head = Vec::with_capacity(HEAD);
    source.take(HEAD as u64).read_to_end(&mut head)?;
    Ok(sniff(&head))
}

/// The rows and columns of a table.
pub(crate) fn of_table(source: impl Read, separator: u8) -> io::Result<Facts> {
    let (mut lines, mut columns) = (0_u64, 0);
    let mut records = Records::new(separator);
    let mut count = |fields| {
        columns = if lines == 0 { fields } else { columns };
        lines += 1;
    };
    each_piece(source, |piece| records.feed(piece, &mut count))?;
    records.end(&mut count);
    Ok(Facts { rows: Some(lines.saturating_sub(1)), columns: Some(columns), ..Facts::default() })
}

/// The words of a text.
pub(crate) fn of_text(source: impl Read) -> io::Result<Facts> {
    let (mut words, mut inside) = (0_u64, false);
    each_piece(source, |piece| {
        for byte in piece {
            let was = std::mem::replace(&mut inside, !byte.is_ascii_whitespace());
            words += u64::from(inside && !was);
        }
    })?;
    Ok(Facts { words: Some(words), ..Facts::default() })
}

fn each_piece(mut source: impl Read, mut take: impl FnMut(&[u8])) -> io::Result<()> {
    let mut piece = vec![0; 64 * 1024];
    loop {
        match source.read(&mut piece)? {
            0 => return Ok(()),
            length => take(&piece[..length]),
        }
    }
}

/// Counts the fields of each line of a table (RFC 4180): quotes hide separators and line breaks, empty lines are
/// none. It keeps no field, so a quote that never ends costs no memory.
pub(crate) struct Records {
    separator: u8,
    fields: u64,
    quoted: bool,
    empty: bool,
}

impl Records {
    /// Stands before the first line.
    pub(crate) fn new(separator: u8) -> Self {
        Records { separator, fields: 1, quoted: false, empty: true }
    }

    /// Reads on; `line` gets the number of fields of each line that ends.
    pub(crate) fn feed(&mut self, bytes: &[u8], mut line: impl FnMut(u64)) {
        for byte in bytes {
            match byte {
                b'"' => {
                    // A doubled quote inside a quoted field closes and opens it again.
                    self.quoted = !self.quoted;
                    self.empty = false;
                }
                b'\n' if !self.quoted => self.end(&mut line),
                b'\r' => {}
                byte if *byte == self.separator && !self.quoted => {
                    self.fields += 1;
                    self.empty = false;
                }
                _ => self.empty = false,
            }
        }
    }

    /// The text ends here; its last line may have no line break.
    pub(crate) fn end(&mut self, mut line: impl FnMut(u64)) {
        if !self.empty {
            line(self.fields);
        }
        (self.fields, self.empty) = (1, true);
    }
}
