//! The user of a browser as a caller: a page of the server's own origin sends the cookie of a browser session instead
//! of a token.

use actix_web::http::header;

use super::{Forgery, SENT_TWICE};
use crate::authz::Caller;
use crate::domain::{BrowserSecret, SecretHash};
use crate::http::kit::{Argument, Call, Code, Description, Problem};

impl Call {
    /// Returns the caller of the browser session whose cookie the request has. `None` without such a session. The header
    /// `Authorization` alone decides a request that has it.
    ///
    /// # Errors
    /// 400 for two cookies, 403 for a page of another origin, 503 when the database is away.
    pub(in crate::http::kit) async fn caller_of_browser(&self) -> Result<Option<Caller>, Problem> {
        let (services, headers) = (self.services(), self.request().headers());
        let has_token = headers.contains_key(header::AUTHORIZATION) && !fault!(cookie_beside_token);
        if !services.issues_tokens || has_token {
            return Ok(None);
        }
        let secret = services.forms.cookies().read_session(headers);
        let secret = secret.map_err(|_| Problem::new(Code::TwoTokens).with_detail(SENT_TWICE))?;
        let Some(secret) = secret else { return Ok(None) };
        self.check_page().map_err(foreign_page)?;
        let Some(signed_in) = services.trusted.signed_in(secret.hash()).await? else { return Ok(None) };
        if let Err(error) = services.trusted.note_use(&signed_in.session).await {
            // A read is answered also while nothing can be written.
            log::debug!("the use of a session is not noted: {error}");
        }
        Ok(services.verifier.verify_browser(&signed_in.session, &signed_in.user))
    }

    fn check_page(&self) -> Result<(), Forgery> {
        self.services().forms.check_page(self.request().method(), self.request().headers())
    }
}

/// Returns the problem of a page of another origin. No line of the log: a stranger could write as many as it likes.
fn foreign_page(forgery: Forgery) -> Problem {
    Problem::new(Code::ForeignOrigin).with_detail(forgery.to_string())
}

/// The page that sent a request for a cookie, and the session that its browser has already.
pub(crate) struct SendingPage {
    checked: Result<(), Forgery>,
    session: Option<SecretHash>,
}

impl SendingPage {
    /// Returns the hash of the secret of the browser's session, if it has one.
    ///
    /// # Errors
    /// 403 for a page of another origin: it could sign the user in to an account of its own.
    pub(crate) fn session(self) -> Result<Option<SecretHash>, Problem> {
        self.checked.map(|()| self.session).map_err(foreign_page)
    }
}

impl Argument for SendingPage {
    async fn take(call: &mut Call) -> Result<Self, Problem> {
        let checked = call.check_page();
        let session = call.services().forms.cookies().read_session(call.request().headers());
        // A new session replaces the cookies, whichever of two the server set.
        let session = session.ok().flatten().as_ref().map(BrowserSecret::hash);
        Ok(Self { checked, session })
    }

    fn describe(description: &mut Description) {
        description.problems.push(Code::ForeignOrigin);
    }
}
