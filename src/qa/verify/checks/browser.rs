//! Browser without scripts: keeps cookies and submits the forms of the sign-in pages.

use std::cell::RefCell;
use std::collections::BTreeMap;

use super::super::client::Answer;
use super::super::fixture::Fixture;
use super::super::{Request, VerifyError};
use crate::http::Cookies;

/// Most redirects within the server that are followed.
const MAX_REDIRECTS: usize = 5;

/// Browser of one user, with its own cookies.
pub(super) struct Browser<'r> {
    run: &'r Fixture,
    cookies: RefCell<BTreeMap<String, String>>,
}

/// Form of a page: its action, and its hidden fields.
pub(super) struct PageForm {
    pub(super) action: String,
    pub(super) fields: Vec<(String, String)>,
}

impl<'r> Browser<'r> {
    pub(super) fn new(run: &'r Fixture) -> Self {
        Self { run, cookies: RefCell::default() }
    }

    /// True when the browser has the cookie of a session.
    pub(super) fn is_signed_in(&self) -> bool {
        let name = Cookies::of(&self.run.issuer).session_name();
        self.cookies.borrow().contains_key(&*name)
    }

    /// Opens a path, and follows redirects within the server.
    pub(super) fn open(&self, path: &str) -> Result<Answer, VerifyError> {
        let answer = self.send(Request::get(path))?;
        self.follow(answer)
    }

    /// Submits the form of a page with these fields, and follows redirects within the server.
    pub(super) fn submit(&self, page: &Answer, fields: &[(&str, &str)]) -> Result<Answer, VerifyError> {
        let form = form_of(page)?;
        let answer = self.send_form(&form, fields, &self.origin())?;
        self.follow(answer)
    }

    /// Sends a form as a page of `origin` does.
    pub(super) fn send_form(
        &self,
        form: &PageForm,
        fields: &[(&str, &str)],
        origin: &str,
    ) -> Result<Answer, VerifyError> {
        let hidden = form.fields.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let pairs: Vec<(&str, &str)> = hidden.chain(fields.iter().copied()).collect();
        let request = Request::post(format!("/oauth/{}", form.action)).form(&pairs);
        self.send(request.header("origin", origin))
    }

    /// Returns the origin of the server's own pages.
    pub(super) fn origin(&self) -> String {
        self.run.origin()
    }

    fn follow(&self, mut answer: Answer) -> Result<Answer, VerifyError> {
        for _ in 0..MAX_REDIRECTS {
            let location = answer.header("location").unwrap_or_default();
            let Some(next) = location.strip_prefix(&*self.run.issuer).map(str::to_owned) else {
                return Ok(answer);
            };
            answer = self.send(Request::get(next))?;
        }
        Err(VerifyError::new("the sign-in pages redirect without an end"))
    }

    fn send(&self, request: Request) -> Result<Answer, VerifyError> {
        let cookies: Vec<String> =
            self.cookies.borrow().iter().map(|(name, value)| format!("{name}={value}")).collect();
        let answer = self.run.send(&request.header("cookie", cookies.join("; ")), None)?;
        for (_, cookie) in answer.headers.iter().filter(|(name, _)| name == "set-cookie") {
            let Some((name, value)) = cookie.split(';').next().and_then(|pair| pair.split_once('=')) else {
                continue;
            };
            match cookie.contains("Max-Age=0") {
                true => drop(self.cookies.borrow_mut().remove(name)),
                false => drop(self.cookies.borrow_mut().insert(name.to_owned(), value.to_owned())),
            }
        }
        Ok(answer)
    }
}

/// Returns the form of a page.
pub(super) fn form_of(page: &Answer) -> Result<PageForm, VerifyError> {
    let tags =
        |kind: &str| page.body.split(&format!("<{kind}")).skip(1).map(str::to_owned).collect::<Vec<_>>();
    let action = tags("form").first().and_then(|tag| attribute(tag, "action"));
    let action =
        action.ok_or_else(|| VerifyError::new(format!("a page without a form: {}", page.summary())))?;
    let inputs = tags("input").into_iter();
    let hidden = inputs.filter(|tag| attribute(tag, "type").as_deref() == Some("hidden"));
    let fields = hidden.filter_map(|tag| Some((attribute(&tag, "name")?, attribute(&tag, "value")?)));
    Ok(PageForm { action, fields: fields.collect() })
}

/// Returns the value of a tag's attribute.
fn attribute(tag: &str, name: &str) -> Option<String> {
    let tag = tag.split('>').next()?;
    let value = tag.split(&format!(" {name}=\"")).nth(1)?.split('"').next()?;
    let decoded = value.replace("&quot;", "\"").replace("&lt;", "<").replace("&gt;", ">");
    Some(decoded.replace("&amp;", "&"))
}
