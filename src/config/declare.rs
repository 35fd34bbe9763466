//! Declaration of settings, by cloakroom and by an application built on it.

use super::{Reader, Setting};

/// Declared settings. [`settings!`](crate::settings!) implements it; `()` has no settings.
///
/// ```
/// use cloakroom::config::{Config, DefaultValue::*, Settings as _, at, parse};
///
/// cloakroom::settings! {
///     /// The settings of the notes application.
///     pub struct NotesSettings {
///         /// Directory of the attachments.
///         attachments: std::path::PathBuf = at("NOTES_ATTACHMENTS", Is("attachments")), parse::path;
///     }
/// }
/// assert_eq!(NotesSettings::SETTINGS[0].meaning, "Directory of the attachments.");
/// assert_eq!(Config::SETTINGS[0].variable, "DATABASE_URL");
/// assert!(<()>::SETTINGS.is_empty());
/// ```
pub trait Settings: Sized + Send + Sync + 'static {
    /// Description of each setting, in the order in which they are shown.
    const SETTINGS: &'static [Setting];

    /// Reads all settings, also after a fault, so that all faults are found. None only when the reader has
    /// found one.
    fn read(reader: &mut Reader<'_>) -> Option<Self>;
}

impl Settings for () {
    const SETTINGS: &'static [Setting] = &[];

    fn read(_: &mut Reader<'_>) -> Option<Self> {
        Some(())
    }
}

/// Declares a struct of settings. Each field has its meaning, which is the comment above it, its type, its
/// variable, its default, and its check. The struct implements [`Settings`](crate::config::Settings). The
/// flags, `cloakroom config` and [`Config::load_with`](crate::config::Config::load_with) follow from it.
///
/// A field is `name: Type = setting, check;` after a comment. The setting begins with
/// [`at`](crate::config::at). The check is a function from the text to the value, or to what to write
/// instead, such as those in [`config::parse`](crate::config::parse). A last line `check function;` names a
/// function that checks the settings against each other.
///
/// ```
/// use cloakroom::config::{Config, DefaultValue::*, Reader, SecretString, Sources, at, parse};
///
/// cloakroom::settings! {
///     /// The settings of the notes application.
///     #[derive(Clone, Debug)]
///     pub struct NotesSettings {
///         /// How many notes one user may keep, 1 to 10000.
///         most_notes: u32 = at("NOTES_MOST_NOTES", Is("1000")), parse::number(1..=10_000);
///
///         /// How many notes one user may share, 0 to 10000.
///         most_shared: u32 = at("NOTES_MOST_SHARED", Is("10")), parse::number(0..=10_000);
///
///         /// API key of the text-to-speech service.
///         voice_key: Option<SecretString> =
///             at("NOTES_VOICE_KEY", Unset("none")).hidden(), parse::optional(parse::secret(1));
///     }
///     check NotesSettings::contradictions;
/// }
///
/// impl NotesSettings {
///     fn contradictions(&self, reader: &mut Reader<'_>) {
///         reader.contradiction(
///             self.most_shared > self.most_notes,
///             &["NOTES_MOST_SHARED", "NOTES_MOST_NOTES"],
///             "must not be more than NOTES_MOST_NOTES",
///         );
///     }
/// }
///
/// let (config, notes) = Config::load_with::<NotesSettings>(&Sources::default())?;
/// assert_eq!(notes.most_notes, 1000);
/// assert!(config.listen.ip().is_loopback());
/// # Ok::<(), cloakroom::config::Faults>(())
/// ```
#[macro_export]
macro_rules! settings {
    (
        $(#[$attribute:meta])*
        $visibility:vis struct $name:ident {
            $($(#[doc = $meaning:literal])+ $field:ident: $type:ty = $setting:expr, $parse:expr;)*
        }
        $(check $check:path;)?
    ) => {
        $(#[$attribute])*
        $visibility struct $name {
            $($(#[doc = $meaning])+ pub $field: $type,)*
        }

        impl $crate::config::Settings for $name {
            const SETTINGS: &'static [$crate::config::Setting] =
                &[$($setting.means(concat!($($meaning),+).trim_ascii())),*];

            fn read(reader: &mut $crate::config::Reader<'_>) -> Option<Self> {
                $(let $field: Option<$type> = reader.read(&$setting, $parse);)*
                let settings = Self { $($field: $field?,)* };
                $($check(&settings, reader);)?
                Some(settings)
            }
        }
    };
}
