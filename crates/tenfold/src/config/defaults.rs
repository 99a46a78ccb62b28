//! The defaults document: which keys exist, what they mean, what they are.

use toml::{Spanned, de::DeValue};

use super::{
    ConfigError, Origin,
    setting::{ANY_NAME, Setting, is_plain},
    text::{TomlAssignment, TomlDocument},
    value::{Secrecy, SettingValue},
};

/// The settings of a defaults document, in its order.
pub(super) fn settings(document: &TomlDocument<'_>) -> Result<Vec<Setting>, ConfigError> {
    let lines: Vec<&str> = document.text.lines().collect();
    document.assignments()?.iter().map(|assignment| setting(document, &lines, assignment)).collect()
}

fn setting(
    document: &TomlDocument<'_>,
    lines: &[&str],
    assignment: &TomlAssignment<'_>,
) -> Result<Setting, ConfigError> {
    let line = document.line(assignment.at);
    let wrong = |reason: String| ConfigError::Defaults { file: document.name.to_owned(), line, reason };
    let key = &assignment.name;
    if !key.contains('.') {
        return Err(wrong(format!("put `{key}` into a section, or give the section a key")));
    }
    if !key.split('.').all(|part| is_plain(part) || part == ANY_NAME) {
        return Err(wrong(format!(
            "`{key}` needs parts of a-z, 0-9 and single `_` between them, so that it has one variable name"
        )));
    }
    let (kind, default) = SettingValue::from_default(assignment.value.get_ref())
        .map_err(|reason| wrong(format!("`{key}`: {reason}")))?;
    let (comment, mut secrecy) = comment(document, lines, line, &assignment.value);
    if SECRET_NAMES.iter().any(|name| key.ends_with(name)) {
        secrecy = Secrecy::Secret;
    }
    if comment.is_empty() {
        return Err(wrong(format!("document `{key}` with a comment above it")));
    }
    let value = default.clone();
    Ok(Setting { key: key.clone(), kind, default, comment, secrecy, value, origin: Origin::Default })
}

/// Names with these endings hold secrets, marked or not: authors forget the mark, and logs are kept.
const SECRET_NAMES: [&str; 4] = ["password", "passwd", "secret", "token"];

/// The comment lines right above a key, then the comment after its value. The word `secret` marks a secret: as a
/// whole line above the key, or anywhere in the comment after the value.
fn comment(
    document: &TomlDocument<'_>,
    lines: &[&str],
    line: usize,
    value: &Spanned<DeValue<'_>>,
) -> (String, Secrecy) {
    let above = lines[..line - 1].iter().rev().map_while(|line| line.trim().strip_prefix('#'));
    let mut found: Vec<&str> = above.collect();
    found.reverse();
    let mut secrecy = Secrecy::Open;
    found.retain(|line| match line.trim() {
        "secret" => {
            secrecy = Secrecy::Secret;
            false
        }
        _ => true,
    });
    let behind = document.text[value.span().end..].lines().next().unwrap_or_default();
    if let Some(behind) = behind.trim().strip_prefix('#').map(str::trim) {
        if behind.split(|c: char| !c.is_alphanumeric()).any(|word| word == "secret") {
            secrecy = Secrecy::Secret;
        }
        let leading = behind.strip_prefix("secret").filter(|rest| !rest.starts_with(char::is_alphanumeric));
        found.push(leading.map_or(behind, |rest| rest.trim_start_matches([':', ',', '.', ' '])));
    }
    let text: Vec<&str> = found.into_iter().map(|line| line.strip_prefix(' ').unwrap_or(line)).collect();
    (text.join("\n").trim().to_owned(), secrecy)
}
