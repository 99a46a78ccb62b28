//! Lines with separators that do not belong to a table: prose, code, JSON and logs.
//!
//! Short texts of these kinds can have the same number of commas in every line by chance. Treating one as a table
//! would be a silent error, so a table needs at least one line that looks like none of these.

/// Words that occur in dates and times.
const OF_TIMES: [&str; 26] = [
    "am", "pm", "utc", "gmt", "cet", "cest", "uhr", "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug",
    "sep", "oct", "nov", "dec", "mon", "tue", "wed", "thu", "fri", "sat", "sun",
];

/// Whether a line could belong to a table with this separator. Quoted text is removed from it.
pub(crate) fn is_ordinary(line: &[u8], separator: u8) -> bool {
    let fields: Vec<&[u8]> = line.split(|byte| *byte == separator).map(<[u8]>::trim_ascii).collect();
    let filled = fields.iter().filter(|field| !field.is_empty()).count();
    filled > 1
        && !is_nested(line, separator)
        && !is_prose(line, separator)
        && !is_statement(line, separator)
        && !is_logged(&fields)
        && !are_pairs(&fields)
}

/// Whether the line has a comma where only a separator would be: not before a space, and not between digits.
pub(crate) fn has_firm_comma(line: &[u8]) -> bool {
    let digit = |place: usize| line.get(place).is_some_and(u8::is_ascii_digit);
    line.iter().enumerate().any(|(place, byte)| {
        let soft = line.get(place + 1) == Some(&b' ') || place > 0 && digit(place - 1) && digit(place + 1);
        *byte == b',' && !soft
    })
}

/// A separator inside brackets separates their content: JSON, code, the browser's name in a log.
fn is_nested(line: &[u8], separator: u8) -> bool {
    let mut depth = 0_u32;
    line.iter().any(|byte| {
        match byte {
            b'(' | b'[' | b'{' => depth += 1,
            b')' | b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        *byte == separator && depth > 0
    })
}

/// Several words before the first separator, and a space after each separator.
fn is_prose(line: &[u8], separator: u8) -> bool {
    let mut fields = line.split(|byte| *byte == separator);
    let first = fields.next().unwrap_or_default();
    separator != b'\t'
        && first.trim_ascii().contains(&b' ')
        && fields.all(|field| matches!(field.first(), None | Some(b' ')))
}

/// Code with commas in it.
fn is_statement(line: &[u8], separator: u8) -> bool {
    separator == b',' && matches!(line.trim_ascii_end().last(), Some(b';' | b'{' | b'}'))
}

/// A time and words before the first separator, or a time whose fraction of a second the separator splits.
fn is_logged(fields: &[&[u8]]) -> bool {
    let first = String::from_utf8_lossy(fields.first().copied().unwrap_or_default());
    let is_time = |piece: &[u8]| matches!(piece, [a, b':', b, c] if a.is_ascii_digit() && b.is_ascii_digit() && c.is_ascii_digit());
    if !first.as_bytes().windows(4).any(is_time) {
        return false;
    }
    let is_word = |word: &str| {
        let word = word.trim_matches(|c: char| !c.is_alphanumeric()).to_lowercase();
        word.len() > 1 && word.chars().all(char::is_alphabetic) && !OF_TIMES.contains(&&*word)
    };
    let second = fields.get(1).copied().unwrap_or_default();
    let cut = first.as_bytes().last_chunk::<4>().is_some_and(|end| is_time(&[b'0', end[1], end[2], end[3]]));
    let is_fraction =
        cut && second.len() > 3 && second[..3].iter().all(u8::is_ascii_digit) && !second[3].is_ascii_digit();
    first.split_whitespace().any(is_word) || is_fraction
}

/// `name=value` pairs or the like.
fn are_pairs(fields: &[&[u8]]) -> bool {
    let is_pair = |field: &&[u8]| field.contains(&b'=') || field.windows(2).any(|piece| piece == b": ");
    fields.iter().filter(|field| !field.is_empty()).all(is_pair)
}
