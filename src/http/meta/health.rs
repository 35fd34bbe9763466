//! Health, and the OpenAPI document.

use std::sync::Arc;

use actix_web::web::Bytes;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::http::kit::{Code, Json, Problem, Public, Published, Services};
use crate::http::meta::openapi::document;

/// The state of the server.
#[derive(Serialize, ToSchema)]
pub struct Health {
    /// Always `ok`.
    #[schema(value_type = String, examples("ok"))]
    status: &'static str,
}

/// `GET /health/live`: the process runs. Nothing else is checked.
pub async fn live(_: Public) -> Result<Json<Health>, Problem> {
    Ok(Json(Health { status: "ok" }))
}

/// `GET /health/ready`: the database responds too, and the server is not shutting down.
pub async fn ready(_: Public, services: Arc<Services>) -> Result<Json<Health>, Problem> {
    if services.shutdown.is_set() {
        return Err(Problem::new(Code::Stopping));
    }
    services.store.ping().await?;
    Ok(Json(Health { status: "ok" }))
}

/// An OpenAPI 3.1 document.
#[derive(ToSchema)]
#[schema(as = OpenApi)]
#[expect(dead_code, reason = "its members are the document's documentation")]
pub struct OpenApiDocument {
    /// Always `3.1.0`.
    #[schema(examples("3.1.0"))]
    openapi: String,
    /// The title and the version.
    #[schema(value_type = Object, examples(json!({ "title": "cloakroom", "version": "1.0.0" })))]
    info: Value,
    /// The operations, by path and method.
    #[schema(value_type = Object, examples(json!({})))]
    paths: Value,
}

/// The document's bytes, made at its first request.
struct OpenApiBytes(Bytes);

/// `GET /openapi.json`
pub async fn openapi(_: Public, services: Arc<Services>) -> Result<Published<OpenApiDocument>, Problem> {
    let document = services.extensions.get_or_insert_with(|| {
        let Services { name, routes, vocabulary, issuer_url, .. } = &*services;
        OpenApiBytes(document(name, routes.all(), vocabulary, issuer_url).to_string().into())
    });
    Ok(Published::from_bytes(document.0.clone(), "public, max-age=300"))
}
