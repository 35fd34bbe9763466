//! `cloakroom check-pull-request`: the matrix of before, and a verification, by one command.

use serde_json::Value;

use super::Machine;

#[test]
fn opened_route_fails_and_the_verification_is_reported_too() {
    let machine = Machine::new();
    let matrix = machine.done(&["routes", "--format", "json"]);
    // Before the change, a route let nobody in.
    let mut before: Value = serde_json::from_str(&matrix).unwrap();
    let routes = before["routes"].as_array_mut().unwrap();
    let delete =
        routes.iter_mut().find(|row| row["method"] == "DELETE" && row["path"] == "/users/{id}").unwrap();
    for answer in
        delete["answers"].as_array_mut().unwrap().iter_mut().filter(|answer| answer["allowed"] == true)
    {
        (answer["allowed"], answer["status"], answer["code"]) =
            (false.into(), 403.into(), "not-owner".into());
    }
    let (base, junit) = (machine.path().join("base.json"), machine.path().join("verify.xml"));
    std::fs::write(&base, before.to_string()).unwrap();
    let (base, report) = (base.to_str().unwrap(), junit.to_str().unwrap());
    let ran = machine.run(&["check-pull-request", base, "--no-timing", "--junit", report]);
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(ran.out.starts_with("wider     DELETE /users/{id}"), "{}", ran.out);
    assert!(ran.err.contains("give or may give a caller more access"), "{}", ran.err);
    assert!(ran.out.ends_with("all are as the rules say\n"), "{}", ran.out);
    assert!(std::fs::read_to_string(junit).unwrap().contains("<testsuite"));
    // The same change passes when its reviewers have seen the new matrix, and it is the one of this program.
    let same = machine.path().join("same.json");
    std::fs::write(&same, &matrix).unwrap();
    let reviewed = |file: &str| machine.run(&["check-pull-request", base, "--reviewed", file, "--no-timing"]);
    let passed = reviewed(same.to_str().unwrap());
    assert!(passed.code == Some(0) && passed.out.starts_with("wider     DELETE /users/{id}"), "{passed:?}");
    let forgotten = reviewed(base);
    assert!(
        forgotten.code == Some(1) && forgotten.err.contains("is not the matrix of this program"),
        "{forgotten:?}"
    );
    // The comparison alone, with the matrix of now.
    assert_eq!(
        machine.done(&["routes", "--diff", same.to_str().unwrap()]),
        "no caller gained or lost access\n"
    );
}

#[test]
fn base_that_is_no_matrix_is_told() {
    let machine = Machine::new();
    machine
        .refused(&["check-pull-request", "/nowhere.json", "--no-timing"], &["/nowhere.json is not a matrix"]);
}
