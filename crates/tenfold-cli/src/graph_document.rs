//! The document in which the picture of the modules is committed.

const FENCE: &str = "```mermaid\n";

/// The first diagram in a Markdown `document`, as `graph::mermaid` would write it.
pub fn committed(document: &str) -> Option<&str> {
    let (start, end) = fenced(document)?;
    Some(&document[start..end])
}

/// `document` with its first diagram replaced by `picture`, or with `picture` appended when it has none.
pub fn rewritten(document: &str, picture: &str) -> String {
    match fenced(document) {
        Some((start, end)) => format!("{}{picture}{}", &document[..start], &document[end..]),
        None if document.is_empty() => format!("# The modules\n\n{FENCE}{picture}```\n"),
        None => format!("{}\n\n{FENCE}{picture}```\n", document.trim_end()),
    }
}

/// The byte range of the text inside the first fence.
fn fenced(document: &str) -> Option<(usize, usize)> {
    let start = document.find(FENCE)? + FENCE.len();
    let end = if document[start..].starts_with("```") { 0 } else { document[start..].find("\n```")? + 1 };
    Some((start, start + end))
}
