//! `/keys`: the signing keys.

use std::sync::Arc;

use serde::Serialize;
use utoipa::ToSchema;

use crate::authz::Reach;
use crate::authz::action::Rotate;
use crate::domain::{SigningKey, Time};
use crate::http::kit::{Code, Json, Problem, SigningKeys};
use crate::store::Store;
use crate::token::{KeyError, SignsFrom};

/// The next signing key. Its public key is in the JWK Set at once.
#[derive(Serialize, ToSchema)]
#[schema(as = SigningKey)]
pub struct KeyView {
    /// The key's id in tokens and in the JWK Set.
    #[schema(examples("q1N0bC4mVtY"))]
    kid: String,
    /// The signature algorithm (RFC 7518 §3.1).
    #[schema(examples("ES256"))]
    alg: String,
    /// The time of its creation and publication.
    created_at: Time,
    /// The time of its first signature. Every cached JWK Set without this key has expired by then.
    signs_from: Time,
}

impl From<&SigningKey> for KeyView {
    fn from(key: &SigningKey) -> Self {
        Self {
            kid: key.kid.clone(),
            alg: key.algorithm.clone(),
            created_at: Time(key.created_at),
            signs_from: Time(key.signs_from),
        }
    }
}

/// `POST /keys/rotate`
pub async fn rotate(
    may: Reach<SigningKey, Rotate>,
    SigningKeys(keys): SigningKeys,
    store: Store,
) -> Result<Json<KeyView>, Problem> {
    let maker = Arc::clone(&keys);
    let made = tokio::task::spawn_blocking(move || maker.key_store().generate(SignsFrom::KnownToCaches));
    let key = made.await.map_err(internal)?.map_err(not_made)?;
    let view = KeyView::from(&key.key);
    let stored = store.rotate_keys(may, key).await?;
    // This replica has it at once; the others load it when they are notified.
    tokio::task::spawn_blocking(move || keys.load(stored)).await.map_err(internal)?;
    Ok(Json(view))
}

fn not_made(error: KeyError) -> Problem {
    match error {
        KeyError::Symmetric => Problem::new(Code::Conflict)
            .with_detail("tokens are signed with the HS256 secret, which only the operator can change"),
        error => internal(error),
    }
}

fn internal(error: impl std::fmt::Display) -> Problem {
    log::error!("{error}");
    Problem::new(Code::Internal)
}
