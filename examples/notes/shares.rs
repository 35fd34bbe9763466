//! Shares: the owner of a note shares it with other users, and archives it.

use std::collections::BTreeMap;

use actix_web::http::Method;
use cloakroom::authz::Allowed;
use cloakroom::config::{DefaultValue::Is, at, parse};
use cloakroom::domain::UserId;
use cloakroom::http::{
    Body, Code, Configured, Endpoint, Json, NoContent, Problem, Segments, Shown, endpoint,
};
use cloakroom::on;
use cloakroom::store::Store;
use diesel::prelude::*;
use serde_json::json;

use super::note::{EDITOR, Note, READER, note_shares};

cloakroom::actions! {
    /// Share a note with a user, or end it.
    pub Share = "share", changes;
    /// List the users that a note is shared with.
    pub ListShares = "list_shares";
    /// Archive a note, or restore it.
    pub Archive = "archive", changes;
}

cloakroom::settings! {
    /// The settings of shares.
    pub struct ShareSettings {
        /// The most users that a note can be shared with, 1 to 1000.
        most_shares: i64 = at("NOTES_MOST_SHARES", Is("20")), parse::number(1..=1_000);
    }
}

/// The routes of shares.
#[rustfmt::skip]
pub fn endpoints() -> Vec<Endpoint> {
    vec![
        endpoint(Method::GET,    "/notes/{id}/shares",        "List the users a note is shared with", list),
        endpoint(Method::PUT,    "/notes/{id}/shares/{user}", "Share a note with a user",            share).segment("user", "The user").or(&[Code::Conflict])
            .gives(READER, json!({ "may_edit": false })).gives(EDITOR, json!({ "may_edit": true })),
        endpoint(Method::DELETE, "/notes/{id}/shares/{user}", "Stop sharing a note with a user",     unshare).segment("user", "The user"),
        endpoint(Method::PUT,    "/notes/{id}/archived",      "Archive a note, or restore it",       archive),
    ]
}

async fn list(
    note: Allowed<Note, ListShares>,
    store: Store,
) -> Result<Json<BTreeMap<String, &'static str>>, Problem> {
    let shares = store.query(&note, |conn, note| {
        let of_note = note_shares::table.filter(note_shares::note_id.eq(note.id));
        let shares: Vec<(UserId, bool)> =
            on!(conn, |c| of_note.select((note_shares::user_id, note_shares::may_edit)).load(c))?;
        Ok(shares)
    });
    let word = |may_edit| if may_edit { "editor" } else { "reader" };
    Ok(Json(shares.await?.into_iter().map(|(user, may_edit)| (user.to_string(), word(may_edit))).collect()))
}

cloakroom::body! {
    /// Body of `PUT /notes/{id}/shares/{user}`.
    pub struct NewShare {
        /// Set when the user may edit the note.
        may_edit: bool = required_boolean();
    }
    example { "may_edit": true }
}

/// Answers the same for a user that exists and one that does not.
async fn share(
    note: Allowed<Note, Share>,
    segments: Segments,
    body: Body<NewShare>,
    settings: Configured<ShareSettings>,
    store: Store,
) -> Result<NoContent, Problem> {
    let user: UserId = segments.get("user")?;
    let NewShare { may_edit } = body.read(NewShare::read)?;
    let most = settings.most_shares;
    let shared = store.change(&note, move |conn, note| {
        let of_note = note_shares::table.filter(note_shares::note_id.eq(note.id));
        let others: i64 = on!(conn, |c| of_note.filter(note_shares::user_id.ne(user)).count().get_result(c))?;
        if others >= most {
            return Ok(false);
        }
        let row = (
            note_shares::note_id.eq(note.id),
            note_shares::user_id.eq(user),
            note_shares::may_edit.eq(may_edit),
        );
        on!(conn, |c| diesel::insert_into(note_shares::table)
            .values(row)
            .on_conflict((note_shares::note_id, note_shares::user_id))
            .do_update()
            .set(note_shares::may_edit.eq(may_edit))
            .execute(c))?;
        Ok(true)
    });
    if shared.await? {
        Ok(NoContent)
    } else {
        Err(Problem::new(Code::Conflict).with_detail(format!("a note can be shared with {most} users")))
    }
}

async fn unshare(note: Allowed<Note, Share>, segments: Segments, store: Store) -> Result<NoContent, Problem> {
    let user: UserId = segments.get("user")?;
    let unshared = store.change(&note, move |conn, note| {
        let with_user = note_shares::table.find((note.id, user));
        on!(conn, |c| diesel::delete(with_user).execute(c))?;
        Ok(())
    });
    unshared.await?;
    Ok(NoContent)
}

cloakroom::body! {
    /// Body of `PUT /notes/{id}/archived`.
    pub struct Archived {
        /// Set to archive the note.
        archived: bool = required_boolean();
    }
    example { "archived": true }
}

async fn archive(
    note: Allowed<Note, Archive>,
    body: Body<Archived>,
    store: Store,
) -> Result<Shown<Note>, Problem> {
    let Archived { archived } = body.read(Archived::read)?;
    Ok(store.update(note, |note| note.archived = archived).await?.into())
}
