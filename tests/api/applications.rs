//! Applications with mistakes that the compiler does not see; the server stops them at run time.

use actix_web::http::Method;
use cloakroom::App;
use cloakroom::authz::action::{Delete, List, Read};
use cloakroom::authz::{Allowed, Reach};
use cloakroom::domain::User;
use cloakroom::http::{Endpoint, NoContent, Problem, endpoint};
use cloakroom::on;
use cloakroom::store::{Connection, Store, StoreError};
use diesel::prelude::*;

use crate::support::{Server, on_both_engines};

mod lockers;
mod orders;

fn careless() -> App {
    App::new("careless").endpoints(endpoints())
}

fn endpoints() -> Vec<Endpoint> {
    vec![
        endpoint(Method::GET, "/careless/{id}", "Suspend an account while reading it", with_a_record),
        endpoint(Method::GET, "/careless", "Suspend all accounts while listing them", with_a_list),
        endpoint(Method::DELETE, "/careless/{id}", "Fail after half of the work", half_done),
    ]
}

fn suspend_all(conn: &mut Connection) -> Result<(), StoreError> {
    on!(conn, |c| diesel::sql_query("UPDATE users SET status = 'suspended'").execute(c))?;
    Ok(())
}

async fn with_a_record(user: Allowed<User, Read>, store: Store) -> Result<NoContent, Problem> {
    Ok(store.query(&user, |conn, _| suspend_all(conn)).await?.into())
}

async fn with_a_list(reach: Reach<User, List>, store: Store) -> Result<NoContent, Problem> {
    Ok(store.gather(&reach, |conn, _| suspend_all(conn)).await?.into())
}

async fn half_done(user: Allowed<User, Delete>, store: Store) -> Result<NoContent, Problem> {
    let changed = store.change(&user, |conn, _| {
        suspend_all(conn)?;
        Err::<(), _>(StoreError::Changed)
    });
    Ok(changed.await?.into())
}

on_both_engines! {
    fn read_proof_cannot_write(engine: Engine) {
        let server = Server::start_app(engine, careless);
        let admin = server.admin();
        for path in ["/careless/me", "/careless"] {
            server.get(path).bearer(&admin.token).send().expect_problem(500, "internal");
            server.get("/users/me").bearer(&admin.token).send().expect(200);
        }
        assert_eq!(server.get("/users/me").bearer(&admin.token).send().json()["status"], "active");
        // The pooled connections are still usable.
        for _ in 0..20 {
            let body = serde_json::json!({ "name": "Ada" });
            server.put("/users/me/profile").bearer(&admin.token).json(&body).send().expect(200);
        }
    }
}

on_both_engines! {
    fn failed_change_rolls_back_with_its_audit_event(engine: Engine) {
        let server = Server::start_app(engine, careless);
        let admin = server.admin();
        server.delete("/careless/me").bearer(&admin.token).send().expect_problem(409, "changed-meanwhile");
        assert_eq!(server.get("/users/me").bearer(&admin.token).send().json()["status"], "active");
        let trail = server.get("/users/me/audit").bearer(&admin.token).send().expect(200).json();
        assert!(trail["items"].as_array().unwrap().iter().all(|entry| entry["action"] != "delete"), "{trail}");
    }
}
