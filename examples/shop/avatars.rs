//! Avatars: a picture of each user, which each user may see. The actions are on cloakroom's own
//! record of the user.

use actix_web::http::Method;
use cloakroom::authz::Allowed;
use cloakroom::domain::{Role, User, plain_text};
use cloakroom::http::{
    Content, Endpoint, FormPart, FormParts, MediaType, Multipart, NoContent, Problem, RawBody, endpoint,
};
use cloakroom::on;
use cloakroom::store::{Store, Uid};
use diesel::prelude::*;

cloakroom::actions! {
    /// Write the avatar of a user.
    pub SetAvatar = "set_avatar", changes;
    /// See the avatar of a user.
    pub SeeAvatar = "see_avatar";
}

cloakroom::scopes! {
    /// The scopes of avatars.
    pub SCOPES:
    AVATARS_READ = "avatars:read", "See avatars";
    AVATARS_WRITE = "avatars:write", "Write your avatar";
}

cloakroom::policy! {
    User {
        SetAvatar: owner(AVATARS_WRITE);
        SeeAvatar: owner(AVATARS_READ), role(Role::USER, AVATARS_READ);
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use super::Uid;

    avatars (user_id) {
        user_id -> Uid,
        png -> Binary,
        caption -> Text,
    }
}

/// PNG.
pub struct Png;

impl MediaType for Png {
    const NAME: &'static str = "image/png";

    fn example() -> Vec<u8> {
        b"\x89PNG\r\n\x1a\nIEND".to_vec()
    }
}

/// Most bytes of an avatar.
const MOST: usize = 262_144;

/// The routes of avatars.
#[rustfmt::skip]
pub fn endpoints() -> Vec<Endpoint> {
    vec![
        endpoint(Method::PUT,    "/users/{id}/avatar", "Upload an avatar",                upload),
        endpoint(Method::POST,   "/users/{id}/avatar", "Upload an avatar with a caption", upload_with_caption),
        endpoint(Method::GET,    "/users/{id}/avatar", "See an avatar",                   see),
        endpoint(Method::DELETE, "/users/{id}/avatar", "Remove an avatar",                remove),
    ]
}

async fn upload(
    user: Allowed<User, SetAvatar>,
    body: RawBody<Png, MOST>,
    store: Store,
) -> Result<NoContent, Problem> {
    save(&user, body.into_upload().bytes().await?, String::new(), &store).await
}

/// Form of an avatar with its caption.
pub struct Captioned;

impl FormParts for Captioned {
    const LIMIT: usize = MOST + 4_096;

    fn parts() -> Vec<FormPart> {
        vec![
            FormPart::text("caption", "The caption", 400, "In a blue coat"),
            FormPart::file::<Png>("picture", "The picture", MOST),
        ]
    }
}

async fn upload_with_caption(
    user: Allowed<User, SetAvatar>,
    mut form: Multipart<Captioned>,
    store: Store,
) -> Result<NoContent, Problem> {
    let picture = form.file("picture")?;
    let caption =
        form.read(|members| members.required_text("caption", |text| plain_text(text, 100, false)))?;
    save(&user, picture.bytes().await?, caption, &store).await
}

async fn save(
    user: &Allowed<User, SetAvatar>,
    png: Vec<u8>,
    caption: String,
    store: &Store,
) -> Result<NoContent, Problem> {
    let saved = store.change(user, move |conn, user| {
        let content = (avatars::png.eq(&png), avatars::caption.eq(&caption));
        on!(conn, |c| diesel::insert_into(avatars::table)
            .values((avatars::user_id.eq(user.id), content))
            .on_conflict(avatars::user_id)
            .do_update()
            .set(content)
            .execute(c))?;
        Ok(())
    });
    Ok(saved.await?.into())
}

/// Answers with an empty picture for a user without an avatar.
async fn see(user: Allowed<User, SeeAvatar>, store: Store) -> Result<Content<Png>, Problem> {
    let png = store.query(&user, |conn, user| {
        let of_user = avatars::table.find(user.id).select(avatars::png);
        Ok(on!(conn, |c| of_user.get_result::<Vec<u8>>(c).optional())?)
    });
    Ok(Content::bytes(png.await?.unwrap_or_else(Png::example)))
}

async fn remove(user: Allowed<User, SetAvatar>, store: Store) -> Result<NoContent, Problem> {
    let removed = store.change(&user, |conn, user| {
        on!(conn, |c| diesel::delete(avatars::table.find(user.id)).execute(c))?;
        Ok(())
    });
    Ok(removed.await?.into())
}
