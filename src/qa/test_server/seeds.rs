//! Test accounts: users of every kind and clients, with fixed ids and a fixed password, and those of a seed file.

use std::sync::Arc;

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

use super::seed_error::{SeedError, wrong};
use super::seed_file::SeedFile;
use crate::authz::action::Create;
use crate::authz::{Operator, Reach, Registration};
use crate::domain::{
    Client, ClientAuthentication, ClientId, ClientMetadata, ClientSecret, ClockAndRandom, Email, GrantType,
    NewPassword, ProfileChange, Role, Status, User, UserId,
};
use crate::hashing::Hasher;
use crate::http::{Line, LinePassword};
use crate::store::{ImportOutcome, ImportedUser, NewUser, TrustedStore};

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
    /// The records of the seed file.
    pub records: Vec<SeedRecord>,
    /// An id that does not exist.
    pub nobody: Uuid,
}

/// Record of a seed file.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct SeedRecord {
    /// Its path.
    pub path: String,
    /// The user or the client that created it.
    #[serde(rename = "as")]
    #[schema(rename = "as")]
    pub by: String,
    /// The answer to the request that created it.
    pub record: Value,
}

/// Test user.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct SeedUser {
    /// The id; the same in every test server.
    pub id: Uuid,
    /// The address to log in with.
    pub email: String,
    /// The password to log in with. Null when the seed file has a hash or none.
    pub password: Option<String>,
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

/// Makes the test accounts of a new test server.
pub(super) struct Seeder<'a> {
    pub(super) store: &'a TrustedStore,
    pub(super) hasher: &'a Hasher,
    pub(super) operator: &'a Operator,
    pub(super) clock_and_random: &'a ClockAndRandom,
}

impl Seeder<'_> {
    /// Creates the accounts of the file, and those test accounts whose id, address or client id it does not have.
    ///
    /// # Errors
    /// When two accounts of the file collide, or they cannot be stored.
    pub(super) async fn seed(&self, file: SeedFile) -> Result<Seeds, SeedError> {
        let (mut users, mut clients) = (Vec::new(), Vec::new());
        for (number, (name, roles, status)) in (1_u128..).zip(USERS) {
            let id = UserId(Uuid::from_u128(0x0189_0a5d_ac96_774b_8000_0000_0000_0000 + number));
            let email = Email::parse(&format!("{name}@example.com")).map_err(|error| wrong(&error))?;
            let is_replaced = |line: &Line| line.id == Some(id) || line.email.key() == email.key();
            if file.users.iter().any(|(line, _)| is_replaced(line)) {
                continue;
            }
            users.push(self.user(id, email, [roles, &[Role::USER]].concat(), status).await?);
        }
        for (id, metadata) in self::clients(self.operator) {
            let id: ClientId = id.parse().map_err(|_| wrong(&"a client's id"))?;
            if file.clients.iter().any(|client| client.id == id) {
                continue;
            }
            let secret =
                metadata.authentication.by_secret().then(|| format!("the secret of {id}, for tests alone"));
            let metadata = metadata.checked(false).map_err(|_| wrong(&"a client's metadata"))?;
            clients.push(self.client(id, metadata, secret).await?);
        }
        for (number, (line, password)) in file.users.into_iter().enumerate() {
            users.push(self.line(number, line, password).await?);
        }
        for client in file.clients {
            let by_secret = client.metadata.authentication.by_secret();
            let usual = || format!("the secret of {}, for tests alone", client.id);
            let secret = by_secret.then(|| client.secret.unwrap_or_else(usual));
            clients.push(self.client(client.id, client.metadata, secret).await?);
        }
        Ok(Seeds { users, clients, records: Vec::new(), nobody: NOBODY })
    }

    async fn user(
        &self,
        id: UserId,
        email: Email,
        roles: Vec<Role>,
        status: Status,
    ) -> Result<SeedUser, SeedError> {
        let password = NewPassword::parse(PASSWORD, &[]).map_err(|error| wrong(&error))?;
        let hash = self.hasher.hash(&password).await.map_err(|error| wrong(&error))?;
        let profile = ProfileChange::default();
        let new = NewUser { email, password: Some(hash), profile, status, external_id: None };
        let reach = self.operator.reach::<User, Create>().map_err(|_| wrong(&"not the operator's"))?;
        let grant = Registration::from(reach).grant(Some(roles)).map_err(|_| wrong(&"above the operator"))?;
        let user = self.store.create_user_as(id, new, grant).await?;
        Ok(SeedUser {
            id: user.id.0,
            email: user.email.to_string(),
            password: Some(PASSWORD.to_owned()),
            roles: user.roles.iter().map(ToString::to_string).collect(),
            status: user.status.as_str().to_owned(),
        })
    }

    /// Creates a user of the file.
    async fn line(&self, number: usize, line: Line, password: Option<String>) -> Result<SeedUser, SeedError> {
        let ClockAndRandom { clock, random } = self.clock_and_random;
        let id = match line.id {
            Some(id) => id,
            None => UserId(random.uuid_at(clock.now()).map_err(|error| wrong(&error))?),
        };
        let reach = self.operator.reach::<User, Create>().map_err(|_| wrong(&"not the operator's"))?;
        let grant = Registration::from(reach).grant(line.roles).map_err(|_| wrong(&"above the operator"))?;
        let hash = match line.password {
            Some(LinePassword::Chosen(chosen)) => {
                Some(self.hasher.hash(&chosen).await.map_err(|error| wrong(&error))?)
            }
            Some(LinePassword::Hashed(hash)) => {
                Some(self.hasher.stored(hash).await.map_err(|error| wrong(&error))?)
            }
            None => None,
        };
        let made = SeedUser {
            id: id.0,
            email: line.email.to_string(),
            password,
            roles: grant.roles().iter().map(ToString::to_string).collect(),
            status: line.status.as_str().to_owned(),
        };
        let (email, profile, status) = (line.email, line.profile, line.status);
        let imported = ImportedUser {
            id: Some(id),
            new: NewUser { email, password: hash, profile, status, external_id: line.external_id },
            email_verified: line.email_verified,
            created_at: line.created_at,
            updated_at: line.updated_at,
            last_login_at: line.last_login_at,
            grant,
        };
        let outcomes = self.store.import_users(vec![Arc::new(imported)]).await?;
        if outcomes.contains(&ImportOutcome::Exists) {
            let rule = "has the id, the address or the external id of an earlier user";
            return Err(SeedError::File(vec![format!("/users/{number} {rule}")]));
        }
        Ok(made)
    }

    async fn client(
        &self,
        id: ClientId,
        metadata: ClientMetadata,
        secret: Option<String>,
    ) -> Result<SeedClient, SeedError> {
        let described = SeedClient {
            client_id: id.to_string(),
            client_secret: secret.clone(),
            scope: metadata.scope.join(" "),
            grant_types: metadata.grants.iter().map(ToString::to_string).collect(),
            redirect_uris: metadata.redirect_uris.iter().map(ToString::to_string).collect(),
        };
        let reach: Reach<Client, Create> = self.operator.reach().map_err(|_| wrong(&"not the operator's"))?;
        let client = reach.make(Client::new(id, metadata, self.clock_and_random.clock.now()));
        let client = client.map_err(|_| wrong(&"above the operator"))?;
        let hash = secret.map(|secret| ClientSecret::presented(&secret).hash());
        drop(self.store.create_client(client, hash).await?);
        Ok(described)
    }
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
