//! The subject of a new token: a user or a client of this machine's server, or one that is only named.

use serde_json::Value;

use super::super::account::AccountRef;
use super::super::context::Context;
use super::super::output::Failure;
use crate::authz::action::Read;
use crate::authz::{Actor, AuditEvent, Outcome, ScopeSet};
use crate::domain::{ClientId, Role, Status, User, UserId};
use crate::store::{OneTimeJwts, TokenOwner, TrustedStore};
use crate::token::{DecodedToken, IssueTo, Keys, TokenDefect, numeric_date};

/// Subject of a token, with the scopes that can be granted.
pub(super) struct For {
    pub(super) issue_to: IssueTo,
    pub(super) client_id: String,
    pub(super) most: ScopeSet,
}

/// A user that is not looked up: enough for a test token.
pub(super) fn unknown_user(context: &Context, user: &str) -> Result<For, Failure> {
    let now = context.clock_and_random.clock.now();
    let id = match user.parse() {
        Ok(id) => id,
        Err(_) => UserId(context.clock_and_random.random.uuid_at(now)?),
    };
    let roles = vec![Role::USER];
    let most = context.vocabulary().granted_by(&roles);
    let issue_to = IssueTo::User { id, roles, epoch: 1, client_epoch: None, auth_time: now };
    Ok(For { issue_to, client_id: ClientId::FIRST_PARTY.to_owned(), most })
}

pub(super) fn forged_client(client: &str) -> For {
    let issue_to = IssueTo::Client { id: client.to_owned(), epoch: 1 };
    For { issue_to, client_id: client.to_owned(), most: ScopeSet::default() }
}

/// Store and signing keys of the server with this configuration.
pub(super) struct Server {
    pub(super) store: TrustedStore,
    pub(super) keys: Keys,
}

impl Server {
    pub(super) async fn open(context: &Context) -> Result<Self, Failure> {
        let store = context.store()?;
        let keys = context.signing_keys(&store).await?;
        Ok(Self { store, keys })
    }

    pub(super) async fn user(
        &self,
        context: &Context,
        user: &str,
        client: Option<&str>,
    ) -> Result<For, Failure> {
        let named = AccountRef::parse(user).map_err(|why| Failure::new(format!("{user:?} {why}")))?;
        let id = named.id(&self.store).await?;
        let operator = context.operator();
        let filter = operator.reach::<User, Read>()?.lookup_filter();
        let found = self.store.find(id, filter).await?;
        let user = operator.open::<User, Read>(found).map_err(|_| named.missing())?.into_record();
        if user.status != Status::Active {
            return Err(Failure::new(format!("{named} is suspended: no token of this user is valid")));
        }
        let most = context.vocabulary().granted_by(&user.roles);
        let auth_time = context.clock_and_random.clock.now();
        let (roles, epoch) = (user.roles, user.epoch);
        let issue_to = IssueTo::User { id, roles, epoch, client_epoch: None, auth_time };
        Ok(For { issue_to, client_id: client.unwrap_or(ClientId::FIRST_PARTY).to_owned(), most })
    }

    pub(super) async fn client(&self, context: &Context, client: &str) -> Result<For, Failure> {
        let missing = || Failure::new(format!("there is no client {client}; see cloakroom clients list"));
        let id: ClientId = client.parse().map_err(|_| missing())?;
        let known = self.store.client_by_id(id).await?.ok_or_else(missing)?;
        let most = context.vocabulary().scopes_in(&known.client.scope.join(" "));
        Ok(For {
            issue_to: IssueTo::Client { id: client.to_owned(), epoch: known.epoch },
            client_id: client.to_owned(),
            most,
        })
    }

    /// Records in the audit trail that the operator created the token, and revokes a token with that defect.
    pub(super) async fn write_down(
        &self,
        context: &Context,
        token: &str,
        defect: Option<TokenDefect>,
    ) -> Result<(), Failure> {
        let claims = DecodedToken::decode(token).claims.unwrap_or_default();
        let text = |name: &str| claims.get(name).and_then(Value::as_str);
        let (jti, owner) = (text("jti").map(str::to_owned), text("sub").and_then(|sub| sub.parse().ok()));
        let by = Actor::Caller((*context.operator()).clone());
        let minted = AuditEvent {
            by: by.clone(),
            action: "mint",
            resource: "token",
            record: jti.clone(),
            owner,
            outcome: Outcome::Done,
        };
        let entry = self.store.entry(&minted, None).map_err(Failure::from)?;
        self.store.append_entries(vec![entry]).await?;
        if let (Some(TokenDefect::Revoked), Some(jti)) = (defect, jti) {
            let subject = text("sub").unwrap_or_default();
            let of_client = || TokenOwner::Client(subject.to_owned());
            let expires_at = claims.get("exp").and_then(numeric_date);
            let expires_at = expires_at.unwrap_or_else(|| context.clock_and_random.clock.now());
            let owner = owner.map_or_else(of_client, TokenOwner::User);
            let unsent = OneTimeJwts::default();
            self.store.revoke_token(jti, owner, expires_at, by, unsent).await?;
        }
        Ok(())
    }
}
