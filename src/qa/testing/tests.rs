//! The walk names what is broken.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use actix_web::http::Method;
use serde::Serialize;

use utoipa::ToSchema;

use super::{Server, Walk};
use crate::app::App;
use crate::authz::action::{Create, Delete, List, Read, Update};
use crate::authz::{Allowed, OwnerFrom, Reach, Relation, Resource, RowFilter, Sealed};
use crate::domain::{ClockAndRandom, Random, Role, UserId};
use crate::http::{
    Authenticated, Body, Code, CreatedJson, Endpoint, Json, NoContent, Problem, Public, Segments, endpoint,
};
use crate::store::{Lookup, StoreError, Stored};

crate::scopes! {
    SCOPES:
    HATS = "hats", "See your hats";
    HATS_ANY = "hats:any", "See everyone's hats";
}

crate::actions! {
    /// Lend a hat.
    Lend = "lend", changes;
}

crate::uuid_id! {
    /// A hat's id.
    struct HatId;
}

/// Record that this test stores by hand, and therefore can store wrongly.
#[derive(Clone, Debug, Serialize, ToSchema)]
struct Hat {
    id: HatId,
    label: String,
    #[serde(skip)]
    owner: UserId,
}

/// Wears the hat of another. No route gives the relation.
const BORROWER: Relation = Relation::to_caller("borrower");

impl Resource for Hat {
    type Id = HatId;
    const NAME: &'static str = "hat";
    const OWNER: OwnerFrom = OwnerFrom::Record;
    const RELATIONS: &'static [Relation] = &[BORROWER];

    fn id(&self) -> HatId {
        self.id
    }

    fn owner(&self) -> Option<UserId> {
        Some(self.owner)
    }
}

crate::policy! {
    Hat {
        Create: owner(HATS);
        List:   owner(HATS), anyone(HATS_ANY);
        Read:   owner(HATS), related(BORROWER, HATS), anyone(HATS_ANY);
        // The mistake: a user who may read their own hats may remove everyone's.
        Delete: everybody(HATS);
        Update: owner(HATS), anyone(HATS_ANY);
        // The mistake: a hat does not tell its owner's roles, so that it has no power to compare.
        Lend:   owner(HATS), anyone(HATS_ANY), not_above;
    }
}

static STORED_HATS: Mutex<BTreeMap<HatId, Hat>> = Mutex::new(BTreeMap::new());

fn stored_hats() -> MutexGuard<'static, BTreeMap<HatId, Hat>> {
    STORED_HATS.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Stored for Hat {
    async fn find(lookup: Lookup<'_, Self>, id: HatId, _: RowFilter) -> Result<Sealed<Self>, StoreError> {
        // The mistake: what is not there is taken for a fault.
        let hat = stored_hats().get(&id).cloned();
        let hat = hat.ok_or_else(|| StoreError::Internal("there is no such hat".to_owned()))?;
        lookup.record(move |_| Ok(Some(hat.clone()))).await
    }
}

crate::body! {

    /// Body of the route.
    struct NewHat {
        /// The label.
        label: String = required_text(|text| Ok(text.to_owned()));
    }
    example { "label": "top hat" }
}

/// No two hats have the same label. The mistake: it writes beside the store, and does not look at the caller again
/// after the body.
async fn create(reach: Reach<Hat, Create>, body: Body<NewHat>) -> Result<Json<Hat>, Problem> {
    let NewHat { label } = body.read(NewHat::read)?;
    if stored_hats().values().any(|hat| hat.label == label) {
        return Err(StoreError::Taken.into());
    }
    let id = Random::system().uuid_at(ClockAndRandom::default().clock.now()).unwrap();
    let hat = Hat { id: HatId(id), label, owner: reach.owner()? };
    let hat = reach.make(hat)?;
    stored_hats().insert(hat.id, hat.clone());
    Ok(Json(hat.into_record()))
}

/// The mistake: the list has the hats of every user.
async fn list(_: Reach<Hat, List>) -> Result<Json<Vec<Hat>>, Problem> {
    Ok(Json(stored_hats().values().cloned().collect()))
}

async fn read(hat: Allowed<Hat, Read>) -> Result<Json<Hat>, Problem> {
    Ok(Json(hat.into_record()))
}

async fn delete(_: Allowed<Hat, Delete>) -> Result<NoContent, Problem> {
    Ok(NoContent)
}

/// The mistake: no check. Every caller is shown the hat, and may take it.
async fn read_by_anybody(_: Public, segments: Segments) -> Result<Json<Hat>, Problem> {
    let hat = stored_hats().get(&segments.get("id")?).cloned();
    hat.map(Json).ok_or_else(|| Problem::new(Code::NotFound))
}

async fn delete_by_anybody_with_a_token(_: Authenticated, segments: Segments) -> Result<NoContent, Problem> {
    stored_hats().remove(&segments.get("id")?);
    Ok(NoContent)
}

/// The check comes, but only when the hat is gone already.
async fn brush_and_then_ask(caller: Authenticated, segments: Segments) -> Result<NoContent, Problem> {
    let id: HatId = segments.get("id")?;
    let mut kept = stored_hats();
    let hat = kept.get_mut(&id).ok_or_else(|| Problem::new(Code::NotFound))?;
    hat.label = format!("{}, brushed", hat.label);
    match caller.caller().user_id() == Some(hat.owner) {
        true => Ok(NoContent),
        false => Err(Problem::new(Code::NotFound)),
    }
}

/// The mistake: it writes beside the store, and does not look at the caller again after the body.
async fn relabel(hat: Allowed<Hat, Update>, body: Body<NewHat>) -> Result<NoContent, Problem> {
    let NewHat { label } = body.read(NewHat::read)?;
    let mut kept = stored_hats();
    let hat = kept.get_mut(&hat.id).ok_or_else(|| Problem::new(Code::NotFound))?;
    hat.label = label;
    Ok(NoContent)
}

async fn brush(_: Allowed<Hat, Update>) -> Result<NoContent, Problem> {
    Ok(NoContent)
}

async fn lend(_: Allowed<Hat, Lend>) -> Result<NoContent, Problem> {
    Ok(NoContent)
}

fn routes() -> Vec<Endpoint> {
    vec![
        endpoint(Method::POST, "/hats", "Hand in a hat", create),
        endpoint(Method::GET, "/hats", "List hats", list),
        endpoint(Method::GET, "/hats/{id}", "See a hat", read),
        endpoint(Method::DELETE, "/hats/{id}", "Fetch a hat", delete),
        endpoint(Method::POST, "/hats/{id}", "Brush a hat", brush),
    ]
}

fn wardrobe(endpoints: Vec<Endpoint>) -> App {
    App::new("wardrobe").scopes(SCOPES).endpoints(endpoints)
}

#[test]
fn a_mistake_is_named_with_its_route() {
    let mut mistaken = routes();
    mistaken.truncate(4);
    assert_eq!(
        Walk::of(wardrobe(mistaken)).run().broken(),
        [
            "a list of an application shows only what its caller may read: GET /hats shows a record of another user",
            "a list of an application shows only what its caller may read: GET /hats shows a record of another user",
            "POST /hats: a user suspended during the request gets 200; the rule says 401 invalid-token",
            "POST /hats: a user demoted during the request gets 200; the rule says 401 invalid-token",
            "POST /hats: a user logged out during the request gets 200; the rule says 401 invalid-token",
            "POST /hats: a user deleted during the request gets 200; the rule says 401 invalid-token",
            "GET /hats: another user receives a record of the owner",
            "GET /hats/{id}: another user can distinguish an existing record (404 not-found) \
             from a missing one (500 internal), by the status",
            "DELETE /hats/{id}: another user gets 204 and must be refused",
            "DELETE /hats/{id}: a client gets 204 and must be refused",
            "DELETE /hats/{id}: a client named like the owner gets 204 and must be refused",
            "DELETE /hats/{id}: an administrator's browser gets 204 and must be refused",
            "related: borrower: GET /hats/{id} was not tried: no route gives the relation borrower: declare it with \
             Endpoint::gives, or waive it with Walk::waive_relation",
        ]
    );
}

#[test]
fn comparison_of_powers_without_powers_is_named_with_its_route() {
    let lending = endpoint(Method::PUT, "/hats/{id}/lender", "Lend a hat", lend);
    let broken = Walk::of(wardrobe(routes().into_iter().take(1).chain([lending]).collect())).run();
    let expected = "PUT /hats/{id}/lender: an administrator with one scope, on an administrator's record gets 204; \
                    the rule says 403 above-caller";
    assert!(broken.broken().iter().any(|line| line == expected), "{:?}", broken.broken());
}

#[test]
fn change_after_a_revocation_is_named_with_its_route() {
    let relabelling = endpoint(Method::PUT, "/hats/{id}/label", "Label a hat anew", relabel);
    let page = Walk::of(wardrobe(routes().into_iter().take(3).chain([relabelling]).collect())).run();
    for how in ["suspended", "demoted", "logged out", "deleted"] {
        let caller = format!("PUT /hats/{{id}}/label: a user {how} during the request");
        for expected in ["gets 204; the rule says 401 invalid-token", "gets 204 and changed the record"] {
            let expected = format!("{caller} {expected}");
            assert!(page.broken().contains(&expected), "{expected} is missing in {:?}", page.broken());
        }
    }
}

/// The policy is right and the server does not ask it: what is served is not what is declared.
#[test]
fn a_check_that_was_left_out_of_the_server_is_named_with_its_route() {
    let mut sabotaged = routes();
    sabotaged.truncate(2);
    sabotaged.extend([
        endpoint(Method::GET, "/hats/{id}", "See a hat", read_by_anybody).segment("id", "A hat's id"),
        endpoint(Method::DELETE, "/hats/{id}", "Fetch a hat", delete_by_anybody_with_a_token)
            .segment("id", "A hat's id"),
        endpoint(Method::POST, "/hats/{id}", "Brush a hat", brush_and_then_ask).segment("id", "A hat's id"),
    ]);
    let page = Walk::of(wardrobe(routes())).while_serving(wardrobe(sabotaged)).run();
    for expected in [
        "GET /hats/{id}: nobody gets 200; the rule says 401 unauthenticated",
        "GET /hats/{id}: expired token gets 200; the rule says 401 invalid-token",
        "GET /hats/{id}: another user gets 200; the rule says 404 not-found",
        "DELETE /hats/{id}: the owner without the scope gets 204; the rule says 403 insufficient-scope",
        "DELETE /hats/{id}: a client named like the owner gets 204 and must be refused",
        "POST /hats/{id}: another user gets 404 not-found and changed the record anyway",
    ] {
        assert!(
            page.broken().iter().any(|broken| broken == expected),
            "{expected}:\n{}",
            page.broken().join("\n")
        );
    }
    // Of the routes that ask, nothing is said but what was wrong with them before.
    let others = |line: &&String| !line.contains("/hats");
    assert_eq!(page.broken().iter().filter(others).collect::<Vec<_>>(), Vec::<&String>::new());
}

#[test]
fn route_that_lets_in_nobody_is_named_unless_it_is_waived() {
    let lonely = || Walk::of(wardrobe(vec![endpoint(Method::GET, "/hats/{id}", "See a hat", read)]));
    let page = lonely().run();
    assert!(page.to_string().contains("| `GET /hats/{id}` | no create route |"), "{page}");
    let closed = "GET /hats/{id}: it lets in no kind of caller, and answers the owner no create route";
    assert!(page.broken().iter().any(|line| line.starts_with(closed)), "{:?}", page.broken());
    // The page has the application's own routes alone.
    assert!(!page.to_string().contains("/users"), "{page}");
    let waived = lonely().waive("GET /hats/{id}").waive("GET /users").run();
    assert_eq!(waived.broken(), ["GET /users: it is waived without need"]);
}

#[test]
fn relation_that_no_route_gives_is_named_unless_it_is_waived() {
    const LENDER: Relation = Relation::to_caller("lender");
    let mended: Vec<Endpoint> =
        routes().into_iter().filter(|route| route.name() != "GET /hats").take(2).collect();
    let page = Walk::of(wardrobe(mended)).waive_relation(BORROWER).waive_relation(LENDER).run();
    let lines: Vec<&String> = page.broken().iter().filter(|line| line.starts_with("related: ")).collect();
    assert_eq!(lines, ["related: lender: it is waived without need"]);
}

/// The mistake: its query fails.
async fn count(_: Reach<Hat, List>) -> Result<Json<usize>, Problem> {
    Err(StoreError::Internal("no such column: hats.brim".to_owned()).into())
}

#[test]
fn failure_of_the_server_is_named_with_its_cause() {
    let counting = endpoint(Method::GET, "/hats/count", "Count hats", count);
    let page = Walk::of(wardrobe(routes().into_iter().take(1).chain([counting]).collect())).run();
    let named = "gets 500 internal; the log of the server: the store failed: no such column: hats.brim";
    let is_named = |line: &String| line.starts_with("GET /hats/count: ") && line.ends_with(named);
    assert!(page.broken().iter().any(is_named), "{:?}", page.broken());
}

#[test]
fn server_of_a_test_has_people_and_answers() {
    let server = Server::of(wardrobe(routes())).with("CLOAKROOM_REGISTRATION", "closed").sqlite();
    let (ada, bob) = (server.user("ada"), server.user("bob"));
    assert!(ada.email.starts_with("ada") && server.url().starts_with("http://127.0.0.1:"));
    let made =
        server.post("/hats").by(&ada).json(&serde_json::json!({ "label": "of Ada" })).send().expect(200);
    let path = format!("/hats/{}", made.json()["id"].as_str().unwrap());
    server.get(path.as_str()).by(&ada).send().expect(200);
    assert_eq!(server.get(path.as_str()).by(&bob).send().expect(404).json()["code"], "not-found");
    let everything = server.client(SCOPES);
    server.get(path.as_str()).bearer(&everything).send().expect(200);
    let admin = server.user_with("admin", &[Role::ADMIN]);
    server.get("/users").by(&admin).send().expect(200);
    server.get("/users").send().expect(401);
}

/// Creates something that is no record of its own.
async fn pawn(reach: Reach<Hat, Create>) -> Result<CreatedJson<String>, Problem> {
    let owner = reach.owner()?;
    Ok(CreatedJson::new("a ticket".to_owned()).at(format!("/pawned/{owner}")))
}

#[test]
fn created_data_has_its_described_url() {
    let pawning = endpoint(Method::POST, "/pawned", "Pawn a hat", pawn);
    let server = Server::of(wardrobe(vec![pawning])).sqlite();
    let ada = server.user("ada");
    let made = server.post("/pawned").by(&ada).send().expect(201);
    assert_eq!(made.header("location"), Some(format!("{}/pawned/{}", server.url(), ada.id).as_str()));
    let document = server.get("/openapi.json").send().expect(200).json();
    let described = &document["paths"]["/pawned"]["post"]["responses"]["201"]["headers"]["Location"];
    assert_eq!(described["$ref"], "#/components/headers/Location", "{document}");
}
