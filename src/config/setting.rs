//! What is said of one setting, whatever its type.

use clap::Arg;

use super::{Source, Sources, own};

/// What holds while nobody sets a setting.
#[derive(Clone, Copy, Debug)]
pub enum DefaultValue {
    /// This value, which could as well be written.
    Is(&'static str),
    /// The value that `auto` stands for on this machine.
    Auto(fn(&Sources) -> String),
    /// No value; these words say what happens then.
    Unset(&'static str),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Visibility {
    Open,
    Password,
    Hidden,
}

/// One line of the table of settings.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    /// The environment variable.
    pub variable: &'static str,
    /// What it is for and what may be written, in Markdown without tables.
    pub meaning: &'static str,
    /// What holds while nobody sets it.
    pub default: DefaultValue,
    visibility: Visibility,
}

/// A setting with this variable, which anyone may see. Begin the variable with the name of the
/// application, as in `NOTES_MOST_NOTES`.
pub const fn at(variable: &'static str, default: DefaultValue) -> Setting {
    Setting { variable, meaning: "", default, visibility: Visibility::Open }
}

impl Setting {
    /// The same setting with its meaning, which [`settings!`](crate::settings!) takes from the
    /// comment above the field.
    pub const fn means(self, meaning: &'static str) -> Self {
        Self { meaning, ..self }
    }

    /// A secret: shown nowhere, and without a flag. Its value wants a type that hides it too, such
    /// as `SecretString`.
    pub const fn hidden(self) -> Self {
        Self { visibility: Visibility::Hidden, ..self }
    }

    pub(super) const fn with_password(self) -> Self {
        Self { visibility: Visibility::Password, ..self }
    }

    /// The default as a person reads it: a value that could be written, or words.
    pub fn default_text(&self) -> &'static str {
        match self.default {
            DefaultValue::Is(text) | DefaultValue::Unset(text) => text,
            DefaultValue::Auto(_) => "auto",
        }
    }

    /// The flag without its dashes; none for a secret, since anyone on the machine can read the
    /// flags of a process.
    pub fn flag(&self) -> Option<String> {
        let name = self.variable.strip_prefix("CLOAKROOM_").unwrap_or(self.variable);
        (self.visibility != Visibility::Hidden).then(|| name.to_lowercase().replace('_', "-"))
    }

    /// The flag for the command line; the name of the variable is its id.
    pub(super) fn arg(&self) -> Option<Arg> {
        let warning = match self.visibility {
            Visibility::Password => " Other users of the machine can read a password in a flag.",
            _ => "",
        };
        let (variable, default) = (self.variable, self.default_text());
        let help = format!("{}{warning} [{variable}, default: {default}]", self.meaning);
        let arg = Arg::new(variable).long(self.flag()?).value_name("VALUE").global(true);
        Some(arg.help(help.replace('`', "")).help_heading("Settings").hide_short_help(true))
    }

    /// The value in effect and where it came from; empty when there is none.
    pub(super) fn resolve(&self, sources: &Sources) -> (Source, String) {
        match (sources.given(self.variable), self.default) {
            (Some((source, "auto")), DefaultValue::Auto(auto)) => (source, auto(sources)),
            (Some((source, text)), _) => (source, text.to_owned()),
            (None, _) => (Source::Default, self.default_value(sources)),
        }
    }

    /// The default as it is parsed: empty when there is no value.
    pub(super) fn default_value(&self, sources: &Sources) -> String {
        match self.default {
            DefaultValue::Is(text) => text.to_owned(),
            DefaultValue::Auto(auto) => auto(sources),
            DefaultValue::Unset(_) => String::new(),
        }
    }

    /// An empty secret is more likely a slip than a wish to have none.
    pub(super) fn may_be_empty(&self) -> bool {
        matches!(self.default, DefaultValue::Unset("none")) && self.visibility != Visibility::Hidden
    }

    /// A value as it may be shown.
    pub(super) fn shown(&self, text: &str) -> String {
        match self.visibility {
            Visibility::Hidden => "(hidden)".to_owned(),
            Visibility::Password => database_shown(text),
            // A URL that should not have one may still hold a password.
            Visibility::Open if text.contains(':') && text.contains('@') => "(hidden)".to_owned(),
            Visibility::Open => text.to_owned(),
        }
    }
}

/// Of a faulty URL nobody can tell where the password is.
fn database_shown(text: &str) -> String {
    match (own::database(text), text.split_once("://")) {
        (Ok(database), _) => database.describe(),
        (Err(_), _) if text.starts_with("sqlite:") => text.to_owned(),
        (Err(_), Some((scheme, _))) if scheme.chars().all(char::is_alphanumeric) => {
            format!("{scheme}://…")
        }
        (Err(_), _) if text.contains([':', '=', '@']) => "(hidden)".to_owned(),
        (Err(_), _) => text.to_owned(),
    }
}
