//! The field of a password, with the button that shows it.

use maud::{Markup, html};

use crate::domain::{FEWEST_IN_PASSWORD, MOST_IN_PASSWORD};

/// Script of the button. Without scripts the button stays hidden. The field hides the password again when the form is
/// sent or the page is left, so that browsers and password managers see the field of a password.
pub(super) const SCRIPT: &str = "\
const [field, button, said] = ['password', 'show', 'shown'].map((id) => document.getElementById(id));
function show(shown) {
  field.type = shown ? 'text' : 'password';
  button.textContent = shown ? 'Hide' : 'Show';
  button.setAttribute('aria-label', button.textContent + ' password');
}
button.onclick = () => {
  show(field.type === 'password');
  said.textContent = field.type === 'text' ? 'Your password is shown' : 'Your password is hidden';
};
field.form.addEventListener('submit', () => show(false));
addEventListener('pagehide', () => show(false));
button.hidden = false;
";

/// Content of the field.
pub(super) struct PasswordField<'a> {
    /// The text of its label.
    pub label: &'a str,
    /// True for a password that the user chooses here; its rule stands below the field.
    pub is_new: bool,
    /// True when the last password was refused.
    pub is_invalid: bool,
    /// The id of the error that is about this field.
    pub error: Option<&'a str>,
    /// True when the page opens with the focus here.
    pub has_focus: bool,
}

/// Renders the field. Its page must run the [`SCRIPT`].
///
/// A browser may send a text to a spelling service of its own, so the field turns this off for the shown password.
pub(super) fn password_field(field: &PasswordField<'_>) -> Markup {
    let PasswordField { label, is_new, is_invalid, error, has_focus } = *field;
    let rule = is_new.then_some("rule");
    let described_by: Vec<&str> = rule.into_iter().chain(error).collect();
    let described_by = (!described_by.is_empty()).then(|| described_by.join(" "));
    html! {
        div.field {
            label for="password" { (label) }
            div.secret {
                input #password type="password" name="password" required
                    autocomplete=(if is_new { "new-password" } else { "current-password" })
                    autocapitalize="none" autocorrect="off" spellcheck="false" autofocus[has_focus]
                    minlength=[is_new.then_some(FEWEST_IN_PASSWORD)]
                    aria-invalid=[is_invalid.then_some("true")] aria-describedby=[described_by];
                button #show type="button" aria-label="Show password" hidden { "Show" }
            }
            // A screen reader says it.
            p.unseen #shown role="status" {}
            @if let Some(rule) = rule {
                p.note id=(rule) { (FEWEST_IN_PASSWORD) " to " (MOST_IN_PASSWORD) " characters, and not a common password" }
            }
        }
    }
}
