//! Accounts from other systems: their password hashes, made by the libraries of those systems.

use super::*;

/// Returns the name, the password and the hash of each.
fn made() -> Vec<(String, String, String)> {
    let script = scripts().join("foreign_hashes.py");
    let ran = Command::new(python()).arg(script).output().expect("the script runs");
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    let made: Vec<Value> = serde_json::from_slice(&ran.stdout).expect("a list");
    let text = |one: &Value, name: &str| one[name].as_str().expect("a text").to_owned();
    made.iter().map(|one| (text(one, "name"), text(one, "password"), text(one, "hash"))).collect()
}

on_both_engines! {
    fn account_of_each_system_logs_in_with_its_old_password(engine: Engine) {
        if !are_installed(&[&python()]) {
            return;
        }
        // The ceilings follow from the cost.
        let server = Server::start_with(engine, &[("CLOAKROOM_ARGON2", "m=19456,t=2,p=1")]);
        let admin = server.admin();
        for (number, (name, password, hash)) in made().into_iter().enumerate() {
            let email = format!("user{number}@example.com");
            let account = json!({ "email": email, "password_hash": hash });
            server.post("/users").bearer(&admin.token).json(&account).send().expect(201);
            let log_in = |password: &str| {
                server.post("/sessions").json(&json!({ "email": email, "password": password })).send().status
            };
            assert_eq!(log_in(&password.to_uppercase()), 401, "{name}");
            // The second login compares with the new hash.
            assert_eq!((log_in(&password), log_in(&password)), (200, 200), "{name}");
            assert_eq!(log_in(&password.to_uppercase()), 401, "{name}");
        }
    }
}
