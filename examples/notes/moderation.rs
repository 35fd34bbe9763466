//! What others than owners do: moderators say what they think of a note, and a client counts them.

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
    /// Read and write what moderators say of a note.
    pub Moderate = "moderate", changes;
    /// Count everyone's notes.
    pub Count = "count";
}

/// The routes of those who do not own the notes.
#[rustfmt::skip]
pub fn endpoints() -> Vec<Endpoint> {
    vec![
        endpoint(Method::PUT, "/notes/{id}/verdict", "Say what moderators think of a note", moderate),
        endpoint(Method::GET, "/note-count",         "Count everyone's notes",              count),
    ]
}

cloakroom::body! {
    /// What `PUT /notes/{id}/verdict` takes.
    pub struct Verdict {
        /// What the moderators say; null takes it back.
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

/// How many notes there are.
#[derive(Serialize, ToSchema)]
pub struct Total {
    /// Everyone's.
    notes: i64,
}

/// For a client that keeps statistics; no user owns the answer, so it takes a scope for everyone's.
async fn count(reach: Reach<Note, Count>, store: Store) -> Result<Json<Total>, Problem> {
    let counted = store.gather(&reach, |conn, _| Ok(on!(conn, |c| notes::table.count().get_result(c))?));
    Ok(Json(Total { notes: counted.await? }))
}
