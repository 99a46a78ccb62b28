//! Finds a division of a sum, which the databases compute differently: `sum(bigint)` is a bigint on SQLite, so half of
//! it is truncated, and a numeric on PostgreSQL, so half of it keeps its fraction. The check runs while the author's
//! program is compiled.

/// The maximum depth of nested parentheses that is checked.
const DEPTH: usize = 32;

/// What is known about one pair of parentheses.
#[derive(Clone, Copy)]
struct Group {
    /// They belong to a CAST, whose result has the named type.
    is_cast: bool,
    /// They contain a sum outside a CAST.
    has_sum: bool,
    /// The current product or quotient contains a sum.
    term_has_sum: bool,
    /// The current product or quotient contains a division.
    term_divides: bool,
}

const NEW: Group = Group { is_cast: false, has_sum: false, term_has_sum: false, term_divides: false };

impl Group {
    /// Notes a sum. Returns whether something is divided by it.
    const fn takes_sum(&mut self) -> bool {
        self.has_sum = true;
        self.term_has_sum = true;
        self.term_divides
    }
}

/// Whether a sum is divided, or something is divided by a sum, without a CAST that determines its type.
pub(super) const fn divides_a_sum(text: &str) -> bool {
    let text = text.as_bytes();
    let mut groups = [NEW; DEPTH];
    let (mut depth, mut at) = (0, 0);
    // The word before a parenthesis.
    let (mut word, mut word_end) = (0, 0);
    while at < text.len() {
        let sign = text[at];
        let behind = after_quoted(text, at);
        if behind > at {
            at = behind;
            continue;
        }
        if is_word(sign) {
            word = at;
            while at < text.len() && is_word(text[at]) {
                at += 1;
            }
            word_end = at;
            if ends_term(text, word, at) {
                groups[depth].term_has_sum = false;
                groups[depth].term_divides = false;
            }
            continue;
        }
        match sign {
            b'(' => {
                if depth + 1 == DEPTH {
                    return false;
                }
                depth += 1;
                let is_called = word_end > 0 && only_space(text, word_end, at);
                groups[depth] = Group {
                    is_cast: is_called && is(text, word, word_end, b"cast"),
                    has_sum: is_called && is(text, word, word_end, b"sum"),
                    ..NEW
                };
            }
            b')' if depth > 0 => {
                let inner = groups[depth];
                depth -= 1;
                if inner.has_sum && !inner.is_cast && groups[depth].takes_sum() {
                    return true;
                }
            }
            b'/' => {
                if groups[depth].term_has_sum {
                    return true;
                }
                groups[depth].term_divides = true;
            }
            b'*' | b'%' | b'.' => {}
            _ if sign.is_ascii_whitespace() => {}
            _ => {
                groups[depth].term_has_sum = false;
                groups[depth].term_divides = false;
            }
        }
        at += 1;
    }
    false
}

/// Whether the word ends the term before it. FILTER, for example, does not.
const fn ends_term(text: &[u8], start: usize, end: usize) -> bool {
    let words: [&[u8]; 14] = [
        b"as", b"from", b"where", b"and", b"or", b"then", b"else", b"when", b"end", b"by", b"having",
        b"select", b"union", b"group",
    ];
    let mut index = 0;
    while index < words.len() {
        if is(text, start, end, words[index]) {
            return true;
        }
        index += 1;
    }
    false
}

/// The position after a quoted text, a quoted name or a comment that begins at `at`; `at` itself if none does.
const fn after_quoted(text: &[u8], at: usize) -> usize {
    match text[at] {
        quote @ (b'\'' | b'"') => after(text, at + 1, quote),
        b'-' if at + 1 < text.len() && text[at + 1] == b'-' => after(text, at, b'\n'),
        _ => at,
    }
}

/// The position after the next `sign`.
const fn after(text: &[u8], mut at: usize, sign: u8) -> usize {
    while at < text.len() && text[at] != sign {
        at += 1;
    }
    at + 1
}

const fn is_word(sign: u8) -> bool {
    sign.is_ascii_alphanumeric() || sign == b'_' || sign == b'$' || sign >= 0x80
}

/// Whether the text from `start` to `end` is `word`, ignoring case.
const fn is(text: &[u8], start: usize, end: usize, word: &[u8]) -> bool {
    if end - start != word.len() {
        return false;
    }
    let mut at = 0;
    while at < word.len() {
        if text[start + at].to_ascii_lowercase() != word[at] {
            return false;
        }
        at += 1;
    }
    true
}

const fn only_space(text: &[u8], mut at: usize, end: usize) -> bool {
    while at < end {
        if !text[at].is_ascii_whitespace() {
            return false;
        }
        at += 1;
    }
    true
}

#[cfg(test)]
mod tests {
    use super::divides_a_sum;

    #[test]
    fn a_sum_that_is_divided_is_found() {
        for text in [
            "SELECT sum(n) / 2 FROM t",
            "SELECT a, SUM (n)/count(*) FROM t",
            "SELECT coalesce(sum(n), 0) / 2 FROM t",
            "SELECT 100 * count(*) / sum(n) FROM t",
            "SELECT sum(n) * 100 / count(*) FROM t",
            "SELECT sum(n) FILTER (WHERE n > 0) / 2 FROM t",
            "SELECT (1 + sum(n)) / 2 FROM t",
            "SELECT CAST(sum(n) / 2 AS bigint) FROM t",
            "SELECT id FROM t GROUP BY id HAVING sum(n) / 2 > $1",
        ] {
            assert!(divides_a_sum(text), "{text}");
        }
    }

    #[test]
    fn what_has_a_type_is_left_alone() {
        for text in [
            "SELECT CAST(sum(n) AS bigint) / 2 FROM t",
            "SELECT sum(n / 2) FROM t",
            "SELECT sum(n), count(*) / 2 FROM t",
            "SELECT count(*) / 2 + sum(n) FROM t",
            "SELECT a / 2 AS half, sum(n) FROM t",
            "SELECT 'sum(n) / 2', checksum(n) / 2 FROM t -- sum(n) / 2",
            "SELECT sum(n) AS total, a / b FROM t",
            "UPDATE t SET half = half / 2 WHERE n > (SELECT sum(n) FROM t)",
        ] {
            assert!(!divides_a_sum(text), "{text}");
        }
    }
}
