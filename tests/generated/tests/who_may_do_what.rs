//! Requests each route as each kind of caller, and compares the answers with `who_may_do_what.md`, which a reviewer
//! has read. `UPDATE_GOLDEN=1 cargo test` writes the page again.

#[test]
fn who_may_do_what() {
    cloakroom::testing::assert_matrix(entries::app(), "tests/who_may_do_what.md");
}
