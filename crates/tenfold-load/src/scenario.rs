//! A scenario: who sends what, as a file of TOML.

use std::fmt;
use std::path::Path;

use anyhow::Context as _;
use serde::Deserialize;
use serde::de::{Deserializer, Visitor};
use serde_json::Value;
use toml::Spanned;

/// Who sends what.
#[derive(Clone, Debug, Default)]
pub struct Scenario {
    /// The file, for messages.
    pub(crate) file: String,
    pub(crate) accounts: Vec<LoadAccount>,
    /// How many new organizations sign up, each with one account.
    pub(crate) organizations: u32,
    pub(crate) steps: Vec<LoadStep>,
}

/// Somebody who signs in.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LoadAccount {
    pub email: String,
    pub password: HiddenText,
}

/// One kind of request.
#[derive(Clone, Debug)]
pub(crate) struct LoadStep {
    /// From 1; 0 if no file has it.
    pub line: usize,
    pub operation: String,
    pub weight: u32,
    pub query: Option<String>,
    pub body: Option<Value>,
    pub bytes: Option<usize>,
    /// Only for streams.
    pub hold_seconds: Option<u32>,
}

/// A password; it is never shown.
#[derive(Clone)]
pub(crate) struct HiddenText(pub String);

impl fmt::Debug for HiddenText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

impl<'de> Deserialize<'de> for HiddenText {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(HiddenVisitor)
    }
}

/// Unlike serde's own errors, those of this visitor do not repeat what was written.
struct HiddenVisitor;

impl Visitor<'_> for HiddenVisitor {
    type Value = HiddenText;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text in quotes")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<HiddenText, E> {
        Ok(HiddenText(text.to_owned()))
    }

    fn visit_i64<E: serde::de::Error>(self, _: i64) -> Result<HiddenText, E> {
        Err(E::custom("a password is a text in quotes"))
    }

    fn visit_f64<E: serde::de::Error>(self, _: f64) -> Result<HiddenText, E> {
        Err(E::custom("a password is a text in quotes"))
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ScenarioFile {
    #[serde(default)]
    organizations: Option<Spanned<u32>>,
    #[serde(default)]
    account: Vec<LoadAccount>,
    #[serde(default)]
    step: Vec<Spanned<StepEntry>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct StepEntry {
    operation: String,
    #[serde(default = "one")]
    weight: u32,
    query: Option<String>,
    body: Option<Value>,
    bytes: Option<usize>,
    hold_seconds: Option<u32>,
}

fn one() -> u32 {
    1
}

/// The most organizations that sign up.
const MOST_ORGANIZATIONS: u32 = 1000;
/// The largest upload.
const MOST_BYTES: usize = 1 << 28;
/// So that the sum of all weights stays exact, whatever their number.
const MOST_WEIGHT: u32 = 1_000_000;
/// An hour.
const LONGEST_HOLD: u32 = 3600;

impl Scenario {
    /// Reads a scenario from a file.
    ///
    /// # Errors
    /// Names the file, the line and what is allowed there.
    pub fn read(path: &Path) -> anyhow::Result<Self> {
        let file = path.display().to_string();
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("the scenario {file} cannot be read: name a file of TOML"))?;
        let line_of = |place: usize| text[..place.min(text.len())].matches('\n').count() + 1;
        let read: ScenarioFile = toml::from_str(&text).map_err(|error| {
            // Not the whole error: it shows the line, which may hold a password.
            let line = error.span().map_or(1, |span| line_of(span.start));
            anyhow::anyhow!("{file}:{line}: {}", error.message().replace('\n', " "))
        })?;
        let organizations = match read.organizations {
            Some(count) if *count.get_ref() > MOST_ORGANIZATIONS => anyhow::bail!(
                "{file}:{}: `organizations` is {}: use at most {MOST_ORGANIZATIONS}",
                line_of(count.span().start),
                count.get_ref()
            ),
            count => count.map_or(0, Spanned::into_inner),
        };
        let mut steps = Vec::new();
        for step in read.step {
            let line = line_of(step.span().start);
            let step = step.into_inner();
            step.check().map_err(|wrong| anyhow::anyhow!("{file}:{line}: {wrong}"))?;
            let StepEntry { operation, weight, query, body, bytes, hold_seconds } = step;
            steps.push(LoadStep { line, operation, weight, query, body, bytes, hold_seconds });
        }
        anyhow::ensure!(!steps.is_empty(), "{file} has no [[step]]: write one with `operation` and `weight`");
        Ok(Scenario { file, accounts: read.account, organizations, steps })
    }
}

impl StepEntry {
    fn check(&self) -> Result<(), String> {
        let refuse = |field: &str, allowed: &str| Err(format!("`{field}` is refused: {allowed}"));
        match self {
            step if !(1..=MOST_WEIGHT).contains(&step.weight) => refuse("weight", "use 1 to 1000000"),
            step if step.bytes.is_some_and(|bytes| !(1..=MOST_BYTES).contains(&bytes)) => {
                refuse("bytes", "use 1 to 268435456")
            }
            step if step.bytes.is_some() && step.body.is_some() => {
                refuse("bytes", "a step has `body` or `bytes`")
            }
            step if step.hold_seconds.is_some_and(|held| !(1..=LONGEST_HOLD).contains(&held)) => {
                refuse("hold_seconds", "use 1 to 3600")
            }
            _ => Ok(()),
        }
    }
}
