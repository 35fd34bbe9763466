//! Routes for callers that do not own the notes: moderators write a remark, and a client counts notes.

use actix_web::http::Method;
use cloakroom::authz::{Allowed, Reach};
use cloakroom::domain::plain_text;
use cloakroom::http::{Body, Endpoint, Given, Json, Problem, Shown, endpoint};
use cloakroom::on;
use cloakroom::store::Store;
use diesel::prelude::*;
use serde::Serialize;
use utoipa::ToSchema;

use super::note::{Note, notes};

cloakroom::actions! {
    /// Read and write the moderators' remark on a note.
    pub Moderate = "moderate", changes;
    /// Count the notes of all users.
    pub Count = "count";
}

/// The routes of moderators and of clients.
#[rustfmt::skip]
pub fn endpoints() -> Vec<Endpoint> {
    vec![
        endpoint(Method::PUT, "/notes/{id}/verdict", "Write the moderators' remark on a note", moderate),
        endpoint(Method::GET, "/note-count",         "Count all notes",                        count),
    ]
}

cloakroom::body! {
    /// Body of `PUT /notes/{id}/verdict`.
    pub struct Verdict {
        /// The remark; null removes it.
        #[schema(max_length = 200)]
        verdict: Option<String> as Given<String> = text(|text| plain_text(text, 200, false));
    }
    example { "verdict": "harmless" }
}

async fn moderate(
    note: Allowed<Note, Moderate>,
    body: Body<Verdict>,
    store: Store,
) -> Result<Shown<Note>, Problem> {
    let Verdict { verdict } = body.read(Verdict::read)?;
    Ok(store.update(note, |note| verdict.apply(&mut note.verdict)).await?.into())
}

/// The number of notes.
#[derive(Serialize, ToSchema)]
pub struct Total {
    /// All notes.
    notes: i64,
}

/// Counts the notes of all users, for a client that keeps statistics.
async fn count(reach: Reach<Note, Count>, store: Store) -> Result<Json<Total>, Problem> {
    let counted = store.gather(&reach, |conn, _| Ok(on!(conn, |c| notes::table.count().get_result(c))?));
    Ok(Json(Total { notes: counted.await? }))
}
