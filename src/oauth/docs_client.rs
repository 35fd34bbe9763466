//! The client by which the page `/docs` signs people in. The server registers it itself: a public
//! client, which may ask for whatever its user may do, and sends its users back to that page alone.

use chrono::{DateTime, Utc};

use crate::authz::action::{Create, Delete, Read, Update};
use crate::authz::{Allowed, Can, Operator, Refusal, Vocabulary, action::Action};
use crate::domain::{Client, ClientAuthentication, ClientId, ClientMetadata, GrantType};
use crate::store::{Store, StoreError};

/// Registers it, or brings it up to date, or removes it where the page is off: then nobody signs in
/// by it, and the tokens that it had are dead.
///
/// # Errors
/// When the database is away.
pub(crate) async fn keep(
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
        // Another replica that starts at the same time did it.
        Err(StoreError::Taken | StoreError::Changed) => Ok(()),
        done => done,
    }
}

/// What it is registered as, at a server of this issuer.
///
/// # Errors
/// When no user could be sent back to the issuer.
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
    metadata.checked().map_err(|broken| wrong(format!("{broken:?}")))
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
