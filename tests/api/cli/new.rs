//! `cloakroom new`: what it writes, what it refuses, and that the result works.

use cloakroom::App;
use cloakroom::store::Migrations;
use cloakroom::testing::Walk;
use diesel_migrations::embed_migrations;

use super::*;
use crate::support::{Person, Server, on_both_engines};

/// Files that `cloakroom new resource entry --plural entries` writes.
#[rustfmt::skip]
#[path = "../../generated/src/entries.rs"]
mod entries;

/// Files that `cloakroom new resource address --below users` writes.
#[rustfmt::skip]
#[path = "../../generated/src/addresses.rs"]
mod addresses;

/// Files that `cloakroom new resource ticket` writes with fields of each type.
#[rustfmt::skip]
#[path = "../../generated/src/tickets.rs"]
mod tickets;

/// Files that `cloakroom new resource seat row:int --below users` writes.
#[rustfmt::skip]
#[path = "../../generated/src/seats.rs"]
mod seats;

static MIGRATIONS: Migrations = Migrations {
    sqlite: embed_migrations!("tests/generated/migrations/sqlite"),
    postgres: embed_migrations!("tests/generated/migrations/postgres"),
};

fn app() -> App {
    App::new("entries")
        .migrations(&MIGRATIONS)
        .scopes(entries::SCOPES)
        .endpoints(entries::endpoints())
        .scopes(addresses::SCOPES)
        .endpoints(addresses::endpoints())
        .scopes(tickets::SCOPES)
        .endpoints(tickets::endpoints())
        .scopes(seats::SCOPES)
        .endpoints(seats::endpoints())
}

fn written(machine: &Machine, path: &str) -> String {
    std::fs::read_to_string(machine.path().join(path)).expect("a file")
}

#[test]
fn writes_a_new_application() {
    let machine = Machine::new();
    let told = machine.json(&[
        "new",
        "resource",
        "lost_coat",
        "--dir",
        "my-wardrobe",
        "--cloakroom-path",
        "../cloakroom",
    ]);
    let paths: Vec<&str> = told["written"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    assert_eq!(paths.len(), 11, "{told}");
    assert!(paths.iter().all(|path| path.starts_with("my-wardrobe/") && machine.path().join(path).is_file()));
    assert_eq!((&told["add"], machine.files()), (&json!([]), 1));
    let migration = paths.iter().find_map(|path| path.strip_prefix("my-wardrobe/migrations/sqlite/"));
    let (version, rest) = migration.unwrap().split_once('_').unwrap();
    assert_eq!((version.len(), rest), (14, "lost_coats/up.sql"));
    assert!(
        written(&machine, "my-wardrobe/src/lost_coats.rs").contains("pub struct LostCoat in lost_coats {")
    );
    let manifest = written(&machine, "my-wardrobe/Cargo.toml");
    assert!(
        manifest.contains("name = \"my-wardrobe\"")
            && manifest.contains("cloakroom = { path = \"../cloakroom\" }")
    );
    assert!(written(&machine, "my-wardrobe/src/main.rs").contains("my_wardrobe::app()"));
    assert!(written(&machine, "my-wardrobe/.gitignore").contains("*.master-key"));
}

#[test]
fn prints_what_to_add_to_an_existing_application() {
    let machine = Machine::new();
    let first = machine.done(&["new", "resource", "note", "--cloakroom-path", "../\"cloakroom\""]);
    for words in ["wrote src/notes.rs\n", "wrote tests/who_may_do_what.rs\n", "UPDATE_GOLDEN=1 cargo test"] {
        assert!(first.contains(words), "{first}");
    }
    assert!(
        written(&machine, "Cargo.toml").contains(r#"path = "../\"cloakroom\"", features = ["testing"] }"#)
    );
    let app = written(&machine, "src/lib.rs");
    let second = machine.json(&["new", "resource", "tag"]);
    assert_eq!(
        second["add"],
        json!(["pub mod tags;", ".scopes(tags::SCOPES)", ".endpoints(tags::endpoints())"])
    );
    assert_eq!(second["written"].as_array().map(Vec::len), Some(5));
    assert_eq!(app, written(&machine, "src/lib.rs"));
    // Two migrations within one second have different versions.
    let migrations = std::fs::read_dir(machine.path().join("migrations/postgres")).unwrap();
    let name = |entry: std::fs::DirEntry| entry.file_name().into_string().unwrap();
    let mut versions: Vec<String> =
        migrations.map(|entry| name(entry.unwrap()).split('_').next().unwrap().to_owned()).collect();
    versions.dedup();
    assert_eq!(versions.len(), 2, "{versions:?}");
}

#[test]
fn prints_every_step_for_a_crate_without_cloakroom() {
    let machine = Machine::new();
    std::fs::create_dir(machine.path().join("src")).unwrap();
    std::fs::write(machine.path().join("src/main.rs"), "fn main() {}\n").unwrap();
    let told =
        machine.done(&["new", "resource", "note", "--cloakroom-git", "https://git.example.org/cloakroom"]);
    for line in [
        "cloakroom = { git = \"https://git.example.org/cloakroom\"",
        "static MIGRATIONS",
        ".migrations(&MIGRATIONS)",
        "assert_matrix(app(), ",
    ] {
        assert!(told.contains(line), "{told}");
    }
    assert_eq!(written(&machine, "src/main.rs"), "fn main() {}\n");
}

#[test]
fn overwrites_nothing_and_refuses_a_taken_name() {
    let machine = Machine::new();
    machine.refused(&["new", "resource", "note"], &["not published as a crate", "--cloakroom-path"]);
    assert_eq!(machine.files(), 0);
    std::fs::write(machine.path().join(".gitignore"), "/target\n").unwrap();
    let told = machine.done(&["new", "resource", "note", "--cloakroom-path", "../cloakroom"]);
    assert!(told.contains(".gitignore: *.master-key"), "{told}");
    let main = written(&machine, "src/main.rs");
    machine.refused(&["new", "resource", "note"], &["src/notes.rs exists already", "nothing was written"]);
    std::fs::remove_file(machine.path().join("src/main.rs")).unwrap();
    let again = ["new", "resource", "tag", "--cloakroom-path", "../cloakroom"];
    machine.refused(&again, &["Cargo.toml exists already"]);
    assert!(
        !machine.path().join("src/tags.rs").exists(),
        "a refused command writes nothing; src/main.rs was {main}"
    );
    machine.refused(&["new", "resource", "Note"], &["cannot be a name", "note or lost_coat"]);
    machine.refused(&["new", "resource", "session"], &["cloakroom has session already"]);
    machine.refused(&["new", "resource", "store"], &["uses the word"]);
    machine.refused(&["new", "resource", "tag", "total:money"], &["is none of text, int"]);
    machine.refused(&["new", "resource", "tag", "total:int", "total:int"], &["two fields are named"]);
    machine.misused(&["new", "resource"], "NAME");
}

#[test]
fn generated_application_has_no_faults() {
    assert_eq!(app().faults(), Vec::<String>::new());
    assert_eq!(Walk::of(app()).run().broken(), Vec::<String>::new());
}

on_both_engines! {
    fn generated_resource_is_served(engine: Engine) {
        let server = Server::start_app(engine, app);
        let [ada, bob] = ["ada", "bob"].map(|name| server.register(name));
        let new = server.post("/entries").bearer(&ada.token).json(&json!({ "text": "A coat." })).send().expect(201);
        let path = format!("/entries/{}", new.json()["id"].as_str().unwrap());
        assert_eq!(server.get(&path).bearer(&bob.token).send().status, 404);
        let patch = json!({ "text": "A blue coat." });
        let change = || server.patch(&path).bearer(&ada.token).json(&patch);
        assert_eq!(change().send().status, 428);
        assert_eq!(change().if_match("*").send().expect(200).json()["text"], "A blue coat.");
        let list = |person: &Person| {
            let list = server.get("/entries?sort=-created_at").bearer(&person.token).send().expect(200);
            list.json()["items"].as_array().map(Vec::len)
        };
        assert_eq!((list(&ada), list(&bob)), (Some(1), Some(0)));
        server.delete(&path).bearer(&ada.token).send().expect(204);
        assert_eq!(list(&ada), Some(0));
    }
    fn generated_fields_are_read_and_changed(engine: Engine) {
        let server = Server::start_app(engine, app);
        let ada = server.register("ada");
        let post = |body: Value| server.post("/tickets").bearer(&ada.token).json(&body).send();
        let made = post(json!({ "state": "in-transit", "seats": 2, "vip": true, "price": 1.5 })).expect(201).json();
        assert_eq!((&made["note"], &made["price"], &made["class"]), (&json!(null), &json!(1.5), &json!(null)));
        let broken = post(json!({ "state": "lost", "seats": 0.5, "vip": 1, "price": "x" })).expect(422).broken_rules();
        let broken: Vec<&str> = broken.iter().map(|(pointer, _)| pointer.as_str()).collect();
        assert_eq!(broken, ["/state", "/seats", "/price", "/vip"]);
        let path = format!("/tickets/{}", made["id"].as_str().unwrap());
        let patch = json!({ "price": null, "note": "by the window", "seats": 3, "class": "first" });
        let changed = server.patch(&path).bearer(&ada.token).if_match("*").json(&patch).send().expect(200).json();
        for (name, value) in [("price", json!(null)), ("note", json!("by the window")), ("seats", json!(3)), ("state", json!("in-transit"))] {
            assert_eq!(changed[name], value, "{name}");
        }
        let list = |query: &str| {
            let list = server.get(&format!("/tickets?{query}")).bearer(&ada.token).send().expect(200).json();
            list["items"].as_array().map(Vec::len)
        };
        assert_eq!((list("state=draft"), list("state=draft,in-transit"), list("class=first")), (Some(0), Some(1), Some(1)));
    }
}
