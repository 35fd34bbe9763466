//! The walk names what is broken.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use actix_web::http::Method;
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::Walk;
use super::people::World;
use super::server::Server;
use crate::App;
use crate::authz::action::{Create, Delete, List, Read};
use crate::authz::{Allowed, OwnerFrom, Reach, Resource, Sealed, Sight};
use crate::domain::{Random, Surroundings, UserId};
use crate::http::{Body, BodyType, Endpoint, Json, NoContent, Problem, endpoint};
use crate::store::{Lookup, StoreError, Stored};

crate::scopes! {
    SCOPES:
    HATS = "hats", "See your hats";
    HATS_ANY = "hats:any", "See everyone's hats";
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
    }
}

static HATS_KEPT: Mutex<BTreeMap<HatId, Hat>> = Mutex::new(BTreeMap::new());

fn kept() -> MutexGuard<'static, BTreeMap<HatId, Hat>> {
    HATS_KEPT.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Stored for Hat {
    async fn find(lookup: Lookup<'_>, id: HatId, _: Sight) -> Result<Sealed<Self>, StoreError> {
        // The mistake: what is not there is taken for a fault.
        let hat = kept().get(&id).cloned();
        let hat = hat.ok_or_else(|| StoreError::Internal("there is no such hat".to_owned()))?;
        lookup.record(move |_| Ok(Some(hat.clone()))).await
    }
}

#[derive(ToSchema)]
#[expect(dead_code, reason = "its members are the body's documentation")]
struct NewHat {
    label: String,
}

impl BodyType for NewHat {
    fn example() -> Value {
        json!({ "label": "top hat" })
    }
}

/// No two hats have the same label.
async fn create(reach: Reach<Hat, Create>, body: Body<NewHat>) -> Result<Json<Hat>, Problem> {
    let label = body.read(|members| members.required_text("label", |text| Ok(text.to_owned())))?;
    if kept().values().any(|hat| hat.label == label) {
        return Err(StoreError::Taken.into());
    }
    let id = Random::system().uuid_at(Surroundings::default().clock.now()).unwrap();
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

fn wardrobe(endpoints: Vec<Endpoint>) -> App {
    App::new("wardrobe").scopes(SCOPES).endpoints(endpoints)
}

#[test]
fn a_mistake_is_named_with_its_route() {
    let page = Walk::of(wardrobe(vec![
        endpoint(Method::POST, "/hats", "Hand in a hat", create),
        endpoint(Method::GET, "/hats", "List hats", list),
        endpoint(Method::GET, "/hats/{id}", "See a hat", read),
        endpoint(Method::DELETE, "/hats/{id}", "Fetch a hat", delete),
    ]));
    assert_eq!(
        page.run().broken(),
        [
            "GET /hats: another user is shown a record of the owner's",
            "GET /hats/{id}: another user can tell a record that is there (404 not-found) from one that is \
             not (500 internal)",
            "DELETE /hats/{id}: another user is answered 204 and must be refused",
            "DELETE /hats/{id}: a client named like the owner is answered 204 and must be refused",
        ]
    );
}

#[test]
fn where_nothing_makes_the_record_the_page_says_so() {
    let app = Arc::new(wardrobe(vec![endpoint(Method::GET, "/hats/{id}", "See a hat", read)]));
    let world = World::of(&app, Server::start(&app, None, &[]));
    let see = app.routes().last().unwrap();
    assert_eq!(world.path(see, &world.new_owner()), Err("no create route".to_owned()));
}
