//! The pages of mailed links, in a browser without scripts.

use super::{Mailing, NEW};
use crate::support::{Browser, CALLBACK, on_both_engines};

on_both_engines! {
    fn forgotten_password_leads_from_the_sign_in_page_and_back(engine: Engine) {
        let server = Mailing::start(engine);
        let ada = server.register("ada");
        server.operator(&["clients", "create", "--id", "app", "--grant", "authorization_code", "--public",
            "--redirect-uri", CALLBACK, "--scope", "openid"]);
        let mut browser = Browser::new(&server);
        let query = format!(
            "client_id=app&response_type=code&redirect_uri={CALLBACK}&scope=openid&code_challenge={}&code_challenge_method=S256",
            "A".repeat(43)
        );
        let page = browser.open(&format!("/oauth/authorize?{query}"));
        let href = page.body.split("href=\"").find(|part| part.starts_with("forgot-password?")).expect("a link");
        let href = href.split('"').next().unwrap().replace("&amp;", "&");
        let page = browser.open(&format!("/oauth/{href}"));
        let again = browser.submit(&page, "", &[("email", "no address")]).expect(422);
        assert!(again.body.contains("must be an e-mail address"), "{again:?}");
        let page = browser.submit(&page, "", &[("email", &ada.email)]).expect(200);
        assert!(page.body.contains("Look into your mailbox"), "{page:?}");
        let back = page.body.split("href=\"").find(|part| part.starts_with("authorize?")).expect("a way back");
        let back = back.split('"').next().unwrap().replace("&amp;", "&");
        assert!(browser.open(&format!("/oauth/{back}")).body.contains("<h1>Sign in</h1>"));
        // Opening the link changes nothing; only its form does.
        let link = server.mails.last_to(&ada.email, 1).link();
        let path = link.strip_prefix(&server.url).unwrap();
        for _ in 0..3 {
            let page = browser.open(path).expect(200);
            assert_eq!(page.header("referrer-policy"), Some("no-referrer"));
            assert_eq!(page.header("cache-control"), Some("no-store"));
        }
        let page = browser.open(path);
        let again = browser.submit(&page, "", &[("password", "short")]).expect(422);
        assert!(again.body.contains("must be at least 8"), "{again:?}");
        let done = browser.submit(&again, "", &[("password", NEW)]).expect(200);
        assert!(done.body.contains("Your password is set"), "{done:?}");
        assert_eq!(server.try_log_in(&ada.email, NEW), 200);
        let used = browser.submit(&page, "", &[("password", NEW)]).expect(400);
        assert!(used.body.contains("This link is not valid") && used.body.contains("forgot-password"), "{used:?}");
    }

    fn link_without_its_token_or_with_additions_still_has_a_page(engine: Engine) {
        let server = Mailing::start(engine);
        let mut browser = Browser::new(&server);
        for page in ["reset-password", "accept-invitation", "verify-email", "undo-email-change"] {
            let shown = browser.open(&format!("/oauth/{page}?utm_source=mail&token=%22%3E%3Cscript%3E")).expect(200);
            assert!(!shown.body.contains("\"><script>"), "{shown:?}");
            let password = [("password", NEW)];
            let fields: &[(&str, &str)] = if shown.body.contains("type=\"password\"") { &password } else { &[] };
            let answer = browser.submit(&shown, "", fields).expect(400);
            assert!(answer.body.contains("This link is not valid"), "{answer:?}");
            browser.open(&format!("/oauth/{page}")).expect(200);
        }
    }

    fn form_of_another_site_spends_no_token(engine: Engine) {
        let server = Mailing::start(engine);
        let ada = server.register("ada");
        server.request_reset(&ada.email).expect(202);
        let token = server.mails.last_to(&ada.email, 1).token();
        let form = [("token", token.as_str()), ("password", NEW)];
        for headers in [[("origin", "https://evil.example"), ("sec-fetch-site", "cross-site")], [("origin", "null"), ("sec-fetch-site", "cross-site")]] {
            let post = headers.iter().fold(server.post("/oauth/reset-password"), |post, (name, value)| post.header(name, value));
            post.form(&form).send().expect(403);
        }
        server.reset(&token, NEW).expect(204);
    }
}
