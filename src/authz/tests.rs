//! The decision, clause by clause, and the equality of the decision on a record and on a list.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta};
use uuid::Uuid;

use super::action::{Create, Delete, Read, RotateSecret, Update};
use super::scope::{
    CLIENTS_READ, CLIENTS_WRITE, KEYS_ROTATE, PROFILES_READ_ANY, USERS_READ, USERS_READ_ANY, USERS_WRITE_ANY,
};
use super::*;
use crate::domain::{Client, ClientMetadata, Role, UserId};

const READ: Scope = Scope::new("coats:read", "See your coats");
const WRITE: Scope = Scope::new("coats:write", "Change your coats");
const READ_ANY: Scope = Scope::new("coats:read:any", "See everyone's coats");
const BORROWER: Relation = Relation::to_caller("borrower");
const HUNG: Relation = Relation::state("hung");
const SHOWN: Relation = Relation::state("shown");
const ATTENDANT: Role = Role::new("attendant");
const AIRING: System = System::new("air the coats", &[READ]);

/// Record with an owner and relations.
#[derive(Clone, Copy)]
struct Coat(UserId);

impl Resource for Coat {
    type Id = Uuid;
    const NAME: &'static str = "coat";
    const OWNER: OwnerFrom = OwnerFrom::Record;
    const RELATIONS: &'static [Relation] = &[BORROWER, HUNG, SHOWN];

    fn id(&self) -> Uuid {
        Uuid::nil()
    }

    fn owner(&self) -> Option<UserId> {
        Some(self.0)
    }

    fn owner_roles(&self) -> &[Role] {
        if self.0 == ADMIN { &[Role::ADMIN] } else { &[Role::USER] }
    }
}

crate::policy! {
    Coat {
        Create: owner(WRITE);
        Delete: owner(WRITE), fresh;
        Read:   owner(READ), related(BORROWER, READ), related(SHOWN, READ), role(ATTENDANT, READ), system(AIRING, READ),
                anyone(READ_ANY);
        Update: owner(WRITE), related(BORROWER, WRITE), role(ATTENDANT, WRITE), only_while(HUNG), not_above;
        RotateSecret: anyone(READ_ANY), owner(WRITE).only_while(HUNG), related(BORROWER, WRITE).only_while(SHOWN);
    }
}

const ADA: UserId = UserId(Uuid::from_u128(1));
const BOB: UserId = UserId(Uuid::from_u128(2));
const ADMIN: UserId = UserId(Uuid::from_u128(3));
const NOTHING: [bool; 3] = [false, false, false];

#[expect(clippy::disallowed_methods, reason = "the decision is what is tested")]
fn caller(subject: Subject, scope: &[Scope]) -> Caller {
    let mut vocabulary = Vocabulary::default();
    vocabulary.add_scopes(&[READ, WRITE, READ_ANY]);
    vocabulary.grant(ATTENDANT, &[]);
    let scope = scope.iter().copied().collect();
    let revocable = Revocable {
        subject: TokenSubject::Client("unused".to_owned()),
        epoch: None,
        session: None,
        client_id: None,
        client_epoch: None,
        jti: None,
        issued_at: DateTime::default(),
    };
    Caller::verified(Arc::new(vocabulary), subject, scope, revocable, TokenId::default(), DateTime::default())
        .if_fresh()
}

fn user(id: UserId, roles: &[Role], scope: &[Scope]) -> Caller {
    caller(Subject::User { id, roles: roles.to_vec() }, scope)
}

fn outcome<A: action::Action>(by: &Caller, coat: Coat, flags: [bool; 3]) -> Result<(), Reason>
where
    Coat: Can<A>,
{
    let sealed = Sealed::with_relations(Some((coat, RelationSet::of(flags))));
    by.open::<Coat, A>(sealed).map(drop).map_err(|refusal| refusal.reason)
}

#[test]
fn each_clause_needs_its_scope_and_its_relation() {
    let bob = user(BOB, &[Role::USER], &[READ]);
    assert_eq!(outcome::<Read>(&bob, Coat(BOB), NOTHING), Ok(()));
    assert_eq!(outcome::<Read>(&bob, Coat(ADA), NOTHING), Err(Reason::NotFound));
    assert_eq!(outcome::<Read>(&bob, Coat(ADA), [true, false, false]), Ok(()));
    assert_eq!(outcome::<Read>(&bob, Coat(ADA), [false, true, false]), Err(Reason::NotFound));
    assert_eq!(outcome::<Read>(&bob, Coat(ADA), [false, false, true]), Ok(()));
    let without = user(BOB, &[Role::USER], &[WRITE]);
    assert_eq!(outcome::<Read>(&without, Coat(BOB), [true; 3]), Err(Reason::InsufficientScope));
    let anyone = user(BOB, &[Role::USER], &[READ_ANY]);
    assert_eq!(outcome::<Read>(&anyone, Coat(ADA), NOTHING), Ok(()));
}

#[test]
fn fresh_rule_needs_a_recent_authentication() {
    let bob = user(BOB, &[Role::USER], &[WRITE]);
    let at = |minutes| {
        bob.clone()
            .at(DateTime::default() + TimeDelta::minutes(minutes), StepUp::within(TimeDelta::minutes(10)))
    };
    assert_eq!(outcome::<Delete>(&at(10), Coat(BOB), NOTHING), Ok(()));
    assert_eq!(outcome::<Delete>(&at(11), Coat(BOB), NOTHING), Err(Reason::Stale));
    assert_eq!(
        outcome::<Update>(&at(11), Coat(BOB), [false, false, true]),
        outcome::<Update>(&at(10), Coat(BOB), [false, false, true])
    );
    assert_eq!(
        outcome::<Delete>(
            &bob.clone().at(DateTime::default() + TimeDelta::days(1), StepUp::OFF),
            Coat(BOB),
            NOTHING
        ),
        Ok(())
    );
    let client = caller(Subject::Client { id: "desk".to_owned() }, &[WRITE]);
    let much_later =
        client.at(DateTime::default() + TimeDelta::days(1), StepUp::within(TimeDelta::minutes(1)));
    assert!(much_later.reach::<Coat, Delete>().is_ok());
}

#[test]
fn role_clause_needs_both_the_role_and_the_scope() {
    let attendant = user(BOB, &[ATTENDANT], &[READ]);
    assert_eq!(outcome::<Read>(&attendant, Coat(ADA), NOTHING), Ok(()));
    let without_scope = user(BOB, &[ATTENDANT], &[WRITE]);
    assert_eq!(outcome::<Read>(&without_scope, Coat(ADA), NOTHING), Err(Reason::InsufficientScope));
    let client = caller(Subject::Client { id: "attendant".to_owned() }, &[READ]);
    assert_eq!(outcome::<Read>(&client, Coat(ADA), NOTHING), Err(Reason::NotFound));
}

#[test]
fn system_clause_needs_that_system_caller() {
    let of = |name| caller(Subject::System { name }, &[READ]);
    assert_eq!(outcome::<Read>(&of("air the coats"), Coat(ADA), NOTHING), Ok(()));
    assert_eq!(outcome::<Read>(&of("count the coats"), Coat(ADA), NOTHING), Err(Reason::NotFound));
}

#[test]
fn client_has_no_personal_relation_but_reaches_states() {
    let client = caller(Subject::Client { id: BOB.to_string() }, &[READ]);
    assert_eq!(outcome::<Read>(&client, Coat(BOB), [true, false, false]), Err(Reason::NotFound));
    assert_eq!(outcome::<Read>(&client, Coat(BOB), [false, false, true]), Ok(()));
}

#[test]
fn wrong_state_is_visible_to_readers_only() {
    let ada = user(ADA, &[Role::USER], &[READ, WRITE]);
    assert_eq!(outcome::<Update>(&ada, Coat(ADA), [false, true, false]), Ok(()));
    assert_eq!(outcome::<Update>(&ada, Coat(ADA), NOTHING), Err(Reason::WrongState));
    let blind = user(ADA, &[Role::USER], &[WRITE]);
    assert_eq!(outcome::<Update>(&blind, Coat(ADA), NOTHING), Err(Reason::NotFound));
    let reader = user(BOB, &[Role::USER], &[READ, WRITE]);
    assert_eq!(outcome::<Update>(&reader, Coat(ADA), [false, true, true]), Err(Reason::NotOwner));
    assert_eq!(outcome::<Update>(&reader, Coat(ADA), [false, true, false]), Err(Reason::NotFound));
}

#[test]
fn state_of_one_clause_restricts_that_clause_alone() {
    let ada = user(ADA, &[Role::USER], &[READ, WRITE]);
    assert_eq!(outcome::<RotateSecret>(&ada, Coat(ADA), [false, true, false]), Ok(()));
    assert_eq!(outcome::<RotateSecret>(&ada, Coat(ADA), NOTHING), Err(Reason::WrongState));
    // The state of another clause is not enough.
    assert_eq!(outcome::<RotateSecret>(&ada, Coat(ADA), [false, false, true]), Err(Reason::WrongState));
    assert_eq!(outcome::<RotateSecret>(&ada, Coat(BOB), [true, false, true]), Ok(()));
    assert_eq!(outcome::<RotateSecret>(&ada, Coat(BOB), [true, true, false]), Err(Reason::WrongState));
    let anyone = user(BOB, &[Role::USER], &[READ_ANY]);
    assert_eq!(outcome::<RotateSecret>(&anyone, Coat(ADA), NOTHING), Ok(()));
    // A caller without the scope of any clause that applies is told about ownership, in each state.
    let reader = user(BOB, &[Role::USER], &[READ, WRITE]);
    assert_eq!(outcome::<RotateSecret>(&reader, Coat(ADA), [false, false, true]), Err(Reason::NotOwner));
}

#[test]
fn clauses_are_sorted_whatever_the_order_of_their_line() {
    let condition = <Coat as Can<RotateSecret>>::CONDITION;
    let ways: Vec<(Clause, Option<Relation>)> = condition.ways().collect();
    let expected = [
        (Clause::Owner(WRITE), Some(HUNG)),
        (Clause::Related(BORROWER, WRITE), Some(SHOWN)),
        (Clause::Anyone(READ_ANY), None),
    ];
    assert_eq!(ways, expected);
    assert_eq!(condition.required_states(), "hung or shown");
}

#[test]
fn refuses_action_on_a_record_above_the_caller() {
    let attendant = user(BOB, &[ATTENDANT], &[READ, WRITE]);
    assert_eq!(outcome::<Update>(&attendant, Coat(ADA), [false, true, false]), Ok(()));
    assert_eq!(outcome::<Update>(&attendant, Coat(ADMIN), [false, true, false]), Err(Reason::AboveCaller));
    let admin = user(ADMIN, &[Role::ADMIN], &[WRITE]);
    assert_eq!(outcome::<Update>(&admin, Coat(ADMIN), [false, true, false]), Ok(()));
}

#[test]
fn user_creates_own_records_only() {
    let bob = user(BOB, &[Role::USER], &[WRITE]);
    let make = |by: &Caller, owner| {
        let reach = by.reach::<Coat, Create>().unwrap();
        reach.make(Coat(owner)).map(drop).map_err(|refusal| refusal.reason)
    };
    assert_eq!(make(&bob, BOB), Ok(()));
    assert_eq!(make(&bob, ADA), Err(Reason::NotOwner));
    let client = caller(Subject::Client { id: "tailor".to_owned() }, &[WRITE]);
    assert_eq!(make(&client, ADA), Err(Reason::NotOwner));
    assert!(client.reach::<Coat, Create>().unwrap().admit_collection().is_err());
}

fn client_for(scopes: &[&str]) -> Client {
    let scope = scopes.iter().map(|scope| (*scope).to_owned()).collect();
    let metadata = ClientMetadata { scope, ..ClientMetadata::unsaid() };
    Client::new("reports".parse().unwrap(), metadata, DateTime::UNIX_EPOCH)
}

fn on_client<A: action::Action>(by: &Caller, scopes: &[&str]) -> Result<(), Reason>
where
    Client: Can<A>,
{
    let opened = by.open::<Client, A>(Sealed::new(Some(client_for(scopes))));
    opened.map(drop).map_err(|refusal| refusal.reason)
}

#[test]
fn client_record_has_the_powers_of_its_scopes() {
    let clerk =
        caller(Subject::Client { id: "clerk".to_owned() }, &[CLIENTS_READ, CLIENTS_WRITE, USERS_READ_ANY]);
    for level in [&["users:read:any"][..], &["users:write", "openid"], &["retired:any"], &[]] {
        assert_eq!(on_client::<Update>(&clerk, level), Ok(()), "{level:?}");
        assert_eq!(on_client::<RotateSecret>(&clerk, level), Ok(()), "{level:?}");
        assert_eq!(on_client::<Delete>(&clerk, level), Ok(()), "{level:?}");
    }
    for above in [&["users:write:any"][..], &["users:read:any", "keys:rotate"]] {
        assert_eq!(on_client::<Read>(&clerk, above), Ok(()));
        assert_eq!(on_client::<Update>(&clerk, above), Err(Reason::AboveCaller), "{above:?}");
        assert_eq!(on_client::<RotateSecret>(&clerk, above), Err(Reason::AboveCaller), "{above:?}");
        assert_eq!(on_client::<Delete>(&clerk, above), Err(Reason::AboveCaller), "{above:?}");
    }
    let above = ["users:write:any", "keys:rotate"];
    let admin = user(ADMIN, &[Role::ADMIN], &[CLIENTS_WRITE, USERS_WRITE_ANY, KEYS_ROTATE]);
    assert_eq!(on_client::<RotateSecret>(&admin, &above), Ok(()));
    let narrow = user(ADMIN, &[Role::ADMIN], &[CLIENTS_WRITE, USERS_WRITE_ANY]);
    assert_eq!(on_client::<RotateSecret>(&narrow, &above), Err(Reason::AboveCaller));
    // A token made elsewhere can carry a scope that its user's roles do not grant. It gives no power.
    let pretender = user(BOB, &[Role::USER], &[CLIENTS_WRITE, USERS_WRITE_ANY, KEYS_ROTATE]);
    assert_eq!(on_client::<RotateSecret>(&pretender, &above), Err(Reason::AboveCaller));
    let without = user(ADMIN, &[Role::ADMIN], &[CLIENTS_READ]);
    assert_eq!(on_client::<RotateSecret>(&without, &["users:read"]), Err(Reason::InsufficientScope));
}

#[test]
fn refuses_a_client_with_scopes_above_the_caller() {
    let clerk = caller(Subject::Client { id: "clerk".to_owned() }, &[CLIENTS_WRITE, USERS_READ]);
    let make = |scopes: &[&str]| {
        let made = clerk.reach::<Client, Create>().unwrap().make(client_for(scopes));
        made.map(drop).map_err(|refusal| refusal.reason)
    };
    assert_eq!(make(&["clients:write", "users:read", "users:delete", "offline_access"]), Ok(()));
    assert_eq!(make(&["users:read:any"]), Err(Reason::AboveCaller));
    let amend = |scopes: &[&str]| {
        let client = clerk.open::<Client, Update>(Sealed::new(Some(client_for(&["users:read"])))).unwrap();
        client.amend(client_for(scopes)).map(drop).map_err(|refusal| refusal.reason)
    };
    assert_eq!(amend(&["users:delete", "clients:write"]), Ok(()));
    assert_eq!(amend(&["users:read", "roles:write"]), Err(Reason::AboveCaller));
}

#[test]
fn missing_powers_are_told_apart_by_their_place() {
    let narrow = user(ADMIN, &[Role::SUPPORT], &[USERS_READ_ANY]);
    let needed = [USERS_READ_ANY, PROFILES_READ_ANY, KEYS_ROTATE].into_iter().collect();
    let missing = narrow.missing(&needed);
    assert_eq!(
        missing.to_string(),
        "the token does not carry profiles:read:any; the caller's roles do not grant keys:rotate"
    );
    let client = caller(Subject::Client { id: "reports".to_owned() }, &[USERS_READ_ANY]);
    assert_eq!(
        client.missing(&needed).to_string(),
        "the token does not carry keys:rotate, profiles:read:any"
    );
    assert!(narrow.missing(&[USERS_READ_ANY].into_iter().collect()).is_empty());
}

#[test]
fn refusal_names_missing_powers_to_readers_only() {
    let refused = |scope: &[Scope]| {
        let sealed = Sealed::with_relations(Some((Coat(ADMIN), RelationSet::of([false, true, false]))));
        let opened = user(BOB, &[ATTENDANT], scope).open::<Coat, Update>(sealed);
        opened.map(drop).map_err(|refusal| (refusal.reason, refusal.missing.is_empty()))
    };
    assert_eq!(refused(&[READ, WRITE]), Err((Reason::AboveCaller, false)));
    assert_eq!(refused(&[WRITE]), Err((Reason::AboveCaller, true)));
}

/// Applies the filter in Rust, as [`stored!`](crate::stored) applies it in SQL.
fn is_within(filter: &RowFilter, coat: Coat, relations: RelationSet) -> bool {
    filter.terms().iter().any(|term| {
        let own = term.own && filter.caller() == coat.owner();
        let related = (0..3).any(|index| term.related.at(index) && relations.at(index));
        let state = (0..3).all(|index| !term.only_while.at(index) || relations.at(index));
        (term.everyone || own || related) && state
    })
}

fn looks_up_what_it_may_know<A: action::Action>(by: &Caller, coat: Coat, flags: [bool; 3])
where
    Coat: Can<A>,
{
    let Ok(reach) = by.reach::<Coat, A>() else { return };
    let looked_up = is_within(&reach.lookup_filter(), coat, RelationSet::of(flags));
    let known = outcome::<A>(by, coat, flags) != Err(Reason::NotFound);
    assert_eq!(looked_up, known, "{by:?} {} {flags:?}", coat.0);
    let within = is_within(&reach.row_filter(), coat, RelationSet::of(flags));
    let permitted = !matches!(outcome::<A>(by, coat, flags), Err(reason) if reason != Reason::AboveCaller);
    assert_eq!(within, permitted, "{by:?} {} {flags:?}", coat.0);
}

#[test]
fn row_filter_equals_the_decision_on_each_record() {
    let scopes = [READ, WRITE, READ_ANY];
    for mask in 0..8_u8 {
        let scope: Vec<Scope> = scopes
            .into_iter()
            .zip(0..)
            .filter(|(_, bit)| mask & (1 << bit) != 0)
            .map(|(scope, _)| scope)
            .collect();
        let users = [BOB, ADMIN]
            .into_iter()
            .flat_map(|id| [vec![Role::USER], vec![ATTENDANT]].map(|roles| user(id, &roles, &scope)));
        let client = caller(Subject::Client { id: "tailor".to_owned() }, &scope);
        for by in users.chain([client]) {
            for relations in 0..8_u8 {
                let flags = [0, 1, 2].map(|bit| relations & (1 << bit) != 0);
                for owner in [ADA, BOB, ADMIN] {
                    let opened = outcome::<Read>(&by, Coat(owner), flags).is_ok();
                    let listed = by.reach::<Coat, Read>().is_ok_and(|reach| {
                        is_within(&reach.row_filter(), Coat(owner), RelationSet::of(flags))
                    });
                    assert_eq!(opened, listed, "{by:?} {owner} {flags:?}");
                    // A lookup for a change finds only records that the caller may read or change.
                    looks_up_what_it_may_know::<Update>(&by, Coat(owner), flags);
                    looks_up_what_it_may_know::<RotateSecret>(&by, Coat(owner), flags);
                }
            }
        }
    }
}
