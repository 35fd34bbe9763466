//! Lockers below a user: the holder of a key reads the code of a locker, and a reaction follows each new locker.

use std::sync::Mutex;

use actix_web::http::Method;
use cloakroom::App;
use cloakroom::authz::action::{Create, List, Read};
use cloakroom::authz::{Allowed, Member, OwnerFrom, Relation, Resource};
use cloakroom::config::Sources;
use cloakroom::domain::{ClockAndRandom, OwnedId, Time, UserId, plain_text};
use cloakroom::http::{
    Body, Created, Endpoint, NewId, NoContent, Now, Problem, ReachOf, Shown, endpoint, plain,
};
use cloakroom::jobs::{Event, Job, JobError};
use cloakroom::on;
use cloakroom::store::{Migrations, Moment, Store, Uid};
use diesel::prelude::*;
use diesel_migrations::embed_migrations;
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;

use crate::support::{MASTER_KEY, Person, Server, eventually, on_both_engines};

cloakroom::uuid_id! {
    /// A locker's own id.
    pub struct LockerId in "locker";
}

/// A locker.
#[derive(Clone, Queryable, Selectable, Insertable, AsChangeset, Serialize, ToSchema)]
#[diesel(table_name = lockers)]
#[serde(remote = "Self")]
pub struct Locker {
    id: LockerId,
    owner_id: UserId,
    code: String,
    created_at: Time,
    #[serde(skip)]
    #[schema(ignore)]
    revision: i64,
}

impl Resource for Locker {
    type Id = OwnedId<LockerId>;
    const NAME: &'static str = "locker";
    const OWNER: OwnerFrom = OwnerFrom::Url;
    const RELATIONS: &'static [Relation] = &[HOLDER];
    const MEMBERS: &'static [Member] = &[Member::new("code").read_by::<Locker, Unlock>()];

    fn id(&self) -> Self::Id {
        OwnedId { user: self.owner_id, id: self.id }
    }

    fn owner(&self) -> Option<UserId> {
        Some(self.owner_id)
    }

    fn owner_by_id(id: &Self::Id) -> Option<UserId> {
        Some(id.user)
    }
}

cloakroom::scopes! {
    SCOPES:
    LOCKERS_READ = "lockers:read", "Read your lockers";
    LOCKERS_WRITE = "lockers:write", "Change your lockers";
    LOCKERS_READ_ANY = "lockers:read:any", "Read all lockers";
}

cloakroom::actions! {
    /// Read the code.
    pub Unlock = "unlock";
    /// Take a key.
    pub TakeKey = "take_key", changes;
}

/// The caller has a key.
const HOLDER: Relation = Relation::to_caller("holder");

cloakroom::policy! {
    Locker {
        Create:  owner(LOCKERS_WRITE);
        List:    owner(LOCKERS_READ), anyone(LOCKERS_READ_ANY);
        Read:    owner(LOCKERS_READ), anyone(LOCKERS_READ_ANY);
        TakeKey: owner(LOCKERS_WRITE);
        Unlock:  related(HOLDER, LOCKERS_READ);
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use super::{Moment, Uid};

    lockers (id) {
        id -> Uid,
        owner_id -> Uid,
        code -> Text,
        created_at -> Moment,
        revision -> BigInt,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use super::Uid;

    locker_keys (locker_id, user_id) {
        locker_id -> Uid,
        user_id -> Uid,
    }
}

diesel::allow_tables_to_appear_in_same_query!(lockers, locker_keys);

#[diesel::dsl::auto_type]
fn key_of(user: UserId) -> _ {
    let of_user: diesel::dsl::Eq<locker_keys::user_id, UserId> = locker_keys::user_id.eq(user);
    locker_keys::table.filter(locker_keys::locker_id.eq(lockers::id)).filter(of_user)
}

cloakroom::stored! {
    Locker in lockers {
        owner: owner_id;
        relations: {
            HOLDER(me) => diesel::dsl::exists(key_of(me));
        }
        sort: created_at: Time;
    }
}

static MIGRATIONS: Migrations = Migrations {
    sqlite: embed_migrations!("tests/api/applications/lockers/migrations/sqlite"),
    postgres: embed_migrations!("tests/api/applications/lockers/migrations/postgres"),
};

fn app() -> App {
    App::new("lockers")
        .migrations(&MIGRATIONS)
        .scopes(SCOPES)
        .endpoints(endpoints())
        .state(Noted::default())
        .after::<Locker, Create>("note lockers", note)
}

#[rustfmt::skip]
fn endpoints() -> Vec<Endpoint> {
    vec![
        endpoint(Method::POST, "/users/{id}/lockers",              "Rent a locker", rent),
        endpoint(Method::GET,  "/users/{id}/lockers",              "List lockers",  plain::list_of::<Locker>),
        endpoint(Method::GET,  "/users/{id}/lockers/{locker}",     "Read a locker", plain::read::<Locker>),
        endpoint(Method::PUT,  "/users/{id}/lockers/{locker}/key", "Take a key",    take_key),
    ]
}

cloakroom::body! {
    /// Body of `POST /users/{id}/lockers`.
    pub struct NewLocker {
        /// The code.
        code: String = required_text(|text| plain_text(text, 10, false));
    }
    example { "code": "1234" }
}

async fn rent(
    reach: ReachOf<Locker, Create>,
    body: Body<NewLocker>,
    NewId(id): NewId<LockerId>,
    Now(created_at): Now,
    store: Store,
) -> Result<Created<Locker>, Problem> {
    let NewLocker { code } = body.read(NewLocker::read)?;
    let locker = Locker { id, owner_id: reach.owner(), code, created_at, revision: 1 };
    Ok(Shown::from(store.insert(reach.make(locker)?).await?).created())
}

async fn take_key(locker: Allowed<Locker, TakeKey>, store: Store) -> Result<NoContent, Problem> {
    let taken = store.change(&locker, |conn, locker| {
        let row = (locker_keys::locker_id.eq(locker.id), locker_keys::user_id.eq(locker.owner_id));
        on!(conn, |c| diesel::insert_into(locker_keys::table).values(row).execute(c))?;
        Ok(())
    });
    Ok(taken.await?.into())
}

/// The lockers that the reaction learned of.
#[derive(Default)]
struct Noted(Mutex<Vec<OwnedId<LockerId>>>);

/// The lockers of all servers of this test program, because a test cannot see into a server.
static NOTED: Noted = Noted(Mutex::new(Vec::new()));

async fn note(job: Job, event: Event<Locker>) -> Result<(), JobError> {
    let noted = job.state::<Noted>()?;
    noted.0.lock().map_err(|_| "poisoned")?.push(event.record);
    NOTED.0.lock().map_err(|_| "poisoned")?.extend(noted.0.lock().map_err(|_| "poisoned")?.iter());
    Ok(())
}

fn rented(server: &Server, by: &Person) -> String {
    let path = format!("/users/{}/lockers", by.id);
    let made = server.post(&path).bearer(&by.token).json(&json!({ "code": "1234" })).send().expect(201);
    made.json()["id"].as_str().unwrap().to_owned()
}

on_both_engines! {
    fn list_of_a_user_reads_relations_for_the_caller(engine: Engine) {
        let server = Server::start_app(engine, app);
        let (admin, ada) = (server.admin(), server.register("ada"));
        let (list, id) = (format!("/users/{}/lockers", ada.id), rented(&server, &ada));
        let code = |by: &Person| {
            let read = server.get(&format!("{list}/{id}")).bearer(&by.token).send().expect(200).json();
            let listed = server.get(&list).bearer(&by.token).send().expect(200).json()["items"][0].clone();
            assert_eq!(read["code"], listed["code"], "one record and the list tell the same");
            listed.get("code").cloned()
        };
        assert_eq!((code(&ada), code(&admin)), (None, None));
        server.put(&format!("{list}/{id}/key")).bearer(&ada.token).send().expect(204);
        assert_eq!((code(&ada), code(&admin)), (Some(json!("1234")), None));
    }

    fn reaction_learns_of_a_record_below_a_user(engine: Engine) {
        let server = Server::start_app(engine, app);
        let ada = server.register("ada");
        let id = rented(&server, &ada);
        eventually("the reaction runs", || {
            let noted = NOTED.0.lock().unwrap();
            noted.iter().any(|noted| noted.user.to_string() == ada.id && noted.id.to_string() == id)
        });
    }
}

/// Returns the error of another start on the same database.
fn start_error(server: &Server) -> String {
    let mut sources = Sources::default();
    for (name, value) in [
        ("DATABASE_URL", server.database_url.as_str()),
        ("CLOAKROOM_LISTEN", "127.0.0.1:0"),
        ("CLOAKROOM_MASTER_KEY", MASTER_KEY),
        ("CLOAKROOM_METRICS_LISTEN", "off"),
    ] {
        sources.environment.insert(name.to_owned(), value.to_owned());
    }
    let loaded = app().load(&sources).unwrap_or_else(|faults| panic!("{faults}"));
    let started = async { app().start(&loaded, ClockAndRandom::default()).await.map(drop) };
    actix_web::rt::System::new().block_on(started).unwrap_err().to_string()
}

on_both_engines! {
    fn start_names_the_column_that_differs_from_its_declaration(engine: Engine) {
        let server = Server::start_app(engine, app);
        server.db_run("ALTER TABLE lockers DROP COLUMN code");
        assert_eq!(start_error(&server), "the application has faults:\nlockers.code: the table has no such column");
        server.db_run("ALTER TABLE lockers ADD COLUMN code text");
        let error = start_error(&server);
        assert!(error.contains("\nlockers.code: the column of the table can be NULL"), "{error}");
        assert_eq!(error.lines().count(), 2, "{error}");
        server.db_run("DROP TABLE locker_keys; DROP TABLE lockers");
        assert!(start_error(&server).contains("lockers: no migration creates this table"));
    }
}
