//! A change that takes something away from a client ends the access tokens that were issued before it.

use chrono::TimeDelta;

use super::*;
use crate::support::{Application, IssuerKey, Person, eventually};

struct World<'s> {
    server: &'s Server,
    admin: Person,
    user: Person,
    app: Application,
}

/// Tokens of a user in the application.
struct Tokens {
    access: String,
    refresh: String,
}

impl<'s> World<'s> {
    fn new(server: &'s Server) -> Self {
        let body = json!({
            "client_id": "shop", "scope": "openid users:read users:write users:read:any",
            "redirect_uris": [CALLBACK, "https://old.example.org/cb"],
            "grant_types": ["authorization_code", "refresh_token", "client_credentials"],
        });
        let (admin, user) = (server.admin(), server.register("ada"));
        Self { server, admin, user, app: server.register_application(&body) }
    }

    fn patch(&self, body: &Value) {
        let patch = self.server.patch("/clients/shop").bearer(&self.admin.token).if_match("*");
        patch.json(body).send().expect(200);
    }

    fn rotate(&self, seconds: u32) -> Application {
        let rotated = rotate(self.server, &self.admin, "shop", seconds);
        Application { secret: Some(rotated), ..self.app.clone() }
    }

    fn tokens(&self) -> Tokens {
        Tokens::of(&self.app.tokens(self.server, &self.user, &[("scope", "openid users:read users:write")]))
    }

    fn own_token(&self) -> String {
        let answer = ask_token(self.server, "shop", self.app.secret.as_deref().unwrap()).expect(200);
        answer.json()["access_token"].as_str().unwrap().to_owned()
    }

    fn is_accepted(&self, token: &str) -> bool {
        // The client's own token gets 403 or 404, which say that it was accepted.
        self.server.get(&self.user.path()).bearer(token).send().status != 401
    }
}

impl Tokens {
    fn of(answer: &Value) -> Self {
        let text =
            |name: &str| answer[name].as_str().unwrap_or_else(|| panic!("{name}: {answer}")).to_owned();
        Self { access: text("access_token"), refresh: text("refresh_token") }
    }
}

fn rotate(server: &Server, admin: &Person, id: &str, seconds: u32) -> String {
    let post = server.post(&format!("/clients/{id}/secret")).bearer(&admin.token);
    secret_of(&post.json(&json!({ "old_expires_in": seconds })).send().expect(200))
}

on_both_engines! {
    fn narrowed_scope_ends_access_tokens_and_narrows_refreshed_ones(server) {
        let world = World::new(&server);
        let (before, own, login) = (world.tokens(), world.own_token(), &world.user.token);
        let other = server.application("other", "openid users:read").tokens(&server, &world.user, &[]);
        world.patch(&json!({ "scope": "openid users:read" }));
        assert!(!world.is_accepted(&before.access) && !world.is_accepted(&own));
        assert!(world.is_accepted(login) && world.is_accepted(&Tokens::of(&other).access), "no other client");
        let answer = world.app.refresh(&server, &before.refresh).expect(200).json();
        assert_eq!(answer["scope"], "openid users:read");
        assert!(world.is_accepted(&Tokens::of(&answer).access), "a token of the same second");
        assert!(world.is_accepted(&world.own_token()));
        assert!(world.is_accepted(&world.tokens().access));
    }

    fn widening_and_renaming_end_nothing(server) {
        let world = World::new(&server);
        let (before, own) = (world.tokens(), world.own_token());
        world.patch(&json!({ "scope": "openid users:read users:write users:read:any profiles:read" }));
        world.patch(&json!({ "client_name": "The shop", "post_logout_redirect_uris": [] }));
        world.patch(&json!({ "redirect_uris": [CALLBACK, "https://old.example.org/cb", "https://new.example.org/cb"] }));
        assert!(world.is_accepted(&before.access) && world.is_accepted(&own));
    }

    fn lost_grant_type_ends_the_sessions_on_it(server) {
        let world = World::new(&server);
        let (before, own) = (world.tokens(), world.own_token());
        let sessions = || {
            let list = server.get(&format!("{}/sessions", world.user.path())).bearer(&world.user.token).send().expect(200).json();
            list["items"].as_array().unwrap().iter().filter(|session| session["client_id"] == "shop").count()
        };
        assert_eq!(sessions(), 1);
        world.patch(&json!({ "grant_types": ["authorization_code", "refresh_token"] }));
        assert!(!world.is_accepted(&own) && !world.is_accepted(&before.access));
        assert_eq!(sessions(), 1, "it can be refreshed still");
        let next = Tokens::of(&world.app.refresh(&server, &before.refresh).expect(200).json());
        world.patch(&json!({ "grant_types": ["authorization_code"] }));
        assert!(!world.is_accepted(&next.access));
        assert_eq!(sessions(), 0);
        world.patch(&json!({ "grant_types": ["authorization_code", "refresh_token"] }));
        let refused = world.app.refresh(&server, &next.refresh).expect(400).json();
        assert_eq!(refused["error"], "invalid_grant", "it does not come back");
    }

    fn code_of_a_removed_redirect_uri_is_refused(server) {
        let world = World::new(&server);
        let before = world.tokens();
        let (code, old) = (|uri| world.app.code(&server, &world.user, &[("redirect_uri", uri)]), "https://old.example.org/cb");
        let (kept, removed) = (code(CALLBACK), code(old));
        world.patch(&json!({ "redirect_uris": [CALLBACK] }));
        world.app.redeem(&server, &kept).expect(200);
        let refused = world.app.redeem_with(&server, &removed, &[("redirect_uri", old)]).expect(400).json();
        assert_eq!(refused["error"], "invalid_grant");
        assert!(!world.is_accepted(&before.access));
        world.app.refresh(&server, &before.refresh).expect(200);
    }

    fn secret_that_ends_at_once_ends_the_access_tokens(server) {
        let world = World::new(&server);
        let (before, own) = (world.tokens(), world.own_token());
        world.rotate(3_600);
        assert!(world.is_accepted(&before.access) && world.is_accepted(&own), "the old secret is good still");
        let app = world.rotate(0);
        assert!(!world.is_accepted(&before.access) && !world.is_accepted(&own));
        world.app.refresh(&server, &before.refresh).expect(401);
        let next = Tokens::of(&app.refresh(&server, &before.refresh).expect(200).json());
        assert!(world.is_accepted(&next.access));
        // A third secret ends the first one before its time.
        world.rotate(3_600);
        assert!(world.is_accepted(&next.access));
        world.rotate(3_600);
        assert!(!world.is_accepted(&next.access));
    }

    fn other_key_or_method_ends_the_access_tokens(server) {
        let admin = server.admin();
        let (one, two) = (IssuerKey::new("one"), IssuerKey::new("two"));
        let secret = secret_of(&register(&server, &admin.token, &json!({ "client_id": "ledger", "scope": "users:read:any" })).expect(201));
        let token = || ask_token(&server, "ledger", &secret).expect(200).json()["access_token"].as_str().unwrap().to_owned();
        let works = |token: &str| server.get("/users").bearer(token).send().status == 200;
        let patch = |body: Value| {
            server.patch("/clients/ledger").bearer(&admin.token).if_match("*").json(&body).send().expect(200);
        };
        let by_secret = token();
        patch(json!({ "token_endpoint_auth_method": "private_key_jwt", "jwks": { "keys": [one.jwk()] } }));
        assert!(!works(&by_secret));
        let now = server.clock.now().timestamp();
        let by_key = |key: &IssuerKey, jti: &str| {
            let claims = json!({ "iss": "ledger", "sub": "ledger", "aud": server.url, "jti": jti, "exp": now + 60 });
            let assertion = key.sign(&json!({}), &claims);
            let form = [
                ("grant_type", "client_credentials"), ("client_assertion", assertion.as_str()),
                ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
            ];
            let answer = server.post("/oauth/token").form(&form).send().expect(200).json();
            answer["access_token"].as_str().unwrap().to_owned()
        };
        let first = by_key(&one, "1");
        patch(json!({ "jwks": { "keys": [one.jwk(), two.jwk()] } }));
        assert!(works(&first), "a key more ends nothing");
        patch(json!({ "jwks": { "keys": [two.jwk()] } }));
        assert!(!works(&first));
        let second = by_key(&two, "2");
        assert!(works(&second));
        patch(json!({ "dpop_bound_access_tokens": true }));
        assert!(!works(&second), "it is not bound");
    }

    fn replica_learns_of_a_narrowed_client(server) {
        let world = World::new(&server);
        let (replica, before) = (server.replica(), world.tokens());
        replica.get("/users/me").bearer(&before.access).send().expect(200);
        for _ in 0..3 {
            world.patch(&json!({ "scope": "openid users:read" }));
            world.patch(&json!({ "scope": "openid users:read users:write" }));
        }
        eventually("the replica refuses the token", || replica.get("/users/me").bearer(&before.access).send().status == 401);
        let next = Tokens::of(&world.app.refresh(&server, &before.refresh).expect(200).json());
        replica.get("/users/me").bearer(&next.access).send().expect(200);
        assert_eq!(server.db_number("SELECT count(*) AS total FROM revocations WHERE kind = 'client'"), 1, "one row a client");
    }
}

on_both_engines! {
    fn client_registered_again_at_once_gets_good_tokens(engine: Engine) {
        let server = Server::start_with_standing_clock(engine, &[]);
        let admin = server.admin();
        let body = json!({ "client_id": "robot", "scope": "users:read:any", "grant_types": ["client_credentials"], "redirect_uris": [] });
        let token = || {
            let secret = secret_of(&register(&server, &admin.token, &body).expect(201));
            ask_token(&server, "robot", &secret).expect(200).json()["access_token"].as_str().unwrap().to_owned()
        };
        let is_accepted = |token: &str| server.get("/users").bearer(token).send().status == 200;
        let mut earlier: Vec<String> = Vec::new();
        // The second one in the same millisecond, the third one by a clock that is behind.
        for behind in [0, 0, 500] {
            server.clock.advance(TimeDelta::milliseconds(-behind));
            let next = token();
            assert!(is_accepted(&next) && !earlier.iter().any(|token| is_accepted(token)));
            server.delete("/clients/robot").bearer(&admin.token).if_match("*").send().expect(204);
            assert!(!is_accepted(&next));
            earlier.push(next);
        }
    }
}
