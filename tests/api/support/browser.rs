//! Browser without scripts: keeps cookies, submits forms and follows redirects within the server. It checks which script
//! each page permits.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::http::{Answer, Request};
use super::people::PASSWORD;
use super::server::Server;

/// One user's browser, with its own cookies.
pub struct Browser<'s> {
    server: &'s Server,
    cookies: BTreeMap<String, String>,
}

impl<'s> Browser<'s> {
    pub fn new(server: &'s Server) -> Self {
        Self { server, cookies: BTreeMap::new() }
    }

    /// Returns the value of a cookie of the server, `cloakroom` or `cloakroom-csrf`.
    pub fn cookie(&self, name: &str) -> Option<&str> {
        self.cookies.get(&self.server.cookie_name(name)).map(String::as_str)
    }

    /// Opens a page and follows redirects within the server.
    pub fn open(&mut self, path: &str) -> Answer {
        let answer = self.send(self.server.get(path));
        self.follow(answer)
    }

    /// Submits the form of a page with the button `choice`, and follows redirects within the server.
    pub fn submit(&mut self, page: &Answer, choice: &str, fields: &[(&str, &str)]) -> Answer {
        let answer = self.submit_and_stop(page, choice, fields);
        self.follow(answer)
    }

    /// Submits the form of a page without following the redirect.
    pub fn submit_and_stop(&mut self, page: &Answer, choice: &str, fields: &[(&str, &str)]) -> Answer {
        let (action, hidden) = form_of(page);
        let mut pairs: Vec<(&str, &str)> = hidden.iter().map(|(name, value)| (&**name, &**value)).collect();
        pairs.extend(fields);
        pairs.push(("choice", choice));
        self.send(
            self.server
                .post(&format!("/oauth/{action}"))
                .header("origin", &self.server.issuer())
                .form(&pairs),
        )
    }

    /// Submits the sign-in page.
    pub fn sign_in(&mut self, page: &Answer, email: &str) -> Answer {
        assert!(page.body.contains("<h1>Sign in</h1>"), "{page:?}");
        self.submit(page, "log-in", &[("email", email), ("password", PASSWORD)])
    }

    fn follow(&mut self, mut answer: Answer) -> Answer {
        let issuer = self.server.issuer();
        for _ in 0..5 {
            let next = answer.header("location").and_then(|url| url.strip_prefix(&issuer)).map(str::to_owned);
            let Some(next) = next else { return answer };
            answer = self.send(self.server.get(&next));
        }
        panic!("redirect loop: {answer:?}");
    }

    /// Returns the issuer of the pages. A replica uses the issuer of the first server, not its own address.
    fn send(&mut self, request: Request) -> Answer {
        let cookies: Vec<String> =
            self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let request =
            if cookies.is_empty() { request } else { request.header("cookie", &cookies.join("; ")) };
        let answer = request.send();
        check_scripts(&answer);
        for (_, cookie) in answer.headers.iter().filter(|(name, _)| name == "set-cookie") {
            let (name, value) =
                cookie.split(';').next().and_then(|pair| pair.split_once('=')).expect("a pair");
            if cookie.contains("Max-Age=0") {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        answer
    }
}

/// Checks that a page has a script only with a password or with a form for an application, and that its policy permits
/// this script alone, by its hash.
pub fn check_scripts(answer: &Answer) {
    let is_page = answer.header("content-type").is_some_and(|kind| kind.starts_with("text/html"));
    if !is_page {
        return;
    }
    let scripts: Vec<&str> = answer.body.split("<script").skip(1).collect();
    let needs_one = answer.body.contains("type=\"password\"") || answer.body.contains(" action=\"http");
    assert_eq!(scripts.len(), usize::from(needs_one), "{answer:?}");
    let sources = scripts.iter().map(|rest| {
        let script =
            rest.strip_prefix('>').and_then(|rest| rest.split("</script>").next()).expect("an inline script");
        STANDARD.encode(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, script.as_bytes()))
    });
    let permitted: Vec<String> = sources.map(|hash| format!("script-src 'sha256-{hash}'")).collect();
    let policy = answer.header("content-security-policy").expect("a policy");
    let directives: Vec<&str> = policy.split("; ").filter(|rule| rule.starts_with("script-src")).collect();
    assert_eq!(directives, permitted, "{policy}");
    assert!(policy.starts_with("default-src 'none';") && !policy.contains("unsafe"), "{policy}");
}

/// Returns the action of the page's form, and its hidden fields.
pub fn form_of(page: &Answer) -> (String, Vec<(String, String)>) {
    let attribute = |tag: &str, name: &str| {
        let rest = tag.split(&format!(" {name}=\"")).nth(1)?;
        let value = rest.split('"').next()?;
        let unescaped = value.replace("&quot;", "\"").replace("&lt;", "<").replace("&gt;", ">");
        Some(unescaped.replace("&amp;", "&"))
    };
    let tags = |kind: &str| {
        let tags: Vec<&str> = page.body.split(&format!("<{kind}")).skip(1).collect();
        tags
    };
    let action = tags("form").first().and_then(|tag| attribute(tag, "action"));
    let hidden = tags("input").into_iter().filter(|tag| attribute(tag, "type").as_deref() == Some("hidden"));
    let hidden = hidden.filter_map(|tag| Some((attribute(tag, "name")?, attribute(tag, "value")?)));
    (action.unwrap_or_else(|| panic!("no form: {page:?}")), hidden.collect())
}
