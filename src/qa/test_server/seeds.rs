//! Test accounts: users of every kind and clients, with fixed ids and a fixed password.

use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::authz::action::Create;
use crate::authz::{Operator, Reach, Registration};
use crate::domain::{
    Client, ClientAuthentication, ClientId, ClientMetadata, ClientSecret, Clock, Email, GrantType,
    NewPassword, ProfileChange, Role, Status, User, UserId,
};
use crate::hashing::Hasher;
use crate::store::{NewUser, Store, StoreError};

/// Password of all test users.
const PASSWORD: &str = "a passphrase for tests alone";

/// Id that never exists.
const NOBODY: Uuid = Uuid::from_u128(0x0189_0a5d_ac96_774b_8000_0000_0000_ffff);

/// Test accounts of a test server.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Seeds {
    /// The users.
    pub users: Vec<SeedUser>,
    /// The clients.
    pub clients: Vec<SeedClient>,
    /// An id that does not exist.
    pub nobody: Uuid,
}

/// Test user.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct SeedUser {
    /// The id; the same in every test server.
    pub id: Uuid,
    /// The address to log in with.
    pub email: String,
    /// The password to log in with.
    pub password: String,
    /// The roles.
    pub roles: Vec<String>,
    /// `active` or `suspended`.
    pub status: String,
}

/// Test client.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct SeedClient {
    /// The client id.
    pub client_id: String,
    /// The secret. Null for a public client.
    pub client_secret: Option<String>,
    /// The scopes that it may request.
    pub scope: String,
    /// The grant types that it may use.
    pub grant_types: Vec<String>,
    /// The redirect URIs.
    pub redirect_uris: Vec<String>,
}

/// Users: name, further roles, and status.
const USERS: [(&str, &[Role], Status); 5] = [
    ("alice", &[], Status::Active),
    ("bob", &[], Status::Active),
    ("support", &[Role::SUPPORT], Status::Active),
    ("admin", &[Role::ADMIN], Status::Active),
    ("suspended", &[], Status::Suspended),
];

/// Creates the test accounts.
///
/// # Errors
/// When they cannot be stored.
pub(crate) async fn seed(
    store: &Store,
    hasher: &Hasher,
    operator: &Operator,
    clock: &Clock,
) -> Result<Seeds, StoreError> {
    let wrong = |why: &dyn std::fmt::Display| StoreError::Internal(format!("a seed: {why}"));
    let mut users = Vec::new();
    for (number, (name, roles, status)) in (1_u128..).zip(USERS) {
        let email = Email::parse(&format!("{name}@example.com")).map_err(|error| wrong(&error))?;
        let password = NewPassword::parse(PASSWORD, &[]).map_err(|error| wrong(&error))?;
        let hash = hasher.hash(&password).await.map_err(|error| wrong(&error))?;
        let id = UserId(Uuid::from_u128(0x0189_0a5d_ac96_774b_8000_0000_0000_0000 + number));
        let roles = [roles, &[Role::USER]].concat();
        let new = NewUser {
            email,
            password: Some(hash),
            profile: ProfileChange::default(),
            status,
            external_id: None,
        };
        let reach = operator.reach::<User, Create>().map_err(|_| wrong(&"not the operator's"))?;
        let grant = Registration::from(reach).grant(Some(roles)).map_err(|_| wrong(&"above the operator"))?;
        let user = store.create_user_as(id, new, grant).await?;
        users.push(SeedUser {
            id: user.id.0,
            email: user.email.to_string(),
            password: PASSWORD.to_owned(),
            roles: user.roles.iter().map(ToString::to_string).collect(),
            status: user.status.as_str().to_owned(),
        });
    }
    let mut clients = Vec::new();
    for (id, metadata) in self::clients(operator) {
        let secret =
            metadata.authentication.by_secret().then(|| format!("the secret of {id}, for tests alone"));
        let client_id: ClientId = id.parse().map_err(|_| wrong(&"a client's id"))?;
        let metadata = metadata.checked(false).map_err(|_| wrong(&"a client's metadata"))?;
        let described = SeedClient {
            client_id: id.to_owned(),
            client_secret: secret.clone(),
            scope: metadata.scope.join(" "),
            grant_types: metadata.grants.iter().map(ToString::to_string).collect(),
            redirect_uris: metadata.redirect_uris.iter().map(ToString::to_string).collect(),
        };
        let reach: Reach<Client, Create> = operator.reach().map_err(|_| wrong(&"not the operator's"))?;
        let client = reach.make(Client::new(client_id, metadata, clock.now()));
        let client = client.map_err(|_| wrong(&"above the operator"))?;
        let hash = secret.map(|secret| ClientSecret::presented(&secret).hash());
        drop(store.create_client(client, hash).await?);
        clients.push(described);
    }
    Ok(Seeds { users, clients, nobody: NOBODY })
}

/// Returns a client with every scope, one with the scopes of users, and one for the login of users.
fn clients(operator: &Operator) -> [(&'static str, ClientMetadata); 3] {
    let scopes = |of: &dyn Fn(crate::authz::Scope) -> bool| -> Vec<String> {
        operator.scope().iter().filter(|scope| of(*scope)).map(|scope| scope.to_string()).collect()
    };
    let acting = |scope| ClientMetadata {
        scope,
        grants: vec![GrantType::ClientCredentials],
        ..ClientMetadata::unsaid()
    };
    let app = ClientMetadata {
        scope: scopes(&|scope| !scope.reaches_others()),
        grants: vec![GrantType::AuthorizationCode, GrantType::RefreshToken],
        authentication: ClientAuthentication::None,
        redirect_uris: "http://127.0.0.1/callback".parse().into_iter().collect(),
        ..ClientMetadata::unsaid()
    };
    [
        ("everything", acting(scopes(&|scope| !scope.is_identity()))),
        ("own", acting(scopes(&|scope| !scope.is_identity() && !scope.reaches_others()))),
        ("app", app),
    ]
}
