use super::{
    ConfigError, Origin, nearest,
    secret::MASK,
    text::one_line,
    value::{Secrecy, SettingType, SettingValue, quoted},
};

/// What every environment variable of the configuration starts with.
pub const ENVIRONMENT_PREFIX: &str = "TENFOLD_";

/// In the keys of the defaults this part stands for names of the operator's choice: `[auth.providers.NAME]`. No other part has capitals.
pub(super) const ANY_NAME: &str = "NAME";

/// One key: its default's documentation, and the value in force.
#[derive(Clone)]
pub(super) struct Setting {
    /// Dotted, such as `database.url`.
    pub(super) key: String,
    pub(super) kind: SettingType,
    pub(super) default: SettingValue,
    pub(super) comment: String,
    pub(super) secrecy: Secrecy,
    pub(super) value: SettingValue,
    pub(super) origin: Origin,
}

impl Setting {
    /// The section and the name inside it.
    pub(super) fn section_and_name(&self) -> (&str, &str) {
        self.key.rsplit_once('.').expect("defaults refuse a key without a section")
    }

    /// Whether it stands for settings of any name.
    pub(super) fn is_of_any_name(&self) -> bool {
        self.key.split('.').any(|part| part == ANY_NAME)
    }

    /// This setting for the name in another key or section; none if that has no name in the place of [`ANY_NAME`].
    fn of_name_in(&self, key: &str) -> Option<Setting> {
        let (section, rest) = self.key.split_once(&format!(".{ANY_NAME}."))?;
        let name = within_section(key, section)?.split('.').next().filter(|name| is_plain(name))?;
        Some(Setting { key: format!("{section}.{name}.{rest}"), ..self.clone() })
    }

    /// The variable that sets it: `database.url` is `TENFOLD_DATABASE__URL`.
    pub(super) fn variable(&self) -> String {
        format!("{ENVIRONMENT_PREFIX}{}", self.key.to_uppercase().replace('.', "__"))
    }

    /// Takes a value, unless a stronger source has already given one.
    pub(super) fn replace(&mut self, value: SettingValue, origin: Origin) {
        if origin.rank() >= self.origin.rank() {
            self.value = value;
            self.origin = origin;
        }
    }

    /// Takes the text of an environment variable or of an option.
    pub(super) fn replace_with_text(&mut self, text: &str, origin: Origin) -> Result<(), ConfigError> {
        match self.kind.read_text(text) {
            Ok(value) => {
                self.replace(value, origin);
                Ok(())
            }
            Err(reason) => Err(self.refusal(self.shown_text(text), origin, reason)),
        }
    }

    /// A text that was meant as a value of this key, masked for an error.
    pub(super) fn shown_text(&self, text: &str) -> String {
        SettingValue::Text(text.to_owned()).shown(self.secrecy)
    }

    /// The error for a value written at `origin`. `shown` has its passwords masked already, a secret is
    /// masked here as well; `reason` must hold no part of it.
    pub(super) fn refusal(&self, shown: String, origin: Origin, reason: &str) -> ConfigError {
        let value = match self.secrecy {
            Secrecy::Open => one_line(&shown),
            Secrecy::Secret => quoted(MASK),
        };
        let reason = match (&origin, self.secrecy) {
            (Origin::Default, _) | (_, Secrecy::Secret) => reason.to_owned(),
            _ => format!("{reason} (the default is {})", one_line(&self.default.shown(self.secrecy))),
        };
        ConfigError::Refused { key: self.key.clone(), value, origin, reason }
    }
}

/// The setting of a key.
pub(super) fn find<'s>(settings: &'s mut [Setting], key: &str) -> Option<&'s mut Setting> {
    settings.iter_mut().find(|setting| setting.key == key)
}

/// The rest of a key inside a section; `None` outside of it.
pub(super) fn within_section<'k>(key: &'k str, section: &str) -> Option<&'k str> {
    key.strip_prefix(section)?.strip_prefix('.')
}

/// Adds the settings of a name that an operator has chosen, if this key or section has one, and a new one.
pub(super) fn add_named(settings: &mut Vec<Setting>, of_any_name: &[Setting], key: &str) {
    for named in of_any_name.iter().filter_map(|setting| setting.of_name_in(key)) {
        if find(settings, &named.key).is_none() {
            settings.push(named);
        }
    }
}

/// Whether a part of a key has one variable name: a-z, 0-9 and single `_` between them.
pub(super) fn is_plain(part: &str) -> bool {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    part.starts_with(|c: char| c.is_ascii_lowercase())
        && part.chars().all(allowed)
        && !part.contains("__")
        && !part.ends_with('_')
}

/// Whether `name` is a section, at any depth.
pub(super) fn is_section(settings: &[Setting], name: &str) -> bool {
    settings.iter().any(|setting| within_section(&setting.key, name).is_some())
}

/// The error for a key or section that does not exist.
pub(super) fn unknown(settings: &[Setting], name: &str, place: &str) -> ConfigError {
    let keys = settings.iter().map(|setting| setting.key.as_str());
    let sections = settings.iter().map(|setting| setting.section_and_name().0);
    let hint = nearest::hint(name, ".", keys.chain(sections));
    ConfigError::UnknownKey { name: one_line(name), place: place.to_owned(), hint }
}

/// The error for a variable that names no key.
pub(super) fn unknown_variable(settings: &[Setting], name: &str) -> ConfigError {
    let variables: Vec<String> = settings.iter().map(Setting::variable).collect();
    let hint = nearest::hint(name, "__", variables.iter().map(String::as_str));
    ConfigError::UnknownKey { name: one_line(name), place: "environment".to_owned(), hint }
}
