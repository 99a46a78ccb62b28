use std::{ffi::OsString, fmt, path::Path};

use toml::de::DeValue;

use super::{
    ConfigError, Loaded, Origin, defaults,
    secret::masked,
    setting::{ENVIRONMENT_PREFIX, Setting, add_named, find, is_section, unknown, unknown_variable},
    text::{TomlAssignment, TomlDocument, read, shown_path},
    value::Secrecy,
};

/// Whether a configuration file has to exist.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    /// A missing file changes nothing. One that exists and cannot be read is refused all the same.
    Optional,
    /// A missing file is refused, because it was named.
    Required,
}

/// Collects values from their sources. Stronger sources win regardless of the order in which they are read: defaults,
/// presets, file, environment, options. Of two files, the one read last wins.
pub struct Loader {
    settings: Vec<Setting>,
    of_any_name: Vec<Setting>,
    ignored: Vec<String>,
}

impl Loader {
    /// Starts with the defaults, the list of everything that exists; `name` is for errors.
    ///
    /// Each key is in a section, has a comment, and has the type that its values must have: string, integer,
    /// float, boolean or array of strings. `# secret` behind a value, or `# secret: …`, marks a secret. By
    /// convention an empty string means "not set", see [`unless_empty`](super::unless_empty).
    ///
    /// A section such as `[auth.providers.NAME]` describes sections with names of the operator's choice, which are made where one is
    /// written. Their names have a-z, 0-9 and single `_`.
    ///
    /// # Errors
    /// [`ConfigError::Syntax`] and [`ConfigError::Defaults`].
    pub fn new(name: &str, text: &str) -> Result<Loader, ConfigError> {
        let all = defaults::settings(&TomlDocument { name, text })?;
        let (of_any_name, settings) = all.into_iter().partition(Setting::is_of_any_name);
        Ok(Loader { settings, of_any_name, ignored: Vec::new() })
    }

    /// Marks more keys as secret. Call it before reading a source, so that its errors already know.
    ///
    /// # Errors
    /// [`ConfigError::UnknownKey`].
    pub fn secrets(mut self, keys: &[&str]) -> Result<Loader, ConfigError> {
        for key in keys {
            match find(&mut self.settings, key) {
                Some(setting) => setting.secrecy = Secrecy::Secret,
                None => return Err(unknown(&self.settings, key, "list of secrets")),
            }
        }
        Ok(self)
    }

    /// Names variables that [`environment`](Loader::environment) ignores although they start with
    /// [`ENVIRONMENT_PREFIX`]; a name that ends in `_` stands for all that start with it. Call this
    /// before `environment`.
    pub fn ignore_environment(mut self, names: &[&str]) -> Loader {
        self.ignored.extend(names.iter().map(|name| (*name).to_owned()));
        self
    }

    /// Reads a TOML file of at most [`MAX_FILE_BYTES`](super::MAX_FILE_BYTES).
    ///
    /// # Errors
    /// The file is missing though [`Presence::Required`], unreadable, too large, not TOML, or it has an
    /// unknown key or a value of the wrong type; the first of these in the file.
    pub fn file(mut self, path: impl AsRef<Path>, presence: Presence) -> Result<Loader, ConfigError> {
        let name = shown_path(path.as_ref());
        let text = match (read(path.as_ref())?, presence) {
            (Some(text), _) => text,
            (None, Presence::Optional) => return Ok(self),
            (None, Presence::Required) => return Err(ConfigError::Missing { path: name }),
        };
        let document = TomlDocument { name: &name, text: &text };
        for assignment in document.assignments()? {
            self.assign(&document, assignment)?;
        }
        Ok(self)
    }

    /// Reads the variables that start with [`ENVIRONMENT_PREFIX`]: `TENFOLD_DATABASE__URL` sets
    /// `database.url`; commas separate the items of a list. Pass `std::env::vars_os()`: `vars()` panics
    /// if any variable, of any program, is not UTF-8.
    ///
    /// # Errors
    /// A variable names no key and is not ignored, or its value has the wrong type or is not UTF-8; the first
    /// of these by name.
    pub fn environment(
        mut self,
        variables: impl IntoIterator<Item = (impl Into<OsString>, impl Into<OsString>)>,
    ) -> Result<Loader, ConfigError> {
        let mut ours: Vec<(String, OsString)> = variables
            .into_iter()
            .map(|(name, value)| (name.into().to_string_lossy().into_owned(), value.into()))
            .filter(|(name, _)| name.starts_with(ENVIRONMENT_PREFIX) && !self.ignores(name))
            .collect();
        ours.sort();
        for (name, value) in ours {
            let key = name.trim_start_matches(ENVIRONMENT_PREFIX).to_lowercase().replace("__", ".");
            add_named(&mut self.settings, &self.of_any_name, &key);
            let Some(setting) = self.settings.iter_mut().find(|setting| setting.variable() == name) else {
                return Err(unknown_variable(&self.settings, &name));
            };
            let origin = Origin::Environment { name };
            match value.to_str() {
                Some(text) => setting.replace_with_text(text, origin)?,
                None => {
                    let shown = setting.shown_text(&value.to_string_lossy());
                    return Err(setting.refusal(shown, origin, "it is not UTF-8"));
                }
            }
        }
        Ok(self)
    }

    /// Sets `key` from an option of the command line; `None` means the option was not given. `option` is the
    /// text that the operator types, such as `--database`.
    ///
    /// # Errors
    /// The key does not exist, or the value has the wrong type.
    pub fn flag(self, option: &str, key: &str, value: Option<&str>) -> Result<Loader, ConfigError> {
        self.set(key, value, Origin::Option { name: option.to_owned() })
    }

    /// Sets `key` unless another source sets it: a default for an occasion, such as `--demo`. `name` names the
    /// occasion.
    ///
    /// # Errors
    /// The key does not exist, or the value has the wrong type.
    pub fn preset(self, name: &str, key: &str, value: &str) -> Result<Loader, ConfigError> {
        self.set(key, Some(value), Origin::Preset { name: name.to_owned() })
    }

    fn set(mut self, key: &str, value: Option<&str>, origin: Origin) -> Result<Loader, ConfigError> {
        add_named(&mut self.settings, &self.of_any_name, key);
        let Some(setting) = find(&mut self.settings, key) else {
            return Err(unknown(&self.settings, key, &origin.to_string()));
        };
        if let Some(text) = value {
            setting.replace_with_text(text, origin)?;
        }
        Ok(self)
    }

    /// The values in force. [`Loaded::section`] checks whether they make sense.
    pub fn load(self) -> Loaded {
        Loaded { settings: self.settings, of_any_name: self.of_any_name }
    }

    fn assign(
        &mut self,
        document: &TomlDocument<'_>,
        assignment: TomlAssignment<'_>,
    ) -> Result<(), ConfigError> {
        let TomlAssignment { name, at, value } = assignment;
        let origin = Origin::File { path: document.name.to_owned(), line: document.line(at) };
        add_named(&mut self.settings, &self.of_any_name, &name);
        if let Some(setting) = find(&mut self.settings, &name) {
            return match setting.kind.read_toml(value.get_ref()) {
                Ok(value) => {
                    setting.replace(value, origin);
                    Ok(())
                }
                Err(reason) => {
                    let shown = match value.get_ref().as_str() {
                        Some(text) => setting.shown_text(text),
                        None => masked(&document.text[value.span()]),
                    };
                    Err(setting.refusal(shown, origin, reason))
                }
            };
        }
        if !is_section(&self.settings, &name) {
            return Err(unknown(&self.settings, &name, &origin.to_string()));
        }
        match value.get_ref() {
            DeValue::Table(_) => Ok(()),
            other => Err(ConfigError::Refused {
                key: name.clone(),
                value: format!("({})", other.type_str()),
                origin,
                reason: format!("it is a section: write [{name}] and its keys below"),
            }),
        }
    }

    fn ignores(&self, name: &str) -> bool {
        self.ignored
            .iter()
            .any(|ignored| name == ignored || (ignored.ends_with('_') && name.starts_with(ignored)))
    }
}

impl fmt::Debug for Loader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Loader").field("keys", &self.settings.len()).field("ignored", &self.ignored).finish()
    }
}
