//! Description of one setting, for any type of value.

use clap::Arg;

use super::Database;

/// Returns the text that was given for a variable, if any.
pub type Lookup<'a> = dyn Fn(&str) -> Option<String> + 'a;

/// Value of a setting that is not given.
#[derive(Clone, Copy, Debug)]
pub enum DefaultValue {
    /// This text, as if it were given.
    Is(&'static str),
    /// The value of `auto`: it depends on the machine and on other settings.
    Auto(fn(&Lookup<'_>) -> String),
    /// No value. The words describe the effect.
    Unset(&'static str),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Visibility {
    Open,
    Password,
    Hidden,
}

/// Declaration of a setting, without its type and its check.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    /// The environment variable.
    pub variable: &'static str,
    /// Its purpose and its possible values, in Markdown without tables.
    pub meaning: &'static str,
    /// Its value when it is not given.
    pub default: DefaultValue,
    visibility: Visibility,
}

/// Returns a setting with this variable. Its value is shown. Begin the variable with the name of the
/// application, as in `NOTES_MOST_NOTES`.
pub const fn at(variable: &'static str, default: DefaultValue) -> Setting {
    Setting { variable, meaning: "", default, visibility: Visibility::Open }
}

impl Setting {
    /// Adds the meaning. [`settings!`](crate::settings!) takes it from the comment above the field.
    pub const fn means(self, meaning: &'static str) -> Self {
        Self { meaning, ..self }
    }

    /// Makes it a secret: its value is never shown, and it has no flag. Use a type that hides the value
    /// too, such as `SecretString`.
    pub const fn hidden(self) -> Self {
        Self { visibility: Visibility::Hidden, ..self }
    }

    pub(super) const fn with_password(self) -> Self {
        Self { visibility: Visibility::Password, ..self }
    }

    /// Returns the default as people read it: a value, or words.
    pub fn default_text(&self) -> &'static str {
        match self.default {
            DefaultValue::Is(text) | DefaultValue::Unset(text) => text,
            DefaultValue::Auto(_) => "auto",
        }
    }

    /// Returns the flag without its dashes. A secret has none: every user of the machine can read the flags
    /// of a process.
    pub fn flag(&self) -> Option<String> {
        let name = self.variable.strip_prefix("CLOAKROOM_").unwrap_or(self.variable);
        (self.visibility != Visibility::Hidden).then(|| name.to_lowercase().replace('_', "-"))
    }

    /// Returns the flag for the command line. Its id is the variable. The help does not list it: the table
    /// of `config` does.
    pub(super) fn arg(&self) -> Option<Arg> {
        let warning = match self.visibility {
            Visibility::Password => " Other users of the machine can read a password in a flag.",
            _ => "",
        };
        let (variable, default) = (self.variable, self.default_text());
        let help = format!("{}{warning} [{variable}, default: {default}]", self.meaning);
        let arg = Arg::new(variable).long(self.flag()?).value_name("VALUE").global(true);
        Some(arg.help(help.replace('`', "")).hide(true))
    }

    /// Returns the default as it is parsed. It is empty when there is no value.
    pub(super) fn default_value(&self, given: &Lookup<'_>) -> String {
        match self.default {
            DefaultValue::Is(text) => text.to_owned(),
            DefaultValue::Auto(auto) => auto(given),
            DefaultValue::Unset(_) => String::new(),
        }
    }

    /// Returns true when an empty text means "none". An empty secret is refused: it is probably a mistake.
    pub(super) fn may_be_empty(&self) -> bool {
        matches!(self.default, DefaultValue::Unset("none")) && self.visibility != Visibility::Hidden
    }

    /// Returns a value as it may be shown.
    pub(crate) fn shown(&self, text: &str) -> String {
        match self.visibility {
            Visibility::Hidden => "(hidden)".to_owned(),
            Visibility::Password => Database::shown(text),
            // A URL that must not have a password may still have one.
            Visibility::Open if text.contains(':') && text.contains('@') => "(hidden)".to_owned(),
            Visibility::Open => text.to_owned(),
        }
    }
}
