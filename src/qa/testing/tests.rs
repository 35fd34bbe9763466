//! The walk names what is broken.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use actix_web::http::Method;
use serde::Serialize;

use utoipa::ToSchema;

use super::Walk;
use crate::app::App;
use crate::authz::action::{Create, Delete, List, Read, Update};
use crate::authz::{Allowed, OwnerFrom, Reach, Resource, RowFilter, Sealed};
use crate::domain::{ClockAndRandom, Random, UserId};
use crate::http::{
    Authenticated, Body, Code, Endpoint, Json, NoContent, Problem, Public, Segments, endpoint,
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

/// What is kept by hand, and therefore can be kept wrongly.
#[derive(Clone, Debug, Serialize, ToSchema)]
struct Hat {
    id: HatId,
    label: String,
    #[serde(skip)]
    owner: UserId,
}

impl Resource for Hat {
    type Id = HatId;
    const NAME: &'static str = "hat";
    const OWNER: OwnerFrom = OwnerFrom::Record;

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
        Read:   owner(HATS), anyone(HATS_ANY);
        // The mistake: whoever may read their own may remove everyone's.
        Delete: anyone(HATS);
        Update: owner(HATS), anyone(HATS_ANY);
        // The mistake: a hat does not tell its owner's roles, so that it has no power to compare.
        Lend:   owner(HATS), anyone(HATS_ANY), not_above;
    }
}

static HATS_KEPT: Mutex<BTreeMap<HatId, Hat>> = Mutex::new(BTreeMap::new());

fn kept() -> MutexGuard<'static, BTreeMap<HatId, Hat>> {
    HATS_KEPT.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Stored for Hat {
    async fn find(lookup: Lookup<'_, Self>, id: HatId, _: RowFilter) -> Result<Sealed<Self>, StoreError> {
        // The mistake: what is not there is taken for a fault.
        let hat = kept().get(&id).cloned();
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
    if kept().values().any(|hat| hat.label == label) {
        return Err(StoreError::Taken.into());
    }
    let id = Random::system().uuid_at(ClockAndRandom::default().clock.now()).unwrap();
    let hat = Hat { id: HatId(id), label, owner: reach.owner()? };
    let hat = reach.make(hat)?;
    kept().insert(hat.id, hat.clone());
    Ok(Json(hat.into_record()))
}

/// The mistake: everybody's, whoever asks.
async fn list(_: Reach<Hat, List>) -> Result<Json<Vec<Hat>>, Problem> {
    Ok(Json(kept().values().cloned().collect()))
}

async fn read(hat: Allowed<Hat, Read>) -> Result<Json<Hat>, Problem> {
    Ok(Json(hat.into_record()))
}

async fn delete(_: Allowed<Hat, Delete>) -> Result<NoContent, Problem> {
    Ok(NoContent)
}

/// The check that somebody forgot: whoever asks is shown the hat, and may take it.
async fn read_by_anybody(_: Public, segments: Segments) -> Result<Json<Hat>, Problem> {
    let hat = kept().get(&segments.get("id")?).cloned();
    hat.map(Json).ok_or_else(|| Problem::new(Code::NotFound))
}

async fn delete_by_anybody_with_a_token(_: Authenticated, segments: Segments) -> Result<NoContent, Problem> {
    kept().remove(&segments.get("id")?);
    Ok(NoContent)
}

/// The check comes, but only when the hat is gone already.
async fn brush_and_then_ask(caller: Authenticated, segments: Segments) -> Result<NoContent, Problem> {
    let id: HatId = segments.get("id")?;
    let mut kept = kept();
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
    let mut kept = kept();
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
fn where_nothing_makes_the_record_the_page_says_so() {
    let page = Walk::of(wardrobe(vec![endpoint(Method::GET, "/hats/{id}", "See a hat", read)])).run();
    assert!(page.to_string().contains("| `GET /hats/{id}` | no create route |"), "{page}");
}
