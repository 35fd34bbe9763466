//! Search terms of users. A search finds the users of whom a term begins with the searched text, so an
//! ordinary index serves it on both engines.

use std::collections::BTreeSet;

use diesel::prelude::*;

use crate::domain::UserId;
use crate::on;
use crate::store::engine::limit;
use crate::store::engine::schema::{user_search_terms, users};
use crate::store::{Connection, StoreError};

/// Number of words of a name that are indexed. It bounds the rows that a user can cause.
const MAX_WORDS: usize = 10;

/// Number of rows in one `INSERT`: SQLite accepts 32,766 parameters in a statement.
const ROWS_PER_INSERT: usize = 1_000;

/// A term of a user.
#[derive(Insertable)]
#[diesel(table_name = user_search_terms, treat_none_as_default_value = false)]
pub(in crate::store) struct TermRow {
    user_id: UserId,
    term: String,
}

/// Returns the terms of a user: the address, `@` and its domain, and the name from each word on.
pub(in crate::store) fn term_rows(user_id: UserId, email_key: &str, name_key: Option<&str>) -> Vec<TermRow> {
    let terms = terms(email_key, name_key).into_iter();
    terms.map(|term| TermRow { user_id, term: term.to_owned() }).collect()
}

fn terms<'a>(email_key: &'a str, name_key: Option<&'a str>) -> BTreeSet<&'a str> {
    let domain = email_key.find('@').map(|at| &email_key[at..]);
    let next_word = |rest: &&'a str| rest.split_once(' ').map(|(_, next)| next.trim_start_matches(' '));
    let words = std::iter::successors(name_key, next_word).take(MAX_WORDS).filter(|rest| !rest.is_empty());
    [email_key].into_iter().chain(domain).chain(words).collect()
}

/// Inserts the terms of new users.
pub(in crate::store) fn insert(conn: &mut Connection, rows: &[TermRow]) -> Result<(), StoreError> {
    for rows in rows.chunks(ROWS_PER_INSERT) {
        on!(conn, |c| diesel::insert_into(user_search_terms::table).values(rows).execute(c))?;
    }
    Ok(())
}

/// Replaces the terms of a user whose address or name has changed in this transaction.
pub(in crate::store) fn replace(conn: &mut Connection, user: UserId) -> Result<(), StoreError> {
    let (email_key, name_key): (String, Option<String>) = on!(conn, |c| users::table
        .filter(users::id.eq(user))
        .select((users::email_key, users::name_key))
        .get_result(c))?;
    let old = user_search_terms::table.filter(user_search_terms::user_id.eq(user));
    on!(conn, |c| diesel::delete(old).execute(c))?;
    // One row for each statement: a statement with a fixed text stays prepared.
    for row in term_rows(user, &email_key, name_key.as_deref()) {
        on!(conn, |c| diesel::insert_into(user_search_terms::table).values(&row).execute(c))?;
    }
    Ok(())
}

/// Returns the range of the terms that begin with `prefix`: the first text and the one after the last.
pub(in crate::store) fn range(prefix: &str) -> [String; 2] {
    // U+10FFFF is a noncharacter that sorts after every character.
    [prefix.to_owned(), format!("{prefix}{}", char::MAX)]
}

/// Returns true if more than `count` terms begin with `prefix`. It reads at most that many index entries.
pub(in crate::store) fn is_common(
    conn: &mut Connection,
    prefix: &str,
    count: i64,
) -> Result<bool, StoreError> {
    let [from, to] = range(prefix);
    let found = user_search_terms::table
        .filter(user_search_terms::term.ge(from))
        .filter(user_search_terms::term.lt(to))
        .order(user_search_terms::term)
        .select(user_search_terms::user_id);
    let last: Option<UserId> = on!(conn, |c| limit::rows_after(found, count, 1).get_result(c).optional())?;
    Ok(last.is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terms_are_the_address_its_domain_and_each_word_on() {
        let of = |name| Vec::from_iter(terms("ada@acme.com", name));
        assert_eq!(of(None), ["@acme.com", "ada@acme.com"]);
        assert_eq!(
            of(Some("ada king lovelace")),
            ["@acme.com", "ada king lovelace", "ada@acme.com", "king lovelace", "lovelace"]
        );
        assert_eq!(of(Some("  ada  ")), ["  ada  ", "@acme.com", "ada  ", "ada@acme.com"]);
    }

    #[test]
    fn a_name_of_many_words_has_a_bounded_number_of_terms() {
        let name = "a ".repeat(100);
        assert_eq!(terms("ada@acme.com", Some(&name)).len(), MAX_WORDS + 2);
    }

    #[test]
    fn the_range_of_a_prefix_holds_what_begins_with_it() {
        let [from, to] = range("ab");
        let holds = |term: &str| *term >= *from && *term < *to;
        assert!(["ab", "abc", "ab\u{10fffd}"].into_iter().all(holds));
        assert!(!["aa", "ac", "a", "b"].into_iter().any(holds));
    }
}
