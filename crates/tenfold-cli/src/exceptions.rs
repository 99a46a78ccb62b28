//! `tenfold-check.toml`: what is tolerated, why and until when.
//!
//! ```toml
//! [[allow]]
//! rule = "tables"
//! where = "modules/billing/src/report.rs"    # the file that the error names
//! names = "auth_users"                       # optional: only what the error is about
//! reason = "the report moves behind an interface with the new plans"
//! until = "2027-01-31"                       # the last day on which it holds
//! ```
//!
//! An unused exception is an error, so that the file shrinks as its causes disappear. There is no baseline
//! of tolerated violations, since such files only grow.

use std::path::Path;

use jiff::civil::Date;
use serde::Deserialize;
use toml::Spanned;

use crate::error::CheckError;
use crate::manifest::line_at;
use crate::violation::{FileLine, Rule, Violation};

/// The name of the file, in the workspace root.
pub const FILE: &str = "tenfold-check.toml";

/// The remaining violations, and the number of exceptions that were used.
#[derive(Debug)]
pub struct Judged {
    /// The violations that no exception tolerates, and the errors in the exceptions themselves.
    pub violations: Vec<Violation>,
    /// How many exceptions tolerate something.
    pub exceptions: usize,
}

/// Removes the violations that `tenfold-check.toml` in `root` tolerates on the day `today`.
pub fn apply(root: &Path, violations: Vec<Violation>, today: Date) -> Result<Judged, CheckError> {
    let path = root.join(FILE);
    if !path.exists() {
        return Ok(Judged { violations, exceptions: 0 });
    }
    let text = std::fs::read_to_string(&path).map_err(CheckError::file(&path))?;
    let listed: ExceptionFile = match toml::from_str(&text) {
        Ok(listed) => listed,
        Err(error) => {
            let line = error.span().map_or(1, |span| line_at(&text, span.start));
            let wrong = format!("this file cannot be read: {}", error.message());
            let mut violations = violations;
            violations.push(complaint(
                line,
                FILE,
                wrong,
                "each [[allow]] has rule, where, reason, until, and names if wanted",
            ));
            return Ok(Judged { violations, exceptions: 0 });
        }
    };
    Ok(judge(&listed.allow, &text, violations, today))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ExceptionFile {
    #[serde(default)]
    allow: Vec<Allow>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Allow {
    rule: Spanned<String>,
    #[serde(rename = "where")]
    path: String,
    names: Option<String>,
    reason: String,
    until: String,
}

impl Allow {
    fn covers(&self, violation: &Violation) -> bool {
        violation.rule.name() == self.rule.get_ref()
            && Rule::EXCEPTABLE.contains(&violation.rule)
            && violation.place.path == self.path
            && self.names.as_ref().is_none_or(|names| *names == violation.names)
    }

    /// The error in the entry itself, if any.
    fn complaint(&self, line: usize, today: Date) -> Option<Violation> {
        let rule = self.rule.get_ref().as_str();
        let known = Rule::EXCEPTABLE.map(Rule::name);
        if !known.contains(&rule) {
            let wrong = format!("there is no rule `{rule}` from which an exception can be made");
            return Some(complaint(line, rule, wrong, &format!("write one of {}", known.join(", "))));
        }
        if self.reason.trim().is_empty() {
            let wrong = format!("the exception from `{rule}` for {} gives no reason", self.path);
            return Some(complaint(line, rule, wrong, "say why it is needed, and what will end it"));
        }
        match self.until.parse::<Date>() {
            Err(_) => {
                let wrong = format!("`until = \"{}\"` is not a date", self.until);
                Some(complaint(line, rule, wrong, "write a date such as \"2027-01-31\""))
            }
            Ok(until) if until < today => {
                let wrong = format!("the exception from `{rule}` for {} ended on {until}", self.path);
                Some(complaint(line, rule, wrong, "fix what it tolerates, or renew it with a current reason"))
            }
            Ok(_) => None,
        }
    }
}

fn judge(allows: &[Allow], text: &str, violations: Vec<Violation>, today: Date) -> Judged {
    let mut remaining = violations;
    let mut complaints = Vec::new();
    let mut exceptions = 0;
    for allow in allows {
        let line = line_at(text, allow.rule.span().start);
        if let Some(complaint) = allow.complaint(line, today) {
            complaints.push(complaint);
            continue;
        }
        let before = remaining.len();
        remaining.retain(|violation| !allow.covers(violation));
        if remaining.len() == before {
            let rule = allow.rule.get_ref();
            let wrong = format!("the exception from `{rule}` for {} tolerates nothing", allow.path);
            complaints.push(complaint(line, rule, wrong, "remove it"));
        } else {
            exceptions += 1;
        }
    }
    remaining.extend(complaints);
    remaining.sort();
    Judged { violations: remaining, exceptions }
}

fn complaint(line: usize, names: &str, wrong: String, remedy: &str) -> Violation {
    Violation::new(Rule::Exceptions, FileLine::new(FILE, line), names, wrong, remedy)
}
