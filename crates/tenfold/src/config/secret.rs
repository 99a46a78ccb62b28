use std::{convert::Infallible, fmt, ops::Range, str::FromStr};

use serde::{Deserialize, Deserializer};

/// Replaces a secret.
pub(super) const MASK: &str = "••••";

/// Names of parameters whose value is a secret, in URLs (`?password=…`) and in PostgreSQL's `key=value` form.
const SECRET_PARAMETERS: [&str; 6] = ["password", "passwd", "secret", "token", "key", "signature"];

/// A text that neither `Debug` nor `Display` shows; for settings that hold a secret.
#[derive(Clone, Default)]
pub struct Secret(String);

impl Secret {
    /// The secret itself, for the one place that needs it.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether nothing was set.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Secret {
        Secret(text)
    }
}

impl FromStr for Secret {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Secret, Infallible> {
        Ok(Secret(text.to_owned()))
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Secret, D::Error> {
        String::deserialize(from).map(Secret)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(MASK)
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(MASK)
    }
}

/// The text with the password of a URL and the values of secret parameters replaced by [`MASK`].
///
/// Parameters are masked first: an `@` inside one would otherwise end the hidden part of the URL too early.
pub(super) fn masked(text: &str) -> String {
    without_password(&without_parameters(text))
}

/// The password of a URL: from the first `:` after `://` up to the very last `@`. A URL such as
/// `http://host:80/@me` loses more than necessary, but a password with an unencoded `/`, `@` or space is
/// hidden completely.
pub(super) fn password(text: &str) -> Option<&str> {
    text.get(password_range(text)?)
}

fn password_range(text: &str) -> Option<Range<usize>> {
    let host = text.find("://")? + 3;
    let colon = host + text[host..].find(':')?;
    let end = text.rfind('@')?;
    (colon < end).then_some(colon + 1..end)
}

fn without_password(text: &str) -> String {
    match password_range(text) {
        Some(range) => format!("{}{MASK}{}", &text[..range.start], &text[range.end..]),
        None => text.to_owned(),
    }
}

fn without_parameters(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((start, end)) = secret_parameter(rest) {
        out.push_str(&rest[..start]);
        out.push_str(MASK);
        rest = &rest[end..];
    }
    out + rest
}

/// Start and end of the value of the first secret parameter that has one. In a URL only `&` ends the value;
/// in the `key=value` form a quote or a space ends it, unless escaped by a backslash. Everything before
/// that stays hidden.
fn secret_parameter(text: &str) -> Option<(usize, usize)> {
    let lower = text.to_ascii_lowercase();
    let is_url = text.contains("://");
    text.match_indices('=').find_map(|(equals, _)| {
        let name = lower[..equals].trim_end();
        if !SECRET_PARAMETERS.iter().any(|secret| name.ends_with(secret)) {
            return None;
        }
        let value = text[equals + 1..].trim_start();
        let start = text.len() - value.len();
        let length = match value.chars().next()? {
            _ if is_url => value.find('&'),
            quote @ ('\'' | '"') => value[1..].rfind(quote).map(|at| at + 2),
            _ => value
                .match_indices(char::is_whitespace)
                .map(|(at, _)| at)
                .find(|at| !value[..*at].ends_with('\\')),
        };
        let end = start + length.unwrap_or(value.len());
        (end > start).then_some((start, end))
    })
}
