//! Templates of the mails: built in, each part replaced by a file of the operator's directory if there is one.

use std::path::Path;

use crate::text_file::read_text;
use minijinja::{Environment, UndefinedBehavior};
use serde::Serialize;

/// Template of a mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Template {
    /// A link for a new password.
    ResetPassword,
    /// A link that proves the address.
    VerifyEmail,
    /// A link that proves a new address.
    ConfirmEmail,
    /// The address was changed.
    EmailChanged,
    /// A link for the first password.
    Invitation,
    /// A link that completes a registration.
    ConfirmRegistration,
    /// A registration with an address that has an account.
    AddressTaken,
    /// A mail with which an operator tries the settings.
    Test,
}

/// Part of a mail, and the end of its file's name.
const PARTS: [&str; 3] = ["subject", "txt", "html"];

macro_rules! built_in {
    ($($name:literal),*) => {
        &[
            ("layout.html", include_str!("templates/layout.html")),
            $(
                (concat!($name, ".subject"), include_str!(concat!("templates/", $name, ".subject"))),
                (concat!($name, ".txt"), include_str!(concat!("templates/", $name, ".txt"))),
                (concat!($name, ".html"), include_str!(concat!("templates/", $name, ".html"))),
            )*
        ]
    };
}

const BUILT_IN: &[(&str, &str)] = built_in![
    "reset-password",
    "verify-email",
    "confirm-email",
    "email-changed",
    "invitation",
    "confirm-registration",
    "address-taken",
    "test"
];

impl Template {
    /// Every template.
    pub(crate) const ALL: [Self; 8] = [
        Self::ResetPassword,
        Self::VerifyEmail,
        Self::ConfirmEmail,
        Self::EmailChanged,
        Self::Invitation,
        Self::ConfirmRegistration,
        Self::AddressTaken,
        Self::Test,
    ];

    /// Returns its name, with which its files begin.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::ResetPassword => "reset-password",
            Self::VerifyEmail => "verify-email",
            Self::ConfirmEmail => "confirm-email",
            Self::EmailChanged => "email-changed",
            Self::Invitation => "invitation",
            Self::ConfirmRegistration => "confirm-registration",
            Self::AddressTaken => "address-taken",
            Self::Test => "test",
        }
    }

    /// Returns the template of this name.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|template| template.as_str() == name)
    }
}

/// Variables of the templates. Each template has all of them; one that a mail does not need is an empty text.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Content {
    /// The name of the service.
    pub(crate) service: String,
    /// The public URL of the service.
    pub(crate) issuer: String,
    /// The link.
    pub(crate) link: String,
    /// How long the link is valid, in words.
    pub(crate) valid_for: String,
    /// The address of the account.
    pub(crate) address: String,
    /// The new address.
    pub(crate) new_address: String,
}

impl Content {
    /// Returns an example, for a preview and for the check of a template.
    pub(crate) fn example(service: &str, issuer: &str) -> Self {
        Self {
            service: service.to_owned(),
            issuer: issuer.to_owned(),
            link: format!("{issuer}/oauth/…?token=…"),
            valid_for: "1 hour".to_owned(),
            address: "ada@example.com".to_owned(),
            new_address: "ada.lovelace@example.com".to_owned(),
        }
    }
}

/// A rendered mail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Rendered {
    /// One line.
    pub(crate) subject: String,
    pub(crate) text: String,
    pub(crate) html: String,
}

/// All templates.
pub(crate) struct Templates(Environment<'static>);

/// A template of the operator has a fault.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TemplateError {
    /// The directory or a file cannot be read.
    #[error("the mail template {0} cannot be read: {1}")]
    Unreadable(String, std::io::Error),
    /// A file has a name that no template has.
    #[error(
        "{0} is not a file of a mail template; they are NAME.subject, NAME.txt and NAME.html, and layout.html"
    )]
    Unknown(String),
    /// A template cannot be parsed or rendered.
    #[error("the mail template {0}: {1}")]
    Faulty(String, String),
}

impl Templates {
    /// Reads the built-in templates, and those of a directory in their place. Renders each once, so that a fault shows
    /// at the start of the server and not with the first mail.
    ///
    /// # Errors
    /// A fault of a template in the directory.
    pub(crate) fn load(directory: Option<&Path>) -> Result<Self, TemplateError> {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        for (name, text) in BUILT_IN {
            let added = environment.add_template(name, text);
            added.map_err(|error| TemplateError::Faulty((*name).to_owned(), error.to_string()))?;
        }
        if let Some(directory) = directory {
            replace(&mut environment, directory)?;
        }
        let templates = Self(environment);
        let example = Content::example("cloakroom", "https://id.example.org");
        for template in Template::ALL {
            templates.render(template, &example)?;
        }
        Ok(templates)
    }

    /// Renders a mail.
    ///
    /// # Errors
    /// When a template of the operator's fails.
    pub(crate) fn render(&self, template: Template, content: &Content) -> Result<Rendered, TemplateError> {
        let part = |end: &str| {
            let name = format!("{}.{end}", template.as_str());
            let rendered = self.0.get_template(&name).and_then(|part| part.render(content));
            rendered.map_err(|error| TemplateError::Faulty(name, error.to_string()))
        };
        let [subject, text, html] = PARTS.map(part);
        // A subject is one line, whatever a name contains.
        let subject = subject?.split_whitespace().collect::<Vec<_>>().join(" ");
        Ok(Rendered { subject, text: text?, html: html? })
    }
}

/// Replaces the built-in templates by the files of a directory.
fn replace(environment: &mut Environment<'static>, directory: &Path) -> Result<(), TemplateError> {
    let unreadable = |path: &Path, error| TemplateError::Unreadable(path.display().to_string(), error);
    for entry in std::fs::read_dir(directory).map_err(|error| unreadable(directory, error))? {
        let path = entry.map_err(|error| unreadable(directory, error))?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if name.starts_with('.') {
            continue;
        }
        if !BUILT_IN.iter().any(|(known, _)| *known == name) {
            return Err(TemplateError::Unknown(path.display().to_string()));
        }
        let text = read_text(&path).map_err(|error| unreadable(&path, error))?;
        let added = environment.add_template_owned(name, text);
        added.map_err(|error| TemplateError::Faulty(path.display().to_string(), error.to_string()))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rendered(template: Template, content: &Content) -> Rendered {
        Templates::load(None).unwrap().render(template, content).unwrap()
    }

    #[test]
    fn text_is_escaped_in_html_and_a_subject_is_one_line() {
        let content = Content {
            service: "A <b>&\r\nBcc: eve@example.com".to_owned(),
            ..Content::example("", "https://id.example.org")
        };
        for template in Template::ALL {
            let Rendered { subject, html, .. } = rendered(template, &content);
            assert!(!subject.contains(['\r', '\n']) && !subject.is_empty(), "{subject:?}");
            assert!(html.contains("A &lt;b&gt;&amp;") && !html.contains("<b>"), "{html}");
        }
    }

    #[test]
    fn both_parts_have_the_link() {
        let content = Content::example("cloakroom", "https://id.example.org");
        for template in Template::ALL {
            let Rendered { text, html, .. } = rendered(template, &content);
            let has_link = !matches!(template, Template::AddressTaken | Template::Test);
            assert_eq!(text.contains(&content.link), has_link, "{template:?}");
            // The slash is escaped in an attribute.
            assert_eq!(html.contains("token=…"), has_link, "{template:?}");
        }
    }

    #[test]
    fn a_file_of_the_operator_replaces_one_part() {
        let directory = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| std::fs::write(directory.path().join(name), text).unwrap();
        write("reset-password.subject", "Your key to {{ service }}");
        let templates = Templates::load(Some(directory.path())).unwrap();
        let content = Content::example("Photos", "https://id.example.org");
        let mail = templates.render(Template::ResetPassword, &content).unwrap();
        assert_eq!(mail.subject, "Your key to Photos");
        assert!(mail.text.contains(&content.link));
        for (name, text) in
            [("reset-pasword.txt", ""), ("reset-password.txt", "{{ lnik }}"), ("test.txt", "{% if %}")]
        {
            write(name, text);
            assert!(Templates::load(Some(directory.path())).is_err(), "{name}");
            std::fs::remove_file(directory.path().join(name)).unwrap();
        }
    }
}
