//! Cuts sections out of a text.
//!
//! A section stands between a line with `carve:if CONDITION` and one with `carve:end`, each in a comment of the file's
//! language, and may hold others. A condition is names joined by `and`, or such groups joined by `or`; `not` negates
//! the name behind it. All these lines are taken out, and so is the section if its condition does not hold. (The idea
//! is that of Laravel's starter kits: one application that runs, and less of it.)

/// The beginning of a section.
const IF: &str = "carve:if ";
/// The end of the section that was begun last.
const END: &str = "carve:end";

/// What is wrong with a text's sections.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum CarveError {
    /// A name that no answer gives.
    #[error("line {line}: no answer is called `{name}`")]
    Unknown {
        /// From 1.
        line: usize,
        /// The name.
        name: String,
    },
    /// An end without a beginning.
    #[error("line {0}: `carve:end` ends no section")]
    NotBegun(usize),
    /// A beginning without an end.
    #[error("line {0}: this section has no `carve:end`")]
    NotEnded(usize),
}

/// The text without the sections whose condition does not hold. `holds` answers for one name, `None` if there is no
/// such name.
pub fn carve(text: &str, holds: impl Fn(&str) -> Option<bool>) -> Result<String, CarveError> {
    let mut kept = String::with_capacity(text.len());
    // The sections around the line: where each began, and whether it is kept.
    let mut sections: Vec<(usize, bool)> = Vec::new();
    for (line, content) in (1..).zip(text.split_inclusive('\n')) {
        if let Some((_, condition)) = content.split_once(IF) {
            let is_kept = evaluate(condition_of(condition), &holds)
                .map_err(|name| CarveError::Unknown { line, name })?;
            sections.push((line, is_kept));
        } else if content.contains(END) {
            sections.pop().ok_or(CarveError::NotBegun(line))?;
        } else if sections.iter().all(|(_, is_kept)| *is_kept) {
            kept.push_str(content);
        }
    }
    match sections.pop() {
        Some((line, _)) => Err(CarveError::NotEnded(line)),
        None => Ok(kept),
    }
}

/// Whether a condition holds; the name in it that is unknown, otherwise.
pub fn evaluate(condition: &str, holds: &impl Fn(&str) -> Option<bool>) -> Result<bool, String> {
    let mut any = false;
    for group in condition.split(" or ") {
        let mut all = true;
        for name in group.split(" and ").map(str::trim) {
            let (negated, name) = match name.strip_prefix("not ") {
                Some(name) => (true, name),
                None => (false, name),
            };
            all &= holds(name).ok_or_else(|| name.to_owned())? != negated;
        }
        any |= all;
    }
    Ok(any)
}

/// The condition without the end of the comment that it is in.
fn condition_of(rest: &str) -> &str {
    let rest = rest.trim_end();
    rest.trim_end_matches("-->").trim_end_matches("*/").trim()
}

#[cfg(test)]
mod tests {
    use super::{CarveError, carve};

    fn holds(name: &str) -> Option<bool> {
        match name {
            "yes" => Some(true),
            "no" => Some(false),
            _ => None,
        }
    }

    #[test]
    fn a_section_stays_without_its_marks_or_goes() {
        let text = "a\n  // carve:if yes\n  b\n  // carve:end\n<!-- carve:if no -->\nc\n<!-- carve:end -->\n/* carve:if yes */\nd\n/* carve:end */\ne";
        assert_eq!(carve(text, holds).unwrap(), "a\n  b\nd\ne");
    }

    #[test]
    fn a_section_inside_one_that_goes_goes_too() {
        let text = "# carve:if no\n# carve:if yes\na\n# carve:end\nb\n# carve:end\nc\n";
        assert_eq!(carve(text, holds).unwrap(), "c\n");
    }

    #[test]
    fn and_binds_closer_than_or_and_not_closest() {
        for (condition, kept) in [
            ("not no", true),
            ("not yes", false),
            ("yes and no", false),
            ("yes and not no", true),
            ("no and no or yes", true),
            ("yes or no and no", true),
            ("no or not yes", false),
        ] {
            let text = format!("# carve:if {condition}\na\n# carve:end\n");
            assert_eq!(carve(&text, holds).unwrap(), if kept { "a\n" } else { "" }, "{condition}");
        }
    }

    #[test]
    fn what_is_wrong_is_told_with_its_line() {
        let unknown = CarveError::Unknown { line: 2, name: "maybe".to_owned() };
        assert_eq!(carve("a\n# carve:if yes and maybe\n# carve:end\n", holds), Err(unknown));
        assert_eq!(carve("a\n# carve:end\n", holds), Err(CarveError::NotBegun(2)));
        assert_eq!(
            carve("# carve:if yes\n# carve:if no\n# carve:end\n", holds),
            Err(CarveError::NotEnded(1))
        );
    }
}
