//! Bodies of requests about clients, and the rules across their members.

use serde_json::Value;

use crate::authz::{ScopeSet, Vocabulary};
use crate::domain::{
    ClientAuthentication, ClientId, ClientMetadata, GrantType, Invalid, InvalidId, RedirectUri,
    parse_resource,
};
use crate::http::kit::{Given, Members};
use crate::token::ClientKeys;

crate::body! {
    /// A new client, with the member names of RFC 7591 §2.
    pub struct NewClientBody as NewClient(vocabulary: &Vocabulary) {
        /// 1 to 64 characters of `A-Z a-z 0-9 . _ -`. Default: the server generates an id.
        #[schema(min_length = 1, max_length = 64)]
        client_id: Option<String> as Option<ClientId> = text(chosen_id);
        /// The name that users see.
        #[schema(max_length = 200)]
        client_name: Option<String> as Given<String> = text(ClientMetadata::parse_name);
        /// The scopes that the client may request, separated by spaces. The caller must have every
        /// scope that gives power over other users.
        scope: String as Option<ScopeSet> = optional_text(|list| vocabulary.known_scopes(list));
        /// The grant types. Default: `authorization_code` and `refresh_token` if there are `redirect_uris`,
        /// otherwise `client_credentials`.
        grant_types: Option<Vec<GrantType>> = texts(grant_type);
        /// The authentication method; `none` for a public client. Default: `client_secret_basic`.
        token_endpoint_auth_method: Option<ClientAuthentication> = optional_text(method);
        /// Required for `authorization_code`. Allowed are https, http to a loopback address, and for a public
        /// client a private-use scheme made of a reversed domain name. They are compared character by
        /// character.
        #[schema(max_items = 32)]
        redirect_uris: Option<Vec<String>> as Option<Vec<RedirectUri>> = texts(redirect_uri);
        /// The URLs to which users may return after the sign-out, by the rules of `redirect_uris`.
        #[schema(max_items = 32)]
        post_logout_redirect_uris: Option<Vec<String>> as Option<Vec<RedirectUri>> = texts(redirect_uri);
        /// A JWK Set (RFC 7517 §5) of 1 to 16 public keys. Required for `private_key_jwt`, and allowed only
        /// with it.
        #[schema(value_type = Option<Object>)]
        jwks: Option<Value> as Given<String> = json(ClientKeys::register);
        /// True when each of the client's tokens must be bound to a key (RFC 9449 §5.2).
        dpop_bound_access_tokens: Option<bool> = boolean();
        /// The resource servers that the client is: it may introspect tokens with this `aud` (RFC 7662). Not for a
        /// public client.
        #[schema(max_items = 32)]
        resources: Option<Vec<String>> = texts(parse_resource);
        /// True for an own application of this service: its users are not asked for consent. Only for an
        /// administrator's token, redirect URIs with https or to a loopback address, and scopes that reach no other
        /// users.
        first_party: Option<bool> = boolean();
        /// True when ID tokens have the claims of the scopes `profile` and `email`, as userinfo has them. Default: true.
        userinfo_in_id_token: Option<bool> = boolean();
    }
    example { "client_name": "Monthly reports", "scope": "users:read:any", "grant_types": ["client_credentials"] }
}

crate::body! {
    /// A change of a client: a merge patch (RFC 7396) by the rules of `POST /clients`.
    pub struct ClientPatch(vocabulary: &Vocabulary) {
        /// The name that users see; null removes it.
        #[schema(max_length = 200)]
        client_name: Option<String> as Given<String> = text(ClientMetadata::parse_name);
        /// The new scopes, which replace the old ones.
        scope: Option<String> as Option<ScopeSet> = optional_text(|list| vocabulary.known_scopes(list));
        /// The new grant types, which replace the old ones.
        grant_types: Option<Vec<GrantType>> = texts(grant_type);
        /// The authentication method. A client whose new method uses no secret loses its secrets.
        token_endpoint_auth_method: Option<ClientAuthentication> = optional_text(method);
        /// The new URLs, which replace the old ones; an empty array removes them.
        #[schema(max_items = 32)]
        redirect_uris: Option<Vec<String>> as Option<Vec<RedirectUri>> = texts(redirect_uri);
        /// The new URLs, which replace the old ones; an empty array removes them.
        #[schema(max_items = 32)]
        post_logout_redirect_uris: Option<Vec<String>> as Option<Vec<RedirectUri>> = texts(redirect_uri);
        /// The new keys, which replace the old ones; null removes them.
        #[schema(value_type = Option<Object>)]
        jwks: Option<Value> as Given<String> = json(ClientKeys::register);
        /// True when each of the client's tokens must be bound to a key (RFC 9449 §5.2).
        dpop_bound_access_tokens: Option<bool> = boolean();
        /// The new resource servers, which replace the old ones; an empty array removes them.
        #[schema(max_items = 32)]
        resources: Option<Vec<String>> = texts(parse_resource);
        /// True for an own application of this service, whose users are not asked for consent. False takes that back.
        first_party: Option<bool> = boolean();
        /// True when ID tokens have the claims of the scopes `profile` and `email`, as userinfo has them.
        userinfo_in_id_token: Option<bool> = boolean();
    }
    media_type "application/merge-patch+json"
    example { "client_name": "Weekly reports" }
}

/// Members of a client that only the server writes.
pub(super) const SERVER_SET: &[&str] =
    &["client_secret", "client_secrets", "created_at", "updated_at", "_actions"];

impl NewClientBody {
    /// Returns the metadata of a new client. Without `grant_types` it gets the default ones.
    pub(crate) fn into_metadata(self) -> ClientMetadata {
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
            resources: self.resources,
            first_party: self.first_party,
            userinfo_in_id_token: self.userinfo_in_id_token,
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
    pub(super) fn applied_to(self, mut metadata: ClientMetadata) -> ClientMetadata {
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
        metadata.resources = self.resources.unwrap_or(metadata.resources);
        metadata.first_party = self.first_party.unwrap_or(metadata.first_party);
        metadata.userinfo_in_id_token = self.userinfo_in_id_token.unwrap_or(metadata.userinfo_in_id_token);
        metadata.dpop_bound = self.dpop_bound_access_tokens.unwrap_or(metadata.dpop_bound);
        metadata
    }
}

/// Checks the rules across members. A member that is broken already gets no second error, and without a known
/// method the rules that depend on it are not checked.
pub(crate) fn checked(
    members: &mut Members,
    client: ClientMetadata,
    vocabulary: &Vocabulary,
) -> Option<ClientMetadata> {
    let method_known = !members.is_broken("token_endpoint_auth_method");
    let reaches_others = !vocabulary.scopes_in(&client.scope.join(" ")).powers().is_empty();
    let mut broken = match client.checked(reaches_others) {
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

fn redirect_uri(text: &str) -> Result<RedirectUri, Invalid> {
    text.parse().map_err(|why: InvalidId| Invalid::new("invalid-uri", why.to_string()))
}

fn grant_type(text: &str) -> Result<GrantType, Invalid> {
    let values = GrantType::ALL.map(GrantType::as_str).to_vec();
    text.parse()
        .map_err(|why: InvalidId| Invalid::new("unknown-grant-type", why.to_string()).with("values", values))
}

fn method(text: &str) -> Result<ClientAuthentication, Invalid> {
    let values = ClientAuthentication::ALL.map(ClientAuthentication::as_str).to_vec();
    text.parse()
        .map_err(|why: InvalidId| Invalid::new("unknown-method", why.to_string()).with("values", values))
}
