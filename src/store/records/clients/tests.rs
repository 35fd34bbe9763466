//! Authorization of a client that has changed since.

use std::sync::Arc;

use actix_web::rt::System;

use super::*;
use crate::authz::action::Action;
use crate::authz::{Can, Operator};
use crate::domain::{ClientMetadata, ClientSecret, Random};

#[expect(clippy::disallowed_methods, reason = "this test acts as the operator")]
fn operator() -> Operator {
    Operator::at_the_command_line(Arc::default())
}

async fn decided<A: Action>(store: &Store) -> Allowed<Client, A>
where
    Client: Can<A>,
{
    let operator = operator();
    let filter = operator.reach::<Client, A>().unwrap().lookup_filter();
    operator.open(store.find("reports".parse().unwrap(), filter).await.unwrap()).unwrap()
}

fn hash() -> SecretHash {
    ClientSecret::generate(&Random::system()).unwrap().hash()
}

#[test]
fn refuses_a_decision_about_a_client_that_has_changed() {
    let dir = tempfile::tempdir().unwrap();
    System::new().block_on(async {
        let store = TrustedStore::for_test(dir.path());
        let scope = |name: &str| ClientMetadata { scope: vec![name.to_owned()], ..ClientMetadata::unsaid() };
        let client = Client::new("reports".parse().unwrap(), scope("users:read"), DateTime::UNIX_EPOCH);
        let new = operator().reach::<Client, Create>().unwrap().make(client.clone()).unwrap();
        drop(store.create_client(new, Some(hash())).await.unwrap());

        let (rotation, deletion, change) = (
            decided::<RotateSecret>(&store).await,
            decided::<Delete>(&store).await,
            decided::<Update>(&store).await,
        );
        let stronger = decided::<Update>(&store).await;
        let stronger = stronger.amend(Client { metadata: scope("users:delete:any"), ..client.clone() });
        drop(store.update_client(stronger.unwrap()).await.unwrap());

        let until = DateTime::UNIX_EPOCH;
        let rotated = store.add_client_secret(rotation, hash(), until).await.map(drop);
        assert!(matches!(rotated, Err(StoreError::Changed)));
        let deleted = store.delete_client(deletion).await;
        assert!(matches!(deleted, Err(StoreError::Changed)));
        let changed = store.update_client(change.amend(client).unwrap()).await.map(drop);
        assert!(matches!(changed, Err(StoreError::Changed)));

        let now = decided::<RotateSecret>(&store).await;
        assert_eq!((now.secrets.len(), now.scope.as_slice()), (1, &["users:delete:any".to_owned()][..]));
        drop(store.add_client_secret(now, hash(), until).await.unwrap());
        store.delete_client(decided::<Delete>(&store).await).await.unwrap();
    });
}
