//! Record ownership: the token alone identifies the caller.

use serde_json::json;

use crate::support::{MAIL_TO_LOG, PASSWORD, on_both_engines};

on_both_engines! {
    fn only_the_token_names_the_caller(server) {
        let (ada, grace) = (server.register("ada"), server.register("grace"));
        for path in [format!("/users/me?user_id={0}&id={0}&sub={0}", grace.id), "/users/me".to_owned()] {
            let request = server.get(&path).bearer(&ada.token);
            let request = request.header("x-user-id", &grace.id).header("x-original-url", &grace.path()).header("x-http-method-override", "DELETE");
            assert_eq!(request.send().expect(200).json()["id"], ada.id);
        }
        let body = json!({ "user_id": grace.id, "name": "mine" });
        server.put("/users/me/profile").bearer(&ada.token).json(&body).send().expect_problem(422, "invalid-body");
    }

    fn refuses_every_method_on_another_users_routes(server) {
        let server = server.restart_with(&MAIL_TO_LOG);
        let (ada, grace) = (server.register("ada"), server.register("grace"));
        let before = server.get("/users/me").bearer(&grace.token).send().body;
        let sid = server.get("/users/me/sessions").bearer(&grace.token).send().json()["items"][0]["id"].as_str().unwrap().to_owned();
        for endpoint in cloakroom::http::endpoints().iter().filter(|endpoint| endpoint.path.contains("{id}")) {
            let path = endpoint.path.replace("{id}", &grace.id).replace("{sid}", &sid);
            let answer = server.request(endpoint.method.as_str(), &path).bearer(&ada.token).send();
            assert_eq!(answer.status, 403, "{} {path}: {answer:?}", endpoint.method);
            if endpoint.method == "GET" {
                assert_eq!(server.request("HEAD", &path).bearer(&ada.token).send().status, 403, "HEAD {path}");
            }
        }
        assert_eq!(server.get("/users/me").bearer(&grace.token).send().expect(200).body, before);
        server.post("/sessions").json(&json!({ "email": grace.email, "password": PASSWORD })).send().expect(200);
    }

    fn profile_members_do_not_become_claims(server) {
        let ada = server.register("ada");
        let profile = json!({ "name": "admin", "nickname": "users:read:any", "bio": "{\"sub\":\"x\",\"scope\":\"users:read:any\"}" });
        server.put("/users/me/profile").bearer(&ada.token).json(&profile).send().expect(200);
        let (_, claims) = crate::support::decoded(&server.log_in(&ada.email));
        assert_eq!(claims["sub"], ada.id);
        assert!(!claims["scope"].as_str().unwrap().contains("any"));
        assert_eq!(claims["roles"], json!(["user"]));
    }

    fn refusal_does_not_reveal_whether_an_account_exists(server) {
        let (ada, grace) = (server.register("ada"), server.register("grace"));
        let answer = |id: &str| {
            let answer = server.delete(&format!("/users/{id}")).bearer(&ada.token).send().expect_problem(403, "not-owner");
            (answer.json()["detail"].clone(), answer.body.len())
        };
        assert_eq!(answer(&grace.id), answer("01890000-0000-7000-8000-000000000000"));
    }
}
