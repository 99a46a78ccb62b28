//! The encoding and the characters of a text, read piece by piece, so that memory use does not depend on the size.

use std::io::{self, Read};

use encoding_rs::{Decoder, DecoderResult};

use crate::facts::each_piece;

/// A character encoding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Encoding {
    Utf8,
    /// The two UTF-16 encodings count only with a byte order mark.
    Utf16Le,
    Utf16Be,
    /// ISO 8859-1.
    Latin1,
    /// Windows' variant of ISO 8859-1: quotes, dashes and the euro sign in place of control characters.
    Windows1252,
}

impl Encoding {
    /// Its name in the IANA registry, in lower case.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Encoding::Utf8 => "utf-8",
            Encoding::Utf16Le => "utf-16le",
            Encoding::Utf16Be => "utf-16be",
            Encoding::Latin1 => "iso-8859-1",
            Encoding::Windows1252 => "windows-1252",
        }
    }

    /// A byte order mark is removed.
    fn decoder(self) -> Decoder {
        let encoding = match self {
            Encoding::Utf8 => encoding_rs::UTF_8,
            Encoding::Utf16Le => encoding_rs::UTF_16LE,
            Encoding::Utf16Be => encoding_rs::UTF_16BE,
            Encoding::Latin1 | Encoding::Windows1252 => {
                return encoding_rs::WINDOWS_1252.new_decoder_without_bom_handling();
            }
        };
        encoding.new_decoder_with_bom_removal()
    }
}

/// The encoding in which the whole content is text; none if there is none.
pub(crate) fn encoding(mut source: impl Read) -> io::Result<Option<Encoding>> {
    let mut mark = Vec::with_capacity(2);
    source.by_ref().take(2).read_to_end(&mut mark)?;
    let marked = match &*mark {
        b"\xff\xfe" => Some(Encoding::Utf16Le),
        b"\xfe\xff" => Some(Encoding::Utf16Be),
        _ => None,
    };
    let source = mark.as_slice().chain(source);
    match marked {
        Some(encoding) => {
            let mut all = true;
            let whole = decode(source, encoding, |text| {
                all = all && !text.chars().any(is_binary);
                all
            })?;
            Ok((all && whole).then_some(encoding))
        }
        None => unmarked(source),
    }
}

/// Passes the text on until `take` has seen enough; returns whether all bytes so far were valid characters.
pub(crate) fn decode(
    source: impl Read,
    encoding: Encoding,
    mut take: impl FnMut(&str) -> bool,
) -> io::Result<bool> {
    let mut text = TextDecoder::new(encoding);
    let mut whole = true;
    each_piece(source, |piece| {
        let (malformed, more) = text.feed(piece, false, &mut take);
        whole = whole && malformed == 0;
        more && whole
    })?;
    if whole {
        whole = text.feed(&[], true, &mut take).0 == 0;
    }
    Ok(whole)
}

/// UTF-8, or one of the two single-byte encodings, which every content could be, so they need evidence.
fn unmarked(source: impl Read) -> io::Result<Option<Encoding>> {
    let (mut utf8, mut bytes) = (TextDecoder::new(Encoding::Utf8), ByteCounts::default());
    let (mut malformed, mut wide, mut binary) = (0_u64, 0_u64, false);
    let mut take = |text: &str| {
        if !text.is_ascii() {
            for c in text.chars().filter(|c| !c.is_ascii()) {
                wide += 1;
                binary = binary || is_binary(c);
            }
        }
        true
    };
    each_piece(source, |piece| {
        bytes.count(piece);
        if !bytes.binary {
            malformed += utf8.feed(piece, false, &mut take).0;
        }
        !bytes.binary
    })?;
    malformed += utf8.feed(&[], true, &mut take).0;
    Ok(match () {
        () if bytes.binary => None,
        () if malformed == 0 => (!binary).then_some(Encoding::Utf8),
        // Valid multi-byte characters do not occur by chance: it is a damaged UTF-8 text.
        () if wide >= malformed => None,
        () => bytes.single(),
    })
}

/// Characters that no text contains.
fn is_binary(c: char) -> bool {
    c.is_control() && !matches!(c, '\t' | '\n' | '\r' | '\x0c' | '\x1b' | '\u{85}')
}

/// Statistics that tell a single-byte encoding from binary data, and from other such encodings.
#[derive(Default)]
struct ByteCounts {
    binary: bool,
    letters: u64,
    /// The bytes that are not ASCII.
    high: u64,
    /// Those of them in runs of more than three, which no western European language has.
    rows: u64,
    row: u64,
    windows: bool,
    undefined: bool,
}

impl ByteCounts {
    fn count(&mut self, piece: &[u8]) {
        for byte in piece {
            if *byte >= 0x80 {
                self.high += 1;
                self.row += 1;
                self.rows += match self.row {
                    ..=3 => 0,
                    4 => 4,
                    _ => 1,
                };
                self.windows |= *byte < 0xa0;
                self.undefined |= matches!(byte, 0x81 | 0x8d | 0x8f | 0x90 | 0x9d);
                continue;
            }
            self.row = 0;
            self.letters += u64::from(byte.is_ascii_alphabetic());
            self.binary |= is_binary(char::from(*byte));
        }
    }

    fn single(&self) -> Option<Encoding> {
        if self.undefined || self.high > self.letters || self.rows * 2 > self.high {
            return None;
        }
        Some(if self.windows { Encoding::Windows1252 } else { Encoding::Latin1 })
    }
}

/// Decodes pieces that may end anywhere, even inside a character.
struct TextDecoder {
    decoder: Decoder,
    buffer: Vec<u8>,
}

impl TextDecoder {
    fn new(encoding: Encoding) -> Self {
        TextDecoder { decoder: encoding.decoder(), buffer: vec![0; 16 * 1024] }
    }

    /// Returns the number of invalid sequences, and whether `take` wants more.
    fn feed(&mut self, mut bytes: &[u8], last: bool, take: &mut impl FnMut(&str) -> bool) -> (u64, bool) {
        let mut malformed = 0;
        loop {
            let (result, read, written) =
                self.decoder.decode_to_utf8_without_replacement(bytes, &mut self.buffer, last);
            bytes = &bytes[read..];
            let text = std::str::from_utf8(&self.buffer[..written]).unwrap_or_default();
            if !text.is_empty() && !take(text) {
                return (malformed, false);
            }
            match result {
                DecoderResult::InputEmpty => return (malformed, true),
                DecoderResult::OutputFull => {}
                DecoderResult::Malformed(..) => malformed += 1,
            }
        }
    }
}

/// Counts words separated by Unicode white space.
#[derive(Default)]
pub(crate) struct WordCounter {
    count: u64,
    inside: bool,
}

impl WordCounter {
    /// Reads the next piece.
    pub(crate) fn feed(&mut self, text: &str) {
        for c in text.chars() {
            // Zero-width characters are neither words nor separators.
            if matches!(c, '\u{feff}' | '\u{200b}'..='\u{200d}' | '\u{2060}') {
                continue;
            }
            let was = std::mem::replace(&mut self.inside, !c.is_whitespace());
            self.count += u64::from(self.inside && !was);
        }
    }

    /// The number of words.
    pub(crate) fn count(&self) -> u64 {
        self.count
    }
}
