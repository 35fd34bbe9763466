//! OAuth client of the page `/docs`. The server registers it by itself. It is a public client that can
//! request every scope, and its only redirect URI is that page.

use chrono::{DateTime, Utc};

use crate::authz::action::Action;
use crate::authz::action::{Create, Delete, Read, Update};
use crate::authz::{Allowed, Can, Operator, Refusal, Vocabulary};
use crate::domain::{Client, ClientAuthentication, ClientId, ClientMetadata, GrantType};
use crate::store::{Store, StoreError};

/// Registers the client, updates it, or removes it when the page is switched off. Removal revokes its
/// tokens.
///
/// # Errors
/// When the database is away.
pub(crate) async fn synchronise(
    store: &Store,
    operator: &Operator,
    wanted: Option<ClientMetadata>,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let known = find::<Read>(store, operator).await?.map(|client| client.metadata.clone());
    let done = match (known, wanted) {
        (None, Some(metadata)) => {
            let client = Client::new(ClientId::docs(), metadata, now);
            let client = operator.reach::<Client, Create>().and_then(|reach| reach.make(client));
            store.create_client(client.map_err(refused)?, None).await.map(drop)
        }
        (Some(known), Some(metadata)) if known != metadata => {
            let Some(client) = find::<Update>(store, operator).await? else { return Ok(()) };
            let next = Client { metadata, ..(*client).clone() };
            store.update_client(client.amend(next).map_err(refused)?).await.map(drop)
        }
        (Some(_), None) => match find::<Delete>(store, operator).await? {
            Some(client) => store.delete_client(client).await,
            None => Ok(()),
        },
        (Some(_), Some(_)) | (None, None) => Ok(()),
    };
    match done {
        // Another replica made the same change while it started.
        Err(StoreError::Taken | StoreError::Changed) => Ok(()),
        done => done,
    }
}

/// Returns the metadata of the client at this issuer.
///
/// # Errors
/// When the issuer gives no valid redirect URI.
pub(crate) fn metadata(issuer: &str, vocabulary: &Vocabulary) -> Result<ClientMetadata, StoreError> {
    let uri = format!("{issuer}/docs/oauth2-redirect.html");
    let wrong = |why: String| StoreError::Internal(format!("the client of /docs: {why}"));
    let metadata = ClientMetadata {
        name: Some("the API documentation".to_owned()),
        scope: vocabulary.scopes().iter().map(ToString::to_string).collect(),
        grants: vec![GrantType::AuthorizationCode, GrantType::RefreshToken],
        authentication: ClientAuthentication::None,
        redirect_uris: vec![uri.parse().map_err(|error| wrong(format!("{error}")))?],
        ..ClientMetadata::unsaid()
    };
    metadata.checked(false).map_err(|broken| wrong(format!("{broken:?}")))
}

async fn find<A: Action>(store: &Store, operator: &Operator) -> Result<Option<Allowed<Client, A>>, StoreError>
where
    Client: Can<A>,
{
    let reach = operator.reach::<Client, A>().map_err(refused)?;
    let sealed = store.find(ClientId::docs(), reach.lookup_filter()).await?;
    Ok(operator.open(sealed).ok())
}

fn refused(refusal: Refusal) -> StoreError {
    StoreError::Internal(format!("the client of /docs: {}", refusal.reason))
}
