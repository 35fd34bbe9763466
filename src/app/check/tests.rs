use std::time::Duration;

use actix_web::http::Method;
use diesel_migrations::embed_migrations;
use serde_json::json;

use super::super::App;
use crate::app::jobs::{Event, Job, JobError};
use crate::authz::action::{Create, Delete, Read, Update};
use crate::authz::{
    Allowed, Member, OwnerFrom, Reach, Relation, Resource, RowFilter, Scope, Sealed, System, USERS_READ_ANY,
};
use crate::config::{DefaultValue::Is, at, parse};
use crate::domain::{Role, UserId};
use crate::http::kit::endpoint::endpoint;
use crate::http::{
    Configured, NoContent, Parameter, Parameters, Problem, Public, Query, QueryType, ReachOf, State,
};
use crate::store::{Lookup, Migrations, StoreError, Stored};

const KNOWN: Scope = Scope::new("users:read", "Read your account");
const UNKNOWN: Scope = Scope::new("coats:write", "Change your coats");
const LENT: Relation = Relation::to_caller("borrower");
const GUEST: Relation = Relation::to_caller("guest");

crate::uuid_id! {
    struct CoatId;
}

struct Coat(CoatId, UserId);

impl Resource for Coat {
    type Id = CoatId;
    const NAME: &'static str = "coat";
    const OWNER: OwnerFrom = OwnerFrom::Record;

    fn id(&self) -> CoatId {
        self.0
    }

    fn owner(&self) -> Option<UserId> {
        Some(self.1)
    }
}

crate::policy! {
    Coat {
        Create: owner(UNKNOWN);
        Read:   owner(KNOWN), related(LENT, KNOWN);
        Update: role(Role::new("tailor"), KNOWN);
        Delete: system(System::new("moth", &[KNOWN]), KNOWN);
    }
}

impl Stored for Coat {
    async fn find(_: Lookup<'_, Self>, _: CoatId, _: RowFilter) -> Result<Sealed<Self>, StoreError> {
        Err(StoreError::Changed)
    }
}

crate::settings! {
    /// Settings that are not added to the application.
    #[expect(dead_code, reason = "declared, and never read")]
    struct PegSettings {
        /// How many pegs there are.
        pegs: u32 = at("COATS_PEGS", Is("10")), parse::number(1..=100);
    }
}

static LOPSIDED: Migrations = Migrations {
    sqlite: embed_migrations!("examples/notes/migrations/sqlite"),
    postgres: embed_migrations!("migrations/postgres"),
};

async fn create(_: Reach<Coat, Create>) -> Result<NoContent, Problem> {
    Ok(NoContent)
}

async fn read(_: Allowed<Coat, Read>) -> Result<NoContent, Problem> {
    Ok(NoContent)
}

async fn update(_: Allowed<Coat, Update>) -> Result<NoContent, Problem> {
    Ok(NoContent)
}

async fn delete(_: Allowed<Coat, Delete>) -> Result<NoContent, Problem> {
    Ok(NoContent)
}

/// A record below a user, with an id that does not tell the user.
struct Peg(UserId);

impl Resource for Peg {
    type Id = CoatId;
    const NAME: &'static str = "peg";
    const OWNER: OwnerFrom = OwnerFrom::Url;
    const MEMBERS: &'static [Member] = &[Member::new("colour").written_by::<Peg, Update>()];

    fn id(&self) -> CoatId {
        CoatId(self.0.0)
    }

    fn owner(&self) -> Option<UserId> {
        Some(self.0)
    }
}

crate::policy! {
    Peg {
        Read:   anyone(KNOWN);
        Update: everybody(USERS_READ_ANY);
    }
}

impl Stored for Peg {
    async fn find(_: Lookup<'_, Self>, _: CoatId, _: RowFilter) -> Result<Sealed<Self>, StoreError> {
        Err(StoreError::Changed)
    }
}

async fn read_peg(_: Allowed<Peg, Read>) -> Result<NoContent, Problem> {
    Ok(NoContent)
}

async fn update_peg(_: Allowed<Peg, Update>) -> Result<NoContent, Problem> {
    Ok(NoContent)
}

async fn list_coats(_: ReachOf<Coat, Read>) -> Result<NoContent, Problem> {
    Ok(NoContent)
}

/// A query with a required parameter.
struct Day;

impl QueryType for Day {
    fn parameters() -> Vec<Parameter> {
        vec![Parameter::required("day", "The day", json!({ "type": "string" }))]
    }

    fn read(_: &mut Parameters) -> Result<Self, String> {
        Ok(Self)
    }
}

async fn guests(_: Public, _: Query<Day>) -> Result<NoContent, Problem> {
    Ok(NoContent)
}

async fn hello(_: Public) -> Result<NoContent, Problem> {
    Ok(NoContent)
}

async fn pegs(_: Public, _: Configured<PegSettings>) -> Result<NoContent, Problem> {
    Ok(NoContent)
}

#[test]
fn each_fault_names_its_route_and_the_remedy() {
    let app = App::new("wardrobe").endpoints(vec![
        endpoint(Method::POST, "/coats", "Bring a coat", create),
        endpoint(Method::GET, "/coats/{id}", "See a coat", read),
        endpoint(Method::GET, "/coats/{coat}/mend", "Mend a coat", update),
        endpoint(Method::PUT, "/coats/{id}/mend", "Mend a coat", update),
        endpoint(Method::GET, "/users/{id}/pegs/{peg}", "See a peg", read_peg).segment("peg", "A peg"),
        endpoint(Method::PUT, "/pegs/{peg}", "Paint a peg", update_peg).segment("peg", "A peg"),
        endpoint(Method::GET, "/users/{id}/coats", "See a user's coats", list_coats),
        endpoint(Method::GET, "/guests", "Count the guests", guests).gives(GUEST, json!(null)),
        endpoint(Method::GET, "/hello", "", hello),
        endpoint(Method::GET, "/health/live", "Say hello", hello),
        endpoint(Method::GET, "/pegs/", "Count the pegs", pegs),
    ]);
    let faults = app.faults().join("\n");
    for fault in [
        "POST /coats: the scope coats:write is unknown: add it with App::scopes",
        "GET /coats/{id}: the policy names the relation \"borrower\", which a coat does not have",
        "GET /coats/{coat}/mend: {coat} has no description: add `.segment(\"coat\", …)`",
        "GET /coats/{coat}/mend: GET must not change anything, and update does",
        "GET /coats/{coat}/mend: the role tailor is unknown: add it with App::role",
        "PUT /coats/{id}/mend: /coats/{coat}/mend is the same path with other parameter names",
        "GET /users/{id}/pegs/{peg}: each user has the scope users:read, so anyone(users:read) opens every peg",
        "GET /users/{id}/pegs/{peg}: the owner of a peg is in its URL, but its id does not tell them",
        "PUT /pegs/{peg}: its decision reads {id}, which its path does not have",
        "PUT /pegs/{peg}: users do not have the scope users:read:any by themselves: write anyone",
        "Resource::MEMBERS of a peg has a rule for \"colour\", which is no member of its JSON",
        "GET /users/{id}/coats: ReachOf is for records below a user",
        "GET /guests: its required parameter \"day\" has no example: add `examples` to its schema",
        "GET /guests: it gives the relation \"guest\", which no rule names",
        "GET /hello: it has no summary",
        "GET /health/live: two routes have it",
        "GET /pegs/: its path must begin with / and must not end with /",
        "PegSettings: name it with App::settings",
    ] {
        assert!(faults.contains(fault), "{fault} is not in\n{faults}");
    }
}

crate::problems! {
    PROBLEMS:
    NO_PEG = 409 "no-peg", "Every peg is taken": "Wait.";
    NOT_FOUND = 404 "not-found", "There is no peg": "Look elsewhere.";
    LOUD = 401 "No Peg", "Every peg is taken": "Wait.";
}

async fn hang(_: Public, _: State<PegSettings>) -> Result<NoContent, Problem> {
    Err(Problem::new(NO_PEG))
}

#[test]
fn state_and_problems_are_named() {
    let route = || endpoint(Method::POST, "/pegs", "Hang up a coat", hang).or(&[NO_PEG]);
    let faults = App::new("wardrobe").endpoints(vec![route()]).faults().join("\n");
    assert!(faults.contains("PegSettings>: name it with App::state"), "{faults}");
    assert!(
        faults.contains("POST /pegs: it names the problem \"no-peg\": add it with App::problems"),
        "{faults}"
    );
    let faults = App::new("wardrobe").problems(PROBLEMS).problems(&[NO_PEG]).faults().join("\n");
    for fault in [
        "the problem \"not-found\": cloakroom has a problem with this code",
        "the problem \"no-peg\": two problems have this code",
        "the problem \"No Peg\": its code must be",
        "the problem \"No Peg\": its status must be",
    ] {
        assert!(faults.contains(fault), "{fault} is not in\n{faults}");
    }
    assert_eq!(faults.lines().count(), 4, "{faults}");
}

async fn brush(_: Job) -> Result<(), JobError> {
    Ok(())
}

async fn fold(_: Job, _: Event<Coat>) -> Result<(), JobError> {
    Ok(())
}

#[test]
fn each_fault_of_a_job_names_the_job() {
    const TIDY: System = System::new("tidy up", &[UNKNOWN]);
    let hour = Duration::from_secs(3_600);
    let app = App::new("wardrobe")
        .job(TIDY, Duration::ZERO, brush)
        .job("Brush: coats", hour, brush)
        .after::<Coat, Update>("fold coats", fold)
        .after::<Coat, Create>("fold coats", fold)
        .after::<Coat, Create>("fold coats", fold)
        .job("fold coats", hour, brush)
        .endpoints(vec![endpoint(Method::DELETE, "/coats/{id}", "Take a coat", delete)]);
    let faults = app.faults().join("\n");
    for fault in [
        "the job \"tidy up\": its interval must be at least a second",
        "the job \"tidy up\": the scope coats:write is unknown: add it with App::scopes",
        "the job \"Brush: coats\": its name must be 1 to 60 lowercase letters",
        "the job \"fold coats\": it has two reactions to create coat",
        "the job \"fold coats\": two jobs have this name",
        "no job acts as the system caller \"moth\": add it with App::job or App::after",
        "DELETE /coats/{id}: the policy allows no caller to delete a coat: add a rule",
    ] {
        assert!(faults.contains(fault), "{fault} is not in\n{faults}");
    }
    assert_eq!(faults.lines().count(), 7, "{faults}");
}

#[test]
fn migrations_need_both_engines_and_scopes_are_unique() {
    let faults = App::new("wardrobe").migrations(&LOPSIDED).scopes(&[KNOWN]).faults().join("\n");
    for fault in [
        "the migration 20261125100000_notes is missing for PostgreSQL",
        "the migration 20261123000000_accounts is missing for SQLite",
        "the scope users:read is declared twice",
    ] {
        assert!(faults.contains(fault), "{fault} is not in\n{faults}");
    }
    assert!(App::default().faults().is_empty());
}
