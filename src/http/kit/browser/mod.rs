//! The user's browser: its cookies, the forms that it sends, and its user as a caller.
//!
//! There are two cookies, each with its own secret: one for the session, and one that binds CSRF tokens to
//! the browser (signed double submit). A handler gets a form only after the check of its origin and of its
//! token. No other argument reads a form of a browser.

mod caller;
pub(crate) mod cookie;
mod csrf;

use std::marker::PhantomData;
use std::time::Duration;

use serde_json::Value;
use utoipa::ToSchema;

pub(crate) use caller::SendingPage;
pub(crate) use cookie::Cookies;
pub use cookie::SetCookie;
pub use csrf::{Forgery, FormGuard};

use super::form::Form;
use super::{Argument, BodyDescription, Call, Code, Description, FORM, Problem};
use crate::domain::{BrowserSecret, NoRandomness, Origin, Random, SecretHash};

/// Detail of the problem that the server cannot know which of two cookies it set.
const SENT_TWICE: &str = "the browser sent two cookies of one name";

/// Field of a form with its CSRF token.
pub const TOKEN_FIELD: &str = "form_token";

/// Form of a page. The page makes the CSRF token and the handler checks it with the purpose of the same type.
pub trait PageForm: ToSchema + 'static {
    /// The only purpose for which its token is valid.
    const PURPOSE: &'static str;

    /// Returns an example for the documentation.
    fn example() -> Value;
}

/// Browser that sends the request. A page with a form sets its cookie if the cookie is new.
///
/// ```
/// use cloakroom::http::pages::PageAnswer;
/// use cloakroom::http::{Browser, Problem, Public};
///
/// async fn greet(_: Public, browser: Browser) -> Result<PageAnswer, Problem> {
///     let greeting = if browser.session().is_some() { "Welcome back" } else { "Good evening" };
///     Ok(PageAnswer::new(greeting, maud::html! { h1 { (greeting) } }))
/// }
/// ```
pub struct Browser {
    session: Option<BrowserSecret>,
    forms: BrowserSecret,
    is_new: bool,
    guard: FormGuard,
    service: &'static str,
    origin: Origin,
}

impl Browser {
    /// Returns the origin of the request.
    pub(crate) fn origin(&self) -> &Origin {
        &self.origin
    }

    fn of(call: &Call) -> Result<Self, Problem> {
        let (headers, services) = (call.request().headers(), call.services());
        let (guard, service) = (services.forms.clone(), services.name);
        let twice = |_| Problem::new(Code::InvalidRequest).with_detail(SENT_TWICE);
        let session = guard.cookies().read_session(headers).map_err(twice)?;
        let forms = guard.cookies().read_forms(headers).map_err(twice)?;
        let browser = Self::holding(session, forms, guard, service, &services.random)?;
        Ok(Self { origin: call.origin(), ..browser })
    }

    fn holding(
        session: Option<BrowserSecret>,
        forms: Option<BrowserSecret>,
        guard: FormGuard,
        service: &'static str,
        random: &Random,
    ) -> Result<Self, NoRandomness> {
        let is_new = forms.is_none();
        let forms = forms.map_or_else(|| BrowserSecret::generate(random), Ok)?;
        Ok(Self { session, forms, is_new, guard, service, origin: Origin::default() })
    }

    /// Returns the hash of the secret in the session cookie, if there is one.
    pub fn session(&self) -> Option<SecretHash> {
        self.session.as_ref().map(BrowserSecret::hash)
    }

    /// Sets a session with this secret, until the browser ends or for a lifetime.
    pub fn session_cookie(&self, secret: &BrowserSecret, lifetime: Option<Duration>) -> SetCookie {
        self.guard.cookies().session(secret, lifetime)
    }

    /// Returns the CSRF token of this form.
    pub fn token<F: PageForm>(&self) -> String {
        self.guard.token(F::PURPOSE, &self.forms)
    }

    /// Returns the name of the service.
    pub fn service(&self) -> &'static str {
        self.service
    }

    /// Returns the cookie for CSRF tokens, if the browser does not have it yet.
    pub fn new_cookie(&self) -> Option<SetCookie> {
        self.is_new.then(|| self.guard.cookies().forms(&self.forms))
    }

    /// Checks that this form was served to this browser.
    fn check<F: PageForm>(&self, token: Option<&str>) -> Result<(), Forgery> {
        if self.is_new {
            return Err(Forgery::NoCookie);
        }
        self.guard.check_token(F::PURPOSE, &self.forms, token.ok_or(Forgery::Token)?)
    }

    /// Makes a browser without cookies, for a test.
    #[cfg(test)]
    pub(crate) fn new_one() -> Self {
        let guard = FormGuard::new([7; 32], "https://id.example.org");
        Self::holding(None, None, guard, "cloakroom", &Random::system()).expect("randomness")
    }
}

impl Argument for Browser {
    async fn take(call: &mut Call) -> Result<Self, Problem> {
        Self::of(call)
    }

    fn describe(description: &mut Description) {
        description.problems.push(Code::InvalidRequest);
    }
}

/// Form `F`, sent by the browser to which it was served. The number and the size of its fields are limited,
/// and each occurs once.
pub struct BrowserForm<F> {
    form: Form,
    browser: Browser,
    kind: PhantomData<F>,
}

impl<F> BrowserForm<F> {
    /// Returns the value of a field; `None` when it is empty.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.form.get(name)
    }

    /// Returns the browser.
    pub fn browser(&self) -> &Browser {
        &self.browser
    }
}

impl<F: PageForm> Argument for BrowserForm<F> {
    async fn take(call: &mut Call) -> Result<Self, Problem> {
        let refused = |call: &Call, forgery: Forgery| {
            log::info!(request_id:% = call.request_id(), reason:% = forgery; "form refused");
            Problem::new(Code::ForeignForm).with_detail(forgery.to_string())
        };
        let sender = call.services().forms.check_sender(call.request().headers());
        sender.map_err(|forgery| refused(call, forgery))?;
        let browser = Browser::of(call)?;
        let form = Form::read(call).await?;
        browser.check::<F>(form.get(TOKEN_FIELD)).map_err(|forgery| refused(call, forgery))?;
        Ok(Self { form, browser, kind: PhantomData })
    }

    fn describe(description: &mut Description) {
        let schema = description.schema_of::<F>();
        description.body =
            Some(BodyDescription { example: F::example(), ..BodyDescription::of(FORM, schema) });
        description.problems.extend([
            Code::ForeignForm,
            Code::InvalidRequest,
            Code::BodyTooLarge,
            Code::UnsupportedMediaType,
            Code::RequestTimeout,
        ]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A form.
    #[derive(ToSchema)]
    struct Ticket;

    impl PageForm for Ticket {
        const PURPOSE: &'static str = "ticket";

        fn example() -> Value {
            Value::Null
        }
    }

    #[test]
    fn a_form_requires_the_cookie_and_its_token() {
        let new = Browser::new_one();
        let token = new.token::<Ticket>();
        // A browser that refused the cookie comes back as a new one.
        assert_eq!(new.check::<Ticket>(Some(&token)), Err(Forgery::NoCookie));
        let known = Browser { is_new: false, ..new };
        assert_eq!(known.check::<Ticket>(Some(&token)), Ok(()));
        assert_eq!(known.check::<Ticket>(None), Err(Forgery::Token));
        assert!(known.new_cookie().is_none());
    }
}
