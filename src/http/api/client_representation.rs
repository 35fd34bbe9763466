//! Representations of clients, with the member names of RFC 7591 §2. A secret is shown once, when it is
//! created.

use std::borrow::Cow;

use actix_web::http::header;
use actix_web::{HttpResponse, HttpResponseBuilder};
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use crate::domain::{Client, ClientAuthentication, ClientSecret, GrantType, SecretAge, format_time};
use crate::http::kit::{Answer, Call, Description, Shown, ShownSchema, View, answers_json};

/// A client, without its secrets.
#[derive(Serialize, ToSchema)]
#[schema(as = Client)]
pub struct ClientView {
    /// The client's id, which is never the id of a user.
    #[schema(examples("reports"))]
    client_id: String,
    /// The name that users see.
    #[schema(required = true, examples("Monthly reports"))]
    client_name: Option<String>,
    /// The scopes that the client may request, separated by spaces.
    #[schema(examples("profiles:read:any users:read:any"))]
    scope: String,
    /// The grant types that the client may use.
    grant_types: Vec<GrantType>,
    /// The client's authentication method.
    token_endpoint_auth_method: ClientAuthentication,
    /// The URLs to which users may return after the sign-in.
    #[schema(examples("https://reports.example.org/callback"))]
    redirect_uris: Vec<String>,
    /// The URLs to which users may return after the sign-out.
    #[schema(examples("https://reports.example.org/"))]
    post_logout_redirect_uris: Vec<String>,
    /// The client's public keys, a JWK Set (RFC 7517 §5), for `private_key_jwt`.
    #[schema(value_type = Option<Object>, required = true, examples(json!({ "keys": [] })))]
    jwks: Option<Value>,
    /// True when each of the client's tokens must be bound to a key (RFC 9449 §5.2).
    dpop_bound_access_tokens: bool,
    /// The resource servers that the client is: it may introspect tokens with this `aud`.
    #[schema(examples("https://ledger.example.org"))]
    resources: Vec<String>,
    /// True for an own application of this service: its users are not asked for consent.
    first_party: bool,
    /// True when ID tokens have the claims of the scopes `profile` and `email`, as userinfo has them.
    userinfo_in_id_token: bool,
    /// The time of the registration.
    #[schema(format = "date-time")]
    created_at: String,
    /// The time of the last change.
    #[schema(format = "date-time")]
    updated_at: String,
    /// The valid secrets, newest first. There are two during a rotation.
    client_secrets: Vec<SecretView>,
}

/// The age of a secret, and its expiry.
#[derive(Serialize, ToSchema)]
#[schema(as = ClientSecret)]
pub struct SecretView {
    /// The time of its creation.
    #[schema(format = "date-time")]
    created_at: String,
    /// The time at which it expires; null for the current secret.
    #[schema(format = "date-time", required = true)]
    expires_at: Option<String>,
}

impl From<&SecretAge> for SecretView {
    fn from(age: &SecretAge) -> Self {
        Self { created_at: format_time(age.created_at), expires_at: age.expires_at.map(format_time) }
    }
}

impl From<&Client> for ClientView {
    fn from(client: &Client) -> Self {
        let texts = |uris: &[crate::domain::RedirectUri]| uris.iter().map(ToString::to_string).collect();
        Self {
            client_id: client.id.to_string(),
            client_name: client.name.clone(),
            scope: client.scope.join(" "),
            grant_types: client.grants.clone(),
            token_endpoint_auth_method: client.authentication,
            redirect_uris: texts(&client.redirect_uris),
            post_logout_redirect_uris: texts(&client.post_logout_redirect_uris),
            jwks: client.jwks.as_deref().and_then(|keys| serde_json::from_str(keys).ok()),
            dpop_bound_access_tokens: client.dpop_bound,
            resources: client.resources.clone(),
            first_party: client.first_party,
            userinfo_in_id_token: client.userinfo_in_id_token,
            created_at: format_time(client.created_at),
            updated_at: format_time(client.updated_at),
            client_secrets: client.secrets.iter().map(SecretView::from).collect(),
        }
    }
}

impl View for Client {
    type Json = ClientView;

    fn view(&self) -> impl Serialize {
        ClientView::from(self)
    }

    fn revision(&self) -> i64 {
        self.revision
    }
}

/// 201 with the new client, its `ETag`, its `Location`, and its secret if it has one.
pub struct CreatedClient {
    pub(crate) client: Shown<Client>,
    pub(crate) secret: Option<ClientSecret>,
}

/// 200 with the client, its `ETag`, and its new secret.
pub struct RotatedSecret {
    pub(crate) client: Shown<Client>,
    pub(crate) secret: ClientSecret,
}

impl Answer for CreatedClient {
    fn respond(self, call: &Call) -> HttpResponse {
        let mut response = HttpResponse::Created();
        response.insert_header((header::LOCATION, self.client.location(call)));
        respond(response, call, &self.client, self.secret.as_ref())
    }

    fn describe(description: &mut Description) {
        answers_json::<ClientWithSecretSchema>(
            description,
            201,
            "The new client, and its secret",
            &["ETag", "Location"],
        );
    }
}

impl Answer for RotatedSecret {
    fn respond(self, call: &Call) -> HttpResponse {
        respond(HttpResponse::Ok(), call, &self.client, Some(&self.secret))
    }

    fn describe(description: &mut Description) {
        answers_json::<ClientWithSecretSchema>(description, 200, "The client, and its new secret", &["ETag"]);
    }
}

/// Responds with the client and its secret. The `ETag` is that of the representation without the secret.
fn respond(
    mut response: HttpResponseBuilder,
    call: &Call,
    client: &Shown<Client>,
    secret: Option<&ClientSecret>,
) -> HttpResponse {
    let json = client.json(call);
    response.insert_header((header::ETAG, client.entity_tag(&json))).content_type("application/json");
    let Some(secret) = secret else { return response.body(json) };
    let mut members: Map<String, Value> = serde_json::from_slice(&json).unwrap_or_default();
    members.insert("client_secret".to_owned(), secret.expose().into());
    response.body(serde_json::to_vec(&members).unwrap_or_default())
}

/// The schema of a client with its secret.
#[derive(Serialize)]
struct ClientWithSecretSchema;

impl PartialSchema for ClientWithSecretSchema {
    fn schema() -> RefOr<Schema> {
        let mut schema = ShownSchema::<Client>::schema();
        if let RefOr::T(Schema::Object(object)) = &mut schema {
            let secret = ObjectBuilder::new()
                .schema_type(Type::String)
                .examples(["7qV0dKfh1sY3Jc8mZxR2nTbLwAeGpUo5"])
                .description(Some(
                    "The secret, which is shown only once. Left out for a client without a secret.",
                ));
            object.description = Some("A client, and its new secret.".to_owned());
            object.properties.insert("client_secret".to_owned(), secret.into());
        }
        schema
    }
}

impl ToSchema for ClientWithSecretSchema {
    fn name() -> Cow<'static, str> {
        "ClientWithSecret".into()
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        ShownSchema::<Client>::schemas(schemas);
    }
}
