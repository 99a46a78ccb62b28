//! The type of a file by its first bytes; its name and the client's content type do not count.
//!
//! The signatures are those of the WHATWG MIME Sniffing standard, sections 6 and 7, and of the formats' own documents,
//! for commonly uploaded types. A signature that a person could have typed counts only together with what follows it
//! in such a file, so that a text about a format is not taken for a file of it.

/// How many bytes a signature may need.
pub(crate) const HEAD: usize = 8 * 1024;

/// A file that is not text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Binary {
    Png,
    Jpeg,
    /// A known type that is only stored.
    Other(&'static str),
}

/// Signatures that contain control characters: no text begins with them.
const SIGNATURES: [(&[u8], Binary); 17] = [
    (b"\x89PNG\r\n\x1a\n", Binary::Png),
    (b"\xff\xd8\xff", Binary::Jpeg),
    (b"PK\x05\x06", Binary::Other("application/zip")),
    (b"\x1f\x8b\x08", Binary::Other("application/gzip")),
    (b"BZh91AY&SY", Binary::Other("application/x-bzip2")),
    (b"\xfd7zXZ\0", Binary::Other("application/x-xz")),
    (b"\x28\xb5\x2f\xfd", Binary::Other("application/zstd")),
    (b"7z\xbc\xaf\x27\x1c", Binary::Other("application/x-7z-compressed")),
    (b"Rar!\x1a\x07", Binary::Other("application/vnd.rar")),
    (b"OggS\0", Binary::Other("application/ogg")),
    (b"fLaC\0", Binary::Other("audio/flac")),
    (b"SQLite format 3\0", Binary::Other("application/vnd.sqlite3")),
    (b"II*\0", Binary::Other("image/tiff")),
    (b"MM\0*", Binary::Other("image/tiff")),
    (b"\0\0\x01\0", Binary::Other("image/x-icon")),
    (b"\0asm", Binary::Other("application/wasm")),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", Binary::Other("application/x-ole-storage")),
];

/// The brands of ISO base media files (ISO/IEC 14496-12) with a type of their own; all others are video/mp4.
const BRANDS: [(&[u8], &str); 24] = [
    (b"avif", "image/avif"),
    (b"avis", "image/avif"),
    (b"heic", "image/heic"),
    (b"heix", "image/heic"),
    (b"heim", "image/heic"),
    (b"heis", "image/heic"),
    (b"hevc", "image/heic-sequence"),
    (b"hevx", "image/heic-sequence"),
    (b"mif1", "image/heif"),
    (b"mif2", "image/heif"),
    (b"msf1", "image/heif-sequence"),
    (b"qt  ", "video/quicktime"),
    (b"M4A ", "audio/mp4"),
    (b"M4B ", "audio/mp4"),
    (b"M4P ", "audio/mp4"),
    (b"F4A ", "audio/mp4"),
    (b"M4V ", "video/x-m4v"),
    (b"3gp4", "video/3gpp"),
    (b"3gp5", "video/3gpp"),
    (b"3gp6", "video/3gpp"),
    (b"3g2a", "video/3gpp2"),
    (b"jp2 ", "image/jp2"),
    (b"jxl ", "image/jxl"),
    (b"crx ", "image/x-canon-cr3"),
];

/// The type of content that begins with `head`, the first [`HEAD`] bytes or all of a shorter file; none if no
/// signature matches.
pub(crate) fn sniff(head: &[u8]) -> Option<Binary> {
    if let Some((_, kind)) = SIGNATURES.iter().find(|(signature, _)| head.starts_with(signature)) {
        return Some(*kind);
    }
    zip(head)
        .or_else(|| riff(head))
        .or_else(|| media(head))
        .or_else(|| matroska(head))
        .or_else(|| typed(head))
        .map(Binary::Other)
}

/// Signatures that could be typed, together with what only a file of that type has after them.
fn typed(head: &[u8]) -> Option<&'static str> {
    let at = |place: usize| head.get(place).copied();
    let gif = head.starts_with(b"GIF87a") || head.starts_with(b"GIF89a");
    if gif && head.get(6..13).is_some_and(has_number) {
        return Some("image/gif");
    }
    // The reserved bytes of a BMP, and the size of its second header.
    if head.starts_with(b"BM") && head.get(6..10) == Some(&[0; 4]) && head.get(15..18) == Some(&[0; 3]) {
        return Some("image/bmp");
    }
    // ID3v2.2 to 2.4.
    if head.starts_with(b"ID3")
        && matches!(at(3), Some(2..=4))
        && at(4).is_some_and(|revision| revision < 0x20)
    {
        return Some("audio/mpeg");
    }
    let pdf = head.starts_with(b"%PDF-") && at(5).is_some_and(|version| version.is_ascii_digit());
    pdf.then_some("application/pdf")
}

/// An archive, or a document inside one: OpenDocument and EPUB name the type in their first entry, Microsoft Office
/// formats are recognized by their folders.
fn zip(head: &[u8]) -> Option<&'static str> {
    if !head.starts_with(b"PK\x03\x04") {
        return None;
    }
    let named = |name: &[u8]| {
        head.windows(4 + 26 + name.len())
            .any(|entry| entry.starts_with(b"PK\x03\x04") && entry.ends_with(name))
    };
    if head.get(30..38) == Some(b"mimetype") {
        let rest = &head[38..];
        let types = [
            "application/epub+zip",
            "application/vnd.oasis.opendocument.text",
            "application/vnd.oasis.opendocument.spreadsheet",
            "application/vnd.oasis.opendocument.presentation",
            "application/vnd.oasis.opendocument.graphics",
        ];
        return types.into_iter().find(|name| rest.starts_with(name.as_bytes())).or(Some("application/zip"));
    }
    let office = named(b"[Content_Types].xml") || named(b"_rels/");
    Some(match () {
        () if office && named(b"word/") => {
            "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
        }
        () if office && named(b"xl/") => "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        () if office && named(b"ppt/") => {
            "application/vnd.openxmlformats-officedocument.presentationml.presentation"
        }
        () => "application/zip",
    })
}

fn riff(head: &[u8]) -> Option<&'static str> {
    if !head.starts_with(b"RIFF") || !has_number(head.get(4..8)?) {
        return None;
    }
    match head.get(8..12)? {
        b"WEBP" => Some("image/webp"),
        b"WAVE" => Some("audio/wav"),
        b"AVI " => Some("video/x-msvideo"),
        _ => None,
    }
}

/// Binary numbers contain zeros and other bytes that no text has.
fn has_number(bytes: &[u8]) -> bool {
    bytes.iter().any(|byte| *byte < 9)
}

/// An ISO base media file: its first box is `ftyp`, and the brand in it gives the type.
fn media(head: &[u8]) -> Option<&'static str> {
    if head.get(4..8) != Some(b"ftyp") && head.get(4..8) != Some(b"JXL ") && head.get(4..8) != Some(b"jP  ") {
        return None;
    }
    let length = u32::from_be_bytes(head.get(..4)?.try_into().ok()?) as usize;
    if head.get(4..8) != Some(b"ftyp") {
        // The signature box of JPEG XL and JPEG 2000; the box with the brand follows.
        return if length == 12 { media(head.get(12..)?) } else { None };
    }
    // The box holds a brand, a version and other brands; in a text its length would consist of letters.
    if length < 16 || !length.is_multiple_of(4) || length > HEAD {
        return None;
    }
    let known = |brand: &[u8]| BRANDS.iter().find(|(name, _)| *name == brand).map(|(_, kind)| *kind);
    let major = known(head.get(8..12)?);
    // `mif1` only means a still picture: the other brands give the coding.
    let others = head.get(16..length.min(head.len())).unwrap_or_default().chunks_exact(4);
    let exact = || others.filter_map(known).find(|kind| matches!(*kind, "image/avif" | "image/heic"));
    match major {
        Some("image/heif") => exact().or(Some("image/heif")),
        Some(kind) => Some(kind),
        None => Some("video/mp4"),
    }
}

/// EBML (RFC 8794): its header names the document type.
fn matroska(head: &[u8]) -> Option<&'static str> {
    if !head.starts_with(b"\x1aE\xdf\xa3") {
        return None;
    }
    let header = &head[..head.len().min(64)];
    let names = |name: &[u8]| header.windows(name.len()).any(|piece| piece == name);
    Some(match () {
        () if names(b"webm") => "video/webm",
        () if names(b"matroska") => "video/matroska",
        () => "application/octet-stream",
    })
}
