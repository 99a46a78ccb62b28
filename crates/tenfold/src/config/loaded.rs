use std::{
    fmt,
    fmt::Display,
    ops::{Bound, RangeBounds},
};

use serde::{
    Deserialize, Deserializer,
    de::{DeserializeOwned, IntoDeserializer},
};

use super::{
    ConfigError, Origin,
    secret::{MASK, masked, password},
    setting::{Setting, unknown, within_section},
    text::one_line,
    value::Secrecy,
};

/// The longest assignment, in characters, that still shifts the origin column of its section.
const ALIGNED_WIDTH: usize = 60;

/// The configuration in force. Its `Debug` is [`explain`](Loaded::explain), so secrets stay unseen.
pub struct Loaded {
    pub(super) settings: Vec<Setting>,
    /// Those whose section has a name of the operator's choice.
    pub(super) of_any_name: Vec<Setting>,
}

/// One key of the defaults, for a reference page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Documentation {
    /// The key, such as `database.url`.
    pub key: String,
    /// Its variable, such as `TENFOLD_DATABASE__URL`.
    pub variable: String,
    /// Its default as TOML; masked if secret.
    pub default: String,
    /// Its comment in the defaults; lines are kept.
    pub comment: String,
    /// Whether its value is never shown.
    pub secret: bool,
}

impl Loaded {
    /// The values of a section as a type; a section below another is named `http.limits`. Give the type
    /// `#[serde(deny_unknown_fields)]`, so that it and the defaults cannot drift apart.
    ///
    /// # Errors
    /// [`ConfigError::Refused`] names the key a field did not take, its value, its origin and what the field
    /// expects. For a value with a secret in it the documentation of the key replaces the field's message,
    /// which may repeat a part of the secret. [`ConfigError::Section`] if the type refuses the section as a
    /// whole (`#[serde(try_from = …)]`, a missing or an extra field).
    pub fn section<T: DeserializeOwned>(&self, name: &str) -> Result<T, ConfigError> {
        let mut text = String::new();
        let mut places = Vec::new();
        for setting in &self.settings {
            let Some(key) = within_section(&setting.key, name) else { continue };
            // One line per key, so that an error's line in this text gives the key.
            text.push_str(&format!("{key} = "));
            let start = text.len();
            text.push_str(&setting.value.exposed());
            places.push((start..=text.len(), setting));
            text.push('\n');
        }
        if places.is_empty() {
            return Err(unknown(&self.settings, name, "section requested by the program"));
        }
        toml::from_str(&text).map_err(|error| {
            let at = error.span().map(|span| span.start);
            match places.iter().find(|(place, _)| at.is_some_and(|at| place.contains(&at))) {
                Some((_, setting)) => refused_by_field(setting, error.message()),
                None => {
                    let settings = places.iter().map(|(_, setting)| *setting);
                    refused_as_a_whole(name, settings, error.message())
                }
            }
        })
    }

    /// Checks that the value of `key`, as its section's type has it, lies within a range; for types such as
    /// [`ByteSize`](super::ByteSize), [`TimeSpan`](super::TimeSpan) and numbers.
    ///
    /// # Errors
    /// [`ConfigError::OutOfRange`] names the key, its value, its origin and the range;
    /// [`ConfigError::UnknownKey`] if the program asks for a key that does not exist.
    pub fn within<T>(&self, key: &str, value: T, range: impl RangeBounds<T>) -> Result<(), ConfigError>
    where
        T: PartialOrd + Display,
    {
        let setting = self.setting(key)?;
        if range.contains(&value) {
            return Ok(());
        }
        let lower = match range.start_bound() {
            Bound::Included(least) => Some(format!("at least {least}")),
            Bound::Excluded(least) => Some(format!("more than {least}")),
            Bound::Unbounded => None,
        };
        let upper = match range.end_bound() {
            Bound::Included(most) => Some(format!("at most {most}")),
            Bound::Excluded(most) => Some(format!("less than {most}")),
            Bound::Unbounded => None,
        };
        let bounds: Vec<String> = lower.into_iter().chain(upper).collect();
        Err(ConfigError::OutOfRange {
            key: key.to_owned(),
            value: one_line(&setting.value.shown(setting.secrecy)),
            origin: setting.origin.clone(),
            allowed: format!("use {}", bounds.join(" and ")),
        })
    }

    /// The error that refuses the value of `key` for a reason other than a range. `reason` says what is allowed,
    /// without repeating the value, which may be a secret.
    ///
    /// # Errors
    /// Always: [`ConfigError::Refused`], or [`ConfigError::UnknownKey`] if the program names a key that does not exist.
    pub fn refuse(&self, key: &str, reason: &str) -> Result<(), ConfigError> {
        let setting = self.setting(key)?;
        Err(setting.refusal(setting.value.shown(setting.secrecy), setting.origin.clone(), reason))
    }

    /// Where the value of a key came from.
    ///
    /// # Errors
    /// [`ConfigError::UnknownKey`].
    pub fn origin(&self, key: &str) -> Result<&Origin, ConfigError> {
        self.setting(key).map(|setting| &setting.origin)
    }

    /// Every key with its value and origin, as valid TOML by section in the order of the defaults; secrets
    /// are masked. Ends with a line break.
    pub fn explain(&self) -> String {
        let mut sections: Vec<(&str, Vec<(String, &Origin)>)> = Vec::new();
        for setting in &self.settings {
            let (section, name) = setting.section_and_name();
            let line = (format!("{name} = {}", setting.value.shown(setting.secrecy)), &setting.origin);
            match sections.iter_mut().find(|(known, _)| *known == section) {
                Some((_, lines)) => lines.push(line),
                None => sections.push((section, vec![line])),
            }
        }
        let texts: Vec<String> = sections.iter().map(|(name, lines)| explained(name, lines)).collect();
        texts.join("\n")
    }

    /// What the settings of a section mean, or a single setting, with the variable of each, its value and its origin, as valid TOML; secrets are
    /// masked. Ends with a line break.
    ///
    /// # Errors
    /// [`ConfigError::UnknownKey`] if there is no section and no key of this name.
    pub fn describe(&self, name: &str) -> Result<String, ConfigError> {
        let is_meant =
            |setting: &&Setting| setting.key == name || within_section(&setting.key, name).is_some();
        let mut text = String::new();
        let mut last = "";
        for setting in self.settings.iter().filter(is_meant) {
            let (section, key) = setting.section_and_name();
            if section != last {
                text += &format!("[{section}]\n");
                last = section;
            }
            let comment: String = setting.comment.lines().map(|line| format!("# {line}\n")).collect();
            let (variable, value) = (setting.variable(), setting.value.shown(setting.secrecy));
            text += &format!("{comment}# {variable}\n{key} = {value}   # {}\n\n", setting.origin);
        }
        if text.is_empty() {
            return Err(unknown(&self.settings, name, "command line"));
        }
        text.pop();
        Ok(text)
    }

    /// The defaults as a reference, in their order; those of any name come last.
    pub fn documentation(&self) -> impl Iterator<Item = Documentation> {
        self.settings.iter().chain(&self.of_any_name).map(|setting| Documentation {
            key: setting.key.clone(),
            variable: setting.variable(),
            default: setting.default.shown(setting.secrecy),
            comment: setting.comment.clone(),
            secret: setting.secrecy == Secrecy::Secret,
        })
    }

    fn setting(&self, key: &str) -> Result<&Setting, ConfigError> {
        self.settings
            .iter()
            .find(|setting| setting.key == key)
            .ok_or_else(|| unknown(&self.settings, key, "key requested by the program"))
    }
}

impl fmt::Debug for Loaded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.explain())
    }
}

/// For `#[serde(deserialize_with = "unless_empty")]`: `None` for the empty string, which in defaults means
/// "not set"; any other text goes to `T`.
///
/// # Errors
/// The errors of `T`.
pub fn unless_empty<'de, D, T>(from: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    let text = String::deserialize(from)?;
    match text.is_empty() {
        true => Ok(None),
        false => T::deserialize(text.into_deserializer()).map(Some),
    }
}

fn explained(section: &str, lines: &[(String, &Origin)]) -> String {
    let widths = lines.iter().map(|(assignment, _)| assignment.chars().count());
    let width = widths.filter(|width| *width <= ALIGNED_WIDTH).max().unwrap_or(0);
    let body = lines.iter().map(|(assignment, origin)| format!("{assignment:<width$}   # {origin}\n"));
    format!("[{section}]\n{}", body.collect::<String>())
}

fn refused_by_field(setting: &Setting, message: &str) -> ConfigError {
    let reason = match setting.value.hides(setting.secrecy) {
        true => format!("expected what its documentation says: {}", setting.comment),
        false => expectation(message),
    };
    setting.refusal(setting.value.shown(setting.secrecy), setting.origin.clone(), &one_line(&reason))
}

/// An error across fields may quote any value, so every secret of the section is removed from its text.
fn refused_as_a_whole<'s>(
    section: &str,
    settings: impl Iterator<Item = &'s Setting>,
    message: &str,
) -> ConfigError {
    let hidden = settings.filter(|setting| setting.value.hides(setting.secrecy));
    let mut texts: Vec<String> = hidden.flat_map(|setting| setting.value.texts()).collect();
    texts.extend(texts.clone().iter().filter_map(|text| password(text)).map(str::to_owned));
    texts.retain(|text| !text.is_empty());
    // The longest first: removing a short secret early could split a longer one and leave the rest of it.
    texts.sort_by_key(|text| std::cmp::Reverse(text.len()));
    let mut reason = message.to_owned();
    for text in texts {
        let debugged = format!("{text:?}");
        reason = reason.replace(&text, MASK).replace(debugged.trim_matches('"'), MASK);
    }
    ConfigError::Section { section: section.to_owned(), reason: one_line(&masked(&reason)) }
}

/// serde's message without the value, which the error has already, and with plain words for Rust's types.
fn expectation(message: &str) -> String {
    let standard = ["invalid ", "unknown variant "].iter().any(|start| message.starts_with(start));
    let expected = match message.rsplit_once(", expected ") {
        Some((_, expected)) if standard => expected,
        _ => return message.to_owned(),
    };
    let plain = match expected {
        "u8" => "a whole number from 0 to 255",
        "u16" => "a whole number from 0 to 65535",
        "u32" => "a whole number from 0 to 4294967295",
        "u64" | "usize" => "a whole number of 0 or more",
        "i64" | "isize" => "a whole number",
        "f64" | "f32" => "a number",
        "a boolean" => "true or false",
        other => other,
    };
    format!("expected {plain}")
}
