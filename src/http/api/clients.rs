//! `/clients`: the programs that get tokens of their own or their users' (RFC 6749 §2).

use std::fmt::Display;
use std::str::FromStr;
use std::sync::Arc;

use chrono::Duration;
use serde_json::Value;

use super::client_representation::{Registered, Renewed};
use crate::authz::action::{Create, Delete, Read, RotateSecret, Update};
use crate::authz::{Allowed, Reach, ScopeSet, Vocabulary};
use crate::domain::{
    Client, ClientAuthentication, ClientId, ClientMetadata, GrantType, Invalid, Random, RedirectUri,
};
use crate::http::kit::answer::NoContent;
use crate::http::kit::body::Body;
use crate::http::kit::if_match::IfMatch;
use crate::http::kit::injected::Now;
use crate::http::kit::members::{Given, Members};
use crate::http::kit::problem::{Code, Problem};
use crate::http::kit::representation::Shown;
use crate::store::Store;
use crate::token::ClientKeys;

crate::body! {
    /// What `POST /clients` takes, by the names of RFC 7591 §2.
    pub struct NewClientBody as NewClient(vocabulary: &Vocabulary) {
        /// 1 to 64 of `A-Z a-z 0-9 . _ -`; made by the server when left out.
        #[schema(min_length = 1, max_length = 64)]
        client_id: Option<String> as Option<ClientId> = text(chosen_id);
        /// A name for people.
        #[schema(max_length = 200)]
        client_name: Option<String> as Given<String> = text(ClientMetadata::parse_name);
        /// The scopes that it may ask for, between single spaces. Those that give power over others
        /// must be the caller's own.
        scope: String as Option<ScopeSet> = optional_text(|list| vocabulary.known_scopes(list));
        /// `authorization_code` and `refresh_token` when left out beside `redirect_uris`, otherwise
        /// `client_credentials`.
        grant_types: Option<Vec<GrantType>> = texts(named("unknown-grant-type"));
        /// `client_secret_basic` when left out; `none` for a public client.
        token_endpoint_auth_method: Option<ClientAuthentication> = optional_text(named::<ClientAuthentication>("unknown-method"));
        /// Needed for `authorization_code`: https, http to this very machine, or for a public client a
        /// scheme made of a reversed domain. Compared letter by letter.
        #[schema(max_items = 32)]
        redirect_uris: Option<Vec<String>> as Option<Vec<RedirectUri>> = texts(named("invalid-uri"));
        /// By the same rules.
        #[schema(max_items = 32)]
        post_logout_redirect_uris: Option<Vec<String>> as Option<Vec<RedirectUri>> = texts(named("invalid-uri"));
        /// A JWK Set (RFC 7517 §5) of 1 to 16 public keys; needed for, and goes with,
        /// `private_key_jwt` alone.
        #[schema(value_type = Option<Object>)]
        jwks: Option<Value> as Given<String> = json(ClientKeys::register);
        /// Whether each of its tokens must be bound to a key of its own (RFC 9449 §5.2).
        dpop_bound_access_tokens: Option<bool> = boolean();
    }
    example { "client_name": "Monthly reports", "scope": "users:read:any", "grant_types": ["client_credentials"] }
}

/// `POST /clients`
pub async fn create(
    reach: Reach<Client, Create>,
    body: Body<NewClientBody>,
    vocabulary: Arc<Vocabulary>,
    random: Random,
    Now(now): Now,
    store: Store,
) -> Result<Registered, Problem> {
    let (id, metadata) = body.read(|members| {
        members.read_only(SERVER_SET);
        let new = NewClientBody::read(members, &vocabulary)?;
        Some((new.client_id.clone(), checked(members, new.into_metadata())?))
    })?;
    let id = id.map_or_else(|| ClientId::generate(&random), Ok)?;
    let secret = metadata.new_secret(&random)?;
    let client = Client::new(id.clone(), metadata, now.0);
    let client = reach.make(client).map_err(|refusal| refusal.on(id, None))?;
    let kept = secret.as_ref().map(crate::domain::ClientSecret::hash);
    let client = store.create_client(client, kept).await?;
    Ok(Registered { client: client.into(), secret })
}

/// `GET /clients/{id}`
pub async fn read(client: Allowed<Client, Read>) -> Result<Shown<Client>, Problem> {
    Ok(client.into())
}

crate::body! {
    /// What `PATCH /clients/{id}` takes: a merge patch (RFC 7396) by the rules of `POST /clients`.
    pub struct ClientPatch(vocabulary: &Vocabulary) {
        /// Null unsets it.
        #[schema(max_length = 200)]
        client_name: Option<String> as Given<String> = text(ClientMetadata::parse_name);
        /// All the scopes that it is to have.
        scope: Option<String> as Option<ScopeSet> = optional_text(|list| vocabulary.known_scopes(list));
        /// All the grants that it is to have.
        grant_types: Option<Vec<GrantType>> = texts(named("unknown-grant-type"));
        /// A client that no longer authenticates by a secret loses those that it has.
        token_endpoint_auth_method: Option<ClientAuthentication> = optional_text(named::<ClientAuthentication>("unknown-method"));
        /// All of them; an empty array unsets them.
        #[schema(max_items = 32)]
        redirect_uris: Option<Vec<String>> as Option<Vec<RedirectUri>> = texts(named("invalid-uri"));
        /// All of them; an empty array unsets them.
        #[schema(max_items = 32)]
        post_logout_redirect_uris: Option<Vec<String>> as Option<Vec<RedirectUri>> = texts(named("invalid-uri"));
        /// All of the keys; null unsets them.
        #[schema(value_type = Option<Object>)]
        jwks: Option<Value> as Given<String> = json(ClientKeys::register);
        /// Whether each of its tokens must be bound to a key of its own.
        dpop_bound_access_tokens: Option<bool> = boolean();
    }
    media_type "application/merge-patch+json"
    example { "client_name": "Weekly reports" }
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
        checked(members, metadata)
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
    /// What `POST /clients/{id}/secret` takes.
    pub struct SecretRotation {
        /// For how many seconds the secret that is the newest now goes on; a day when left out. With 0
        /// the new one is the only one.
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
) -> Result<Renewed, Problem> {
    let asked = match body {
        Some(body) => body.read(SecretRotation::read)?.old_expires_in,
        None => None,
    };
    if_match.check(client.revision)?;
    let Some(secret) = client.new_secret(&random)? else {
        let why = format!("a client that authenticates by {} has no secret", client.authentication);
        return Err(Problem::new(Code::Conflict).with_detail(why));
    };
    let overlap = Duration::seconds(asked.unwrap_or(Client::SECRET_OVERLAP).into());
    let old_until = now.0 + overlap;
    let change = store.add_client_secret(client, secret.hash(), old_until);
    Ok(Renewed { client: if_match.change(change).await?.into(), secret })
}

/// Members of a client that only the server writes.
const SERVER_SET: &[&str] = &["client_secret", "client_secrets", "created_at", "updated_at", "_actions"];

impl NewClientBody {
    /// Returns the metadata of a new client. Without `grant_types` it gets the usual ones.
    fn into_metadata(self) -> ClientMetadata {
        let has_grants = self.grant_types.is_some();
        let patch = ClientPatch {
            client_name: self.client_name,
            scope: self.scope,
            grant_types: self.grant_types,
            token_endpoint_auth_method: self.token_endpoint_auth_method,
            redirect_uris: self.redirect_uris,
            post_logout_redirect_uris: self.post_logout_redirect_uris,
            jwks: self.jwks,
            dpop_bound_access_tokens: self.dpop_bound_access_tokens,
        };
        let mut metadata = patch.applied_to(ClientMetadata::unsaid());
        if !has_grants {
            metadata.grants = metadata.usual_grants();
        }
        metadata
    }
}

impl ClientPatch {
    /// Returns the metadata with the given members changed.
    fn applied_to(self, mut metadata: ClientMetadata) -> ClientMetadata {
        self.client_name.apply(&mut metadata.name);
        if let Some(scope) = self.scope {
            metadata.scope = scope.iter().map(|scope| scope.to_string()).collect();
        }
        metadata.authentication = self.token_endpoint_auth_method.unwrap_or(metadata.authentication);
        metadata.redirect_uris = self.redirect_uris.unwrap_or(metadata.redirect_uris);
        metadata.post_logout_redirect_uris =
            self.post_logout_redirect_uris.unwrap_or(metadata.post_logout_redirect_uris);
        metadata.grants = self.grant_types.unwrap_or(metadata.grants);
        self.jwks.apply(&mut metadata.jwks);
        metadata.dpop_bound = self.dpop_bound_access_tokens.unwrap_or(metadata.dpop_bound);
        metadata
    }
}

/// Checks the rules across members. A member that is broken already gets no second error, and without a known
/// method the rules that depend on it are not checked.
fn checked(members: &mut Members, client: ClientMetadata) -> Option<ClientMetadata> {
    let method_known = !members.is_broken("token_endpoint_auth_method");
    let mut broken = match client.checked() {
        Ok(client) => return Some(client),
        Err(broken) => broken,
    };
    broken.retain(|(member, _)| !members.is_broken(member) && (method_known || *member == "scope"));
    broken.into_iter().for_each(|(member, rule)| members.broken(member, rule));
    None
}

fn chosen_id(text: &str) -> Result<ClientId, Invalid> {
    ClientId::chosen(text).map_err(|why| Invalid::new("invalid-id", why.to_string()))
}

fn named<T: FromStr<Err: Display>>(code: &'static str) -> impl Fn(&str) -> Result<T, Invalid> {
    move |text| text.parse().map_err(|why: T::Err| Invalid::new(code, why.to_string()))
}

fn seconds(value: &Value) -> Result<u32, Invalid> {
    let most = Client::LONGEST_SECRET_OVERLAP;
    // In JSON 60.0 is as whole a number as 60.
    let whole = value.as_f64().filter(|seconds| seconds.fract() == 0.0);
    whole
        .filter(|seconds| (0.0..=f64::from(most)).contains(seconds))
        .map(|seconds| seconds as u32)
        .ok_or_else(|| Invalid::new("out-of-range", format!("must be whole seconds from 0 to {most}")))
}
