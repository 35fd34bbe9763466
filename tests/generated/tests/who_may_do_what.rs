//! Every route, walked as every kind of caller; `who_may_do_what.md` is the page that comes out,
//! for a reviewer to read. `UPDATE_GOLDEN=1 cargo test` writes it anew.

#[test]
fn who_may_do_what() {
    cloakroom::testing::assert_matrix(entries::app(), "tests/who_may_do_what.md");
}
