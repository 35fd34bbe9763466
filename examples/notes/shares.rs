//! Shares: the owner of a note lets others read or edit it. And the drawer into which it is put.

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

use super::note::{Note, note_shares};

cloakroom::actions! {
    /// Let somebody read or edit a note, or no longer.
    pub Share = "share", changes;
    /// See with whom a note is shared.
    pub ListShares = "list_shares";
    /// Put a note away, or take it out again.
    pub Archive = "archive", changes;
}

cloakroom::settings! {
    /// The settings of shares.
    pub struct ShareSettings {
        /// With how many users a note can be shared, 1 to 1000.
        most_shares: i64 = at("NOTES_MOST_SHARES", Is("20")), parse::number(1..=1_000);
    }
}

/// The routes of shares.
#[rustfmt::skip]
pub fn endpoints() -> Vec<Endpoint> {
    vec![
        endpoint(Method::GET,    "/notes/{id}/shares",        "See with whom a note is shared",      list),
        endpoint(Method::PUT,    "/notes/{id}/shares/{user}", "Let a user read or edit a note",      share).segment("user", "With whom").or(&[Code::Conflict]),
        endpoint(Method::DELETE, "/notes/{id}/shares/{user}", "Let a user no longer read a note",    unshare).segment("user", "With whom no longer"),
        endpoint(Method::PUT,    "/notes/{id}/archived",      "Put a note away, or take it out",     archive),
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
    /// What `PUT /notes/{id}/shares/{user}` takes.
    pub struct NewShare {
        /// Whether the user may change the note, too.
        may_edit: bool = required_boolean();
    }
    example { "may_edit": true }
}

/// Answers alike whether or not there is such a user.
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
    /// What `PUT /notes/{id}/archived` takes.
    pub struct Drawer {
        /// Whether the note is put away.
        archived: bool = required_boolean();
    }
    example { "archived": true }
}

async fn archive(
    note: Allowed<Note, Archive>,
    body: Body<Drawer>,
    store: Store,
) -> Result<Shown<Note>, Problem> {
    let Drawer { archived } = body.read(Drawer::read)?;
    Ok(store.update(note, |note| note.archived = archived).await?.into())
}
