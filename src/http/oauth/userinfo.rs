//! `/oauth/userinfo` (OpenID Connect Core §5.3).

use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::authz::action::ReadClaims;
use crate::domain::User;
use crate::http::kit::{Json, Own, Problem};
use crate::oauth::userinfo::claims;
use crate::store::Store;

/// The user's claims that the token's scope permits (OpenID Connect Core §5.1).
#[derive(Serialize, ToSchema)]
#[schema(
    as = Claims,
    examples(json!({ "name": "Ada Lovelace", "email": "ada@example.com", "email_verified": true,
        "sub": "019ab1f7-3c2a-7d41-9f3e-6b0d2c8a5e17" }))
)]
pub struct ClaimsView {
    #[serde(flatten)]
    claims: Map<String, Value>,
}

/// `GET /oauth/userinfo` and `POST /oauth/userinfo`
pub async fn userinfo(user: Own<User, ReadClaims>, store: Store) -> Result<Json<ClaimsView>, Problem> {
    let profile = store.profile_for_claims(&user).await?;
    Ok(Json(ClaimsView { claims: claims(&user, &profile) }))
}
