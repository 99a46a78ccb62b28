//! What a file is, by its first bytes; what its name or its sender says does not count.
//!
//! The signatures are those of the WHATWG MIME Sniffing standard, sections 6 and 7, for what people upload.

/// How many bytes decide.
pub(crate) const HEAD: usize = 8 * 1024;

/// What a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Png,
    Jpeg,
    /// Text in lines of the same number of fields.
    Csv(Separator),
    /// Other UTF-8 text. A page of HTML is text here: nobody should run it.
    Text,
    /// Something known that is only kept.
    Other(&'static str),
}

/// What stands between the fields of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Separator {
    Comma,
    Semicolon,
    Tab,
}

const SIGNATURES: [(&[u8], Kind); 11] = [
    (b"\x89PNG\r\n\x1a\n", Kind::Png),
    (b"\xff\xd8\xff", Kind::Jpeg),
    (b"GIF87a", Kind::Other("image/gif")),
    (b"GIF89a", Kind::Other("image/gif")),
    (b"%PDF-", Kind::Other("application/pdf")),
    (b"PK\x03\x04", Kind::Other("application/zip")),
    (b"\x1f\x8b\x08", Kind::Other("application/gzip")),
    (b"OggS\0", Kind::Other("application/ogg")),
    (b"ID3", Kind::Other("audio/mpeg")),
    (b"\x1aE\xdf\xa3", Kind::Other("video/webm")),
    (b"SQLite format 3\0", Kind::Other("application/vnd.sqlite3")),
];

/// What begins with `head`, the first [`HEAD`] bytes or all of a shorter file.
pub(crate) fn sniff(head: &[u8]) -> Kind {
    if let Some((_, kind)) = SIGNATURES.iter().find(|(signature, _)| head.starts_with(signature)) {
        return *kind;
    }
    if head.get(..4) == Some(b"RIFF") && head.get(8..12) == Some(b"WEBP") {
        return Kind::Other("image/webp");
    }
    if head.get(4..8) == Some(b"ftyp") {
        return Kind::Other("video/mp4");
    }
    match text(head) {
        Some(text) => separator(text).map_or(Kind::Text, Kind::Csv),
        None => Kind::Other("application/octet-stream"),
    }
}

impl Kind {
    /// The content type that is stored and served.
    pub(crate) fn content_type(self) -> &'static str {
        match self {
            Kind::Png => "image/png",
            Kind::Jpeg => "image/jpeg",
            Kind::Csv(Separator::Tab) => "text/tab-separated-values; charset=utf-8",
            Kind::Csv(_) => "text/csv; charset=utf-8",
            Kind::Text => "text/plain; charset=utf-8",
            Kind::Other(name) => name,
        }
    }
}

impl Separator {
    /// Its byte.
    pub(crate) fn byte(self) -> u8 {
        match self {
            Separator::Comma => b',',
            Separator::Semicolon => b';',
            Separator::Tab => b'\t',
        }
    }
}

/// The head as text; its last character may be cut off.
fn text(head: &[u8]) -> Option<&str> {
    let valid = match std::str::from_utf8(head) {
        Ok(text) => text,
        Err(error) if error.error_len().is_none() && head.len() == HEAD => {
            std::str::from_utf8(&head[..error.valid_up_to()]).ok()?
        }
        Err(_) => return None,
    };
    let binary = |c: char| c.is_control() && !matches!(c, '\t' | '\n' | '\r' | '\x0c' | '\x1b');
    (!valid.chars().any(binary)).then_some(valid)
}

/// The separator by which two lines and more have the same number of fields, and more than one.
fn separator(text: &str) -> Option<Separator> {
    [Separator::Comma, Separator::Semicolon, Separator::Tab].into_iter().find(|separator| {
        let mut counts = Vec::new();
        let mut records = crate::facts::Records::new(separator.byte());
        records.feed(text.as_bytes(), |fields| counts.push(fields));
        // The last line is whole only if the text ends here.
        if text.len() < HEAD - 3 {
            records.end(|fields| counts.push(fields));
        }
        counts.len() > 1 && counts[0] > 1 && counts.iter().all(|count| *count == counts[0])
    })
}
