//! `/users/{id}/grants`: the consents of a user.

use std::sync::Arc;

use serde::Serialize;
use utoipa::ToSchema;

use crate::authz::action::{Delete, ListConsents};
use crate::authz::{Allowed, Vocabulary};
use crate::domain::{Consent, User, format_time};
use crate::http::kit::{IfMatch, NoContent, Page, Paging, Problem};
use crate::store::Store;

/// A user's consent for an application.
#[derive(Serialize, ToSchema)]
#[schema(as = Grant)]
pub struct GrantView {
    /// The application's `client_id`.
    #[schema(examples("photos"))]
    client_id: String,
    /// The application's name.
    #[schema(required = true, examples("Ada's Photos"))]
    name: Option<String>,
    /// The granted scopes.
    #[schema(examples("openid profiles:read"))]
    scope: String,
    /// The granted scopes in words.
    #[schema(examples("Read your profile"))]
    allows: Vec<&'static str>,
    /// The time of the first consent.
    #[schema(format = "date-time")]
    created_at: String,
    /// The time of the last consent.
    #[schema(format = "date-time")]
    updated_at: String,
}

impl GrantView {
    fn of(consent: Consent, vocabulary: &Vocabulary) -> Self {
        let scope = vocabulary.scopes_in(&consent.scope.join(" "));
        Self {
            client_id: consent.client_id.to_string(),
            name: consent.client_name,
            allows: scope.iter().map(|scope| scope.meaning()).collect(),
            scope: scope.to_string(),
            created_at: format_time(consent.created_at),
            updated_at: format_time(consent.updated_at),
        }
    }
}

/// `GET /users/{id}/grants`
pub async fn list(
    user: Allowed<User, ListConsents>,
    paging: Paging,
    vocabulary: Arc<Vocabulary>,
    store: Store,
) -> Result<Page<GrantView>, Problem> {
    let list = format!("grants {}", user.id);
    let page = store.consents(&user, paging.keyset(&list)?).await?;
    let view = |consent| GrantView::of(consent, &vocabulary);
    Ok(Page { items: page.items.into_iter().map(view).collect(), next: paging.cursor(&list, page.next) })
}

/// `DELETE /users/{id}/grants/{client_id}`
pub async fn withdraw(
    consent: Allowed<Consent, Delete>,
    if_match: IfMatch,
    store: Store,
) -> Result<NoContent, Problem> {
    if_match.check_existing()?;
    store.withdraw_consent(consent).await?;
    Ok(NoContent)
}
