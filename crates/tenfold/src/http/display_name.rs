//! Names that people read: of organizations, people, keys, files.

use std::borrow::Cow;
use std::fmt::{self, Write as _};
use std::ops::{Deref, RangeInclusive};

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, Schema, SchemaType, Type};
use utoipa::{PartialSchema, ToSchema};

use super::validated::INLINE;

/// Characters without a picture of their own: those of Default_Ignorable_Code_Point and of the category Cf (Unicode 16), noncharacters, and
/// those that are drawn as nothing or as what is missing: U+2800, U+FFFC, U+16FE4 and U+1D159.
const INVISIBLE: [RangeInclusive<char>; 29] = [
    '\u{ad}'..='\u{ad}',
    '\u{34f}'..='\u{34f}',
    '\u{600}'..='\u{605}',
    '\u{61c}'..='\u{61c}',
    '\u{6dd}'..='\u{6dd}',
    '\u{70f}'..='\u{70f}',
    '\u{890}'..='\u{891}',
    '\u{8e2}'..='\u{8e2}',
    '\u{115f}'..='\u{1160}',
    '\u{17b4}'..='\u{17b5}',
    '\u{180b}'..='\u{180f}',
    '\u{200b}'..='\u{200f}',
    '\u{202a}'..='\u{202e}',
    '\u{2060}'..='\u{206f}',
    '\u{2800}'..='\u{2800}',
    '\u{3164}'..='\u{3164}',
    '\u{fe00}'..='\u{fe0f}',
    '\u{feff}'..='\u{feff}',
    '\u{ffa0}'..='\u{ffa0}',
    '\u{fff0}'..='\u{fffc}',
    '\u{fffe}'..='\u{ffff}',
    '\u{110bd}'..='\u{110bd}',
    '\u{110cd}'..='\u{110cd}',
    '\u{13430}'..='\u{1343f}',
    '\u{16fe4}'..='\u{16fe4}',
    '\u{1bca0}'..='\u{1bca3}',
    '\u{1d159}'..='\u{1d159}',
    '\u{1d173}'..='\u{1d17a}',
    '\u{e0000}'..='\u{e0fff}',
];

/// Marks of any script, which are drawn onto the character before them: alone they change the text before the name.
const MARKS: [RangeInclusive<char>; 5] = [
    '\u{300}'..='\u{36f}',
    '\u{1ab0}'..='\u{1aff}',
    '\u{1dc0}'..='\u{1dff}',
    '\u{20d0}'..='\u{20ff}',
    '\u{fe20}'..='\u{fe2f}',
];

/// Characters that change how the text around them is shown: they embed, override or isolate a direction, separate lines and paragraphs, or
/// annotate. The marks of a direction (U+200E, U+200F, U+061C) are none of them: keyboards of Arabic and Hebrew have them, and they
/// reorder nothing but what is beside them. U+FEFF is one of them: it marks the beginning of a file, and no script needs it in a name.
const LAYOUT: [RangeInclusive<char>; 6] = [
    '\u{2028}'..='\u{2029}',
    '\u{202a}'..='\u{202e}',
    '\u{2066}'..='\u{2069}',
    '\u{206a}'..='\u{206f}',
    BYTE_ORDER_MARK..=BYTE_ORDER_MARK,
    '\u{fff9}'..='\u{fffb}',
];

const BYTE_ORDER_MARK: char = '\u{feff}';

/// Whether nobody sees this character, blanks aside: two texts that differ only by one look the same.
pub fn is_invisible(letter: char) -> bool {
    INVISIBLE.iter().any(|range| range.contains(&letter))
}

fn changes_layout(letter: char) -> bool {
    LAYOUT.iter().any(|range| range.contains(&letter))
}

fn is_visible(letter: char) -> bool {
    let is_mark = MARKS.iter().any(|range| range.contains(&letter));
    !letter.is_whitespace() && !letter.is_control() && !is_invisible(letter) && !is_mark
}

/// A name that is shown to people, of 1 to `MAX` characters. At least one of them is visible, and none changes how the text around it
/// is shown, such as U+202E, which turns `gpj.exe` into `exe.jpg`. Control characters are refused. Blanks around the name are removed
/// after the characters are counted.
///
/// Invisible characters beside visible ones are allowed, as some scripts and many emoji need them, except U+FEFF. So two names can differ
/// and look the same, and a name identifies nothing.
#[derive(Clone, PartialEq, Eq)]
pub struct DisplayName<const MAX: usize>(String);

impl<const MAX: usize> DisplayName<MAX> {
    /// A name out of any text, such as one that another service sends: what a name may not have is left out, and what is too long is
    /// cut off. Nothing if no visible character is left.
    pub fn from_any(text: &str) -> Option<Self> {
        let allowed = text.chars().filter(|letter| !letter.is_control() && !changes_layout(*letter));
        let name: String = allowed.skip_while(|letter| letter.is_whitespace()).take(MAX).collect();
        name.contains(is_visible).then(|| DisplayName(name.trim().to_owned()))
    }

    /// The name.
    pub fn into_inner(self) -> String {
        self.0
    }
}

impl<const MAX: usize> Deref for DisplayName<MAX> {
    type Target = str;
    fn deref(&self) -> &str {
        &self.0
    }
}

impl<const MAX: usize> fmt::Debug for DisplayName<MAX> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // It may be a person's.
        write!(f, "DisplayName({} characters)", self.0.chars().count())
    }
}

impl<'de, const MAX: usize> Deserialize<'de> for DisplayName<MAX> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let length = text.chars().count();
        if !(1..=MAX).contains(&length) {
            return Err(D::Error::custom(format!("text of {length} characters: 1 to {MAX} are allowed")));
        }
        if text.contains(char::is_control) {
            return Err(D::Error::custom("control characters are not allowed"));
        }
        if let Some(letter) = text.chars().find(|letter| changes_layout(*letter)) {
            let code = u32::from(letter);
            let why = match letter {
                BYTE_ORDER_MARK => "nobody sees it",
                _ => "it changes how the text around it is shown",
            };
            return Err(D::Error::custom(format!(
                "the character U+{code:04X} is not allowed in a name: {why}"
            )));
        }
        if !text.contains(is_visible) {
            return Err(D::Error::custom("a name needs at least one visible character"));
        }
        Ok(DisplayName(text.trim().to_owned()))
    }
}

impl<const MAX: usize> PartialSchema for DisplayName<MAX> {
    /// The pattern names invisible characters of the first plane only: regular expressions of languages do not agree on how others are
    /// written.
    fn schema() -> RefOr<Schema> {
        let layout = class(&LAYOUT);
        let any = format!(r"[^\u0000-\u001f\u007f-\u009f{layout}]");
        let visible = format!(r"[^\s\u0000-\u001f\u007f-\u009f{}{}]", class(&INVISIBLE), class(&MARKS));
        ObjectBuilder::new()
            .schema_type(SchemaType::Type(Type::String))
            .min_length(Some(1))
            .max_length(Some(MAX))
            .pattern(Some(format!("^{any}*{visible}{any}*$")))
            .into()
    }
}

/// The ranges of the first plane, as they are written between brackets.
fn class(ranges: &[RangeInclusive<char>]) -> String {
    let mut text = String::new();
    for range in ranges.iter().filter(|range| *range.end() <= '\u{ffff}') {
        let (first, last) = (u32::from(*range.start()), u32::from(*range.end()));
        let written = match first == last {
            true => write!(text, "\\u{first:04x}"),
            false => write!(text, "\\u{first:04x}-\\u{last:04x}"),
        };
        written.expect("a String takes any text");
    }
    text
}

impl<const MAX: usize> ToSchema for DisplayName<MAX> {
    fn name() -> Cow<'static, str> {
        format!("{INLINE}DisplayName.{MAX}").into()
    }
}

#[cfg(test)]
mod tests {
    use super::DisplayName;

    type TestedName = DisplayName<10>;

    fn read(text: &str) -> Result<String, String> {
        let name = serde_json::from_value::<TestedName>(text.into());
        name.map(DisplayName::into_inner).map_err(|error| error.to_string())
    }

    #[test]
    fn a_name_has_a_visible_character() {
        for (sent, kept) in [
            (" Ada ", "Ada"),
            ("🏴\u{e0067}\u{e007f}", "🏴\u{e0067}\u{e007f}"),
            ("𞤀", "𞤀"),
            ("❤\u{fe0f}", "❤\u{fe0f}"),
            ("C++\u{200f}", "C++\u{200f}"),
            ("e\u{301}", "e\u{301}"),
        ] {
            assert_eq!(read(sent).as_deref(), Ok(kept));
        }
        for nothing in [
            " ",
            "\u{a0}\u{3000}",
            "\u{200b}",
            "\u{2800}",
            "\u{3164}",
            "\u{200d}\u{200b}",
            "\u{e0041}",
            "\u{1d159}",
            "\u{301}\u{20e3}",
            "\u{fffc}",
        ] {
            assert_eq!(
                read(nothing),
                Err("a name needs at least one visible character".to_owned()),
                "{nothing:?}"
            );
        }
    }

    #[test]
    fn a_name_does_not_turn_the_text_around_it() {
        for turning in ["a\u{202e}b", "\u{2066}a", "a\u{206e}", "a\u{2028}b", "\u{feff}a"] {
            assert!(
                read(turning).is_err_and(|error| error.contains("is not allowed in a name")),
                "{turning:?}"
            );
        }
    }

    #[test]
    fn a_name_from_elsewhere_is_made_to_fit() {
        let made = |text| TestedName::from_any(text).map(DisplayName::into_inner);
        assert_eq!(made(" \n\u{202e}Ada Lovelace\u{2028}").as_deref(), Some("Ada Lovela"));
        assert_eq!(made("\u{200b} \u{2800}"), None);
    }
}
