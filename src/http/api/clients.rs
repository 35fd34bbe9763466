//! `/clients`: the OAuth clients (RFC 6749 §2).

use std::sync::Arc;

use chrono::Duration;
use serde_json::Value;

use super::client_body::{ClientPatch, NewClientBody, SERVER_SET, checked};
use super::client_representation::{CreatedClient, RotatedSecret};
use crate::authz::action::{Create, Delete, Read, RotateSecret, Update};
use crate::authz::{Allowed, Reach, Vocabulary};
use crate::domain::{Client, ClientId, Invalid, Random};
use crate::http::kit::{Body, Code, IfMatch, NoContent, Now, Problem, Shown};
use crate::store::Store;

/// `POST /clients`
pub async fn create(
    reach: Reach<Client, Create>,
    body: Body<NewClientBody>,
    vocabulary: Arc<Vocabulary>,
    random: Random,
    Now(now): Now,
    store: Store,
) -> Result<CreatedClient, Problem> {
    let (id, metadata) = body.read(|members| {
        members.read_only(SERVER_SET);
        let new = NewClientBody::read(members, &vocabulary)?;
        Some((new.client_id.clone(), checked(members, new.into_metadata(), &vocabulary)?))
    })?;
    let id = id.map_or_else(|| ClientId::generate(&random), Ok)?;
    let secret = metadata.new_secret(&random)?;
    let client = Client::new(id.clone(), metadata, now.0);
    let client = reach.make(client).map_err(|refusal| refusal.on(id, None))?;
    let kept = secret.as_ref().map(crate::domain::ClientSecret::hash);
    let created = store.create_client(client, kept).await;
    let client = created.map_err(|error| Problem::from(error).at(Code::Taken, "/client_id"))?;
    Ok(CreatedClient { client: client.into(), secret })
}

/// `GET /clients/{id}`
pub async fn read(client: Allowed<Client, Read>) -> Result<Shown<Client>, Problem> {
    Ok(client.into())
}

/// `PATCH /clients/{id}`
pub async fn update(
    client: Allowed<Client, Update>,
    body: Body<ClientPatch>,
    if_match: IfMatch,
    vocabulary: Arc<Vocabulary>,
    store: Store,
) -> Result<Shown<Client>, Problem> {
    let metadata = body.read(|members| {
        members.read_only(&["client_id"]);
        members.read_only(SERVER_SET);
        let metadata = ClientPatch::read(members, &vocabulary)?.applied_to(client.metadata.clone());
        checked(members, metadata, &vocabulary)
    })?;
    if_match.require(client.revision)?;
    let next = Client { metadata, ..(*client).clone() };
    let change = client.amend(next)?;
    Ok(if_match.change(store.update_client(change)).await?.into())
}

/// `DELETE /clients/{id}`
pub async fn delete(
    client: Allowed<Client, Delete>,
    if_match: IfMatch,
    store: Store,
) -> Result<NoContent, Problem> {
    if_match.check(client.revision)?;
    Ok(if_match.change(store.delete_client(client)).await?.into())
}

crate::body! {
    /// Options of a secret rotation.
    pub struct SecretRotation {
        /// The number of seconds for which the current secret stays valid; 0 ends it at once. Default: one
        /// day.
        #[schema(minimum = 0, maximum = 2_592_000)]
        old_expires_in: Option<u32> = json(seconds);
    }
    example { "old_expires_in": 3600 }
}

/// `POST /clients/{id}/secret`
pub async fn rotate_secret(
    client: Allowed<Client, RotateSecret>,
    body: Option<Body<SecretRotation>>,
    if_match: IfMatch,
    random: Random,
    Now(now): Now,
    store: Store,
) -> Result<RotatedSecret, Problem> {
    let requested = match body {
        Some(body) => body.read(SecretRotation::read)?.old_expires_in,
        None => None,
    };
    if_match.check(client.revision)?;
    let Some(secret) = client.new_secret(&random)? else {
        let why = format!("a client that authenticates by {} has no secret", client.authentication);
        return Err(Problem::new(Code::Conflict).with_detail(why));
    };
    let overlap = Duration::seconds(requested.unwrap_or(Client::SECRET_OVERLAP).into());
    let overlap = if fault!(replaced_secret_stays) { Duration::days(1) } else { overlap };
    let old_until = now.0 + overlap;
    let change = store.add_client_secret(client, secret.hash(), old_until);
    Ok(RotatedSecret { client: if_match.change(change).await?.into(), secret })
}

fn seconds(value: &Value) -> Result<u32, Invalid> {
    let most = Client::LONGEST_SECRET_OVERLAP;
    // In JSON 60.0 is as whole a number as 60.
    let whole = value.as_f64().filter(|seconds| seconds.fract() == 0.0);
    whole
        .filter(|seconds| (0.0..=f64::from(most)).contains(seconds))
        .map(|seconds| seconds as u32)
        .ok_or_else(|| {
            let rule = Invalid::new("out-of-range", format!("must be whole seconds from 0 to {most}"));
            rule.with("min", 0).with("max", most)
        })
}
