//! What a tool takes: declared once, for the schema that clients see and for the check of what they send.

use serde_json::{Map, Value, json};
use tenfold::config::TimeSpan;
use tenfold::data::Uuid;
use tenfold::prelude::Timestamp;

/// An argument of a tool.
pub(super) struct ToolInput {
    pub name: &'static str,
    /// What it means, for the agent.
    pub about: &'static str,
    pub kind: InputKind,
    pub required: bool,
}

/// What an argument may be.
#[derive(Clone, Copy)]
pub(super) enum InputKind {
    /// A text of up to 200 characters.
    Text,
    /// An id of a row.
    Id,
    /// A time, or how long ago.
    Moment,
    /// A whole number within bounds, and what it is unless it is given.
    Number { least: u64, most: u64, usual: u64 },
    /// One of these words; the first one unless it is given.
    Word(&'static [&'static str]),
    /// One of these words, or none.
    MaybeWord(&'static [&'static str]),
    /// `true` or `false`.
    Flag,
}

/// The longest text, in characters.
const LONGEST: usize = 200;

/// A number of rows.
pub(super) const fn limit(usual: u64, most: u64) -> ToolInput {
    let kind = InputKind::Number { least: 1, most, usual };
    ToolInput { name: "limit", about: "How many rows.", kind, required: false }
}

/// The minutes that a figure is of.
pub(super) const MINUTES: ToolInput = ToolInput {
    name: "minutes",
    about: "The last so many minutes.",
    kind: InputKind::Number { least: 1, most: 60, usual: 15 },
    required: false,
};

impl ToolInput {
    fn schema(&self) -> Value {
        let mut schema = match self.kind {
            InputKind::Text => json!({"type": "string", "minLength": 1, "maxLength": LONGEST}),
            InputKind::Id => json!({"type": "string", "format": "uuid"}),
            InputKind::Moment => json!({"type": "string"}),
            InputKind::Number { least, most, usual } => {
                json!({"type": "integer", "minimum": least, "maximum": most, "default": usual})
            }
            InputKind::Word(words) => json!({"type": "string", "enum": words, "default": words[0]}),
            InputKind::MaybeWord(words) => json!({"type": "string", "enum": words}),
            InputKind::Flag => json!({"type": "boolean"}),
        };
        schema["description"] = json!(self.about);
        schema
    }

    fn allowed(&self) -> String {
        match self.kind {
            InputKind::Text => format!("a text of 1 to {LONGEST} characters"),
            InputKind::Id => "an id such as 019b76da-a800-7023-95dd-03d5a8091139".to_owned(),
            InputKind::Moment => "a time such as 2026-01-31T03:00:00Z, or 30m for 30 minutes ago".to_owned(),
            InputKind::Number { least, most, .. } => format!("a whole number, {least} to {most}"),
            InputKind::Word(words) | InputKind::MaybeWord(words) => format!("one of {}", words.join(", ")),
            InputKind::Flag => "true or false".to_owned(),
        }
    }

    fn accepts(&self, value: &Value) -> bool {
        let text = value.as_str();
        match self.kind {
            InputKind::Text => text.is_some_and(|text| (1..=LONGEST).contains(&text.chars().count())),
            InputKind::Id => text.is_some_and(|text| text.parse::<Uuid>().is_ok()),
            InputKind::Moment => {
                text.is_some_and(|text| text.parse::<Timestamp>().is_ok() || text.parse::<TimeSpan>().is_ok())
            }
            InputKind::Number { least, most, .. } => {
                value.as_u64().is_some_and(|number| (least..=most).contains(&number))
            }
            InputKind::Word(words) | InputKind::MaybeWord(words) => {
                text.is_some_and(|text| words.contains(&text))
            }
            InputKind::Flag => value.is_boolean(),
        }
    }
}

/// The JSON Schema of these arguments.
pub(super) fn schema(inputs: &[ToolInput]) -> Value {
    let properties: Map<String, Value> =
        inputs.iter().map(|input| (input.name.to_owned(), input.schema())).collect();
    let required: Vec<&str> = inputs.iter().filter(|input| input.required).map(|input| input.name).collect();
    let mut schema = json!({"type": "object", "properties": properties, "additionalProperties": false});
    if !required.is_empty() {
        schema["required"] = json!(required);
    }
    schema
}

/// The arguments of a call, which are as the tool declares them.
pub(super) struct Arguments {
    inputs: &'static [ToolInput],
    given: Map<String, Value>,
}

impl Arguments {
    /// Checks what a client sent. `null` is as if an argument were not given.
    ///
    /// # Errors
    /// Names the first argument that is wrong, and says what is allowed.
    pub(super) fn read(inputs: &'static [ToolInput], given: Option<&Value>) -> Result<Self, String> {
        let given = match given {
            None | Some(Value::Null) => Map::new(),
            Some(Value::Object(given)) => given.clone(),
            Some(_) => return Err("`arguments` must be an object".to_owned()),
        };
        let given: Map<String, Value> = given.into_iter().filter(|(_, value)| !value.is_null()).collect();
        for (name, value) in &given {
            let Some(input) = inputs.iter().find(|input| input.name == name) else {
                let known: Vec<&str> = inputs.iter().map(|input| input.name).collect();
                let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
                return Err(format!("there is no argument `{name}`; there are: {known}"));
            };
            if !input.accepts(value) {
                return Err(format!("`{name}` must be {}", input.allowed()));
            }
        }
        if let Some(input) = inputs.iter().find(|input| input.required && !given.contains_key(input.name)) {
            return Err(format!("`{}` is missing: it is {}", input.name, input.allowed()));
        }
        Ok(Arguments { inputs, given })
    }

    /// A text, or a word.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.given.get(name)?.as_str()
    }

    /// A word: the given one, or the first.
    pub(super) fn word(&self, name: &str) -> &str {
        let kind = self.inputs.iter().find(|input| input.name == name).map(|input| input.kind);
        let first = match kind {
            Some(InputKind::Word(words)) => words[0],
            _ => "",
        };
        self.text(name).unwrap_or(first)
    }

    /// An id.
    pub(super) fn id(&self, name: &str) -> Option<Uuid> {
        self.text(name)?.parse().ok()
    }

    /// A time; `now` is what "ago" counts from.
    pub(super) fn moment(&self, name: &str, now: Timestamp) -> Option<Timestamp> {
        let text = self.text(name)?;
        text.parse().ok().or_else(|| Some(now - text.parse::<TimeSpan>().ok()?.as_std()))
    }

    /// A number: the given one, or the usual one.
    pub(super) fn number(&self, name: &str) -> usize {
        let usual = self.inputs.iter().find(|input| input.name == name).map(|input| input.kind);
        let usual = match usual {
            Some(InputKind::Number { usual, .. }) => usual,
            _ => 0,
        };
        let number = self.given.get(name).and_then(Value::as_u64).unwrap_or(usual);
        usize::try_from(number).unwrap_or(usize::MAX)
    }

    /// Whether it is `true`.
    pub(super) fn flag(&self, name: &str) -> bool {
        self.given.get(name).and_then(Value::as_bool).unwrap_or(false)
    }
}
