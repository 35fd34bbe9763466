//! File of `serve --test --seed`: users, clients and records of one's own.

use serde_json::{Map, Value};

use super::seed_error::SeedError;
use crate::authz::Vocabulary;
use crate::domain::{ClientId, ClientMetadata, Invalid};
use crate::hashing::Hasher;
use crate::http::{BrokenRule, Line, Members, NewClientBody, checked_client};

/// Content of a seed file, by the rules of `cloakroom users import` and `POST /clients`.
#[derive(Default)]
pub(super) struct SeedFile {
    /// The users, each with its password as written.
    pub(super) users: Vec<(Line, Option<String>)>,
    pub(super) clients: Vec<FileClient>,
}

/// Client of a seed file.
pub(super) struct FileClient {
    pub(super) id: ClientId,
    pub(super) metadata: ClientMetadata,
    /// Its secret. None for the usual one.
    pub(super) secret: Option<String>,
}

impl SeedFile {
    /// Reads a seed file. `records` is left to the program that sends them to the server.
    ///
    /// # Errors
    /// Every broken rule, with a pointer to its place.
    pub(super) fn read(
        object: &Map<String, Value>,
        vocabulary: &Vocabulary,
        hasher: &Hasher,
    ) -> Result<Self, SeedError> {
        let mut file = Members::of(object.clone(), "");
        let (mut read, mut broken) = (Self::default(), Vec::new());
        for mut user in objects(&mut file, "users") {
            let password = user.peek_text("password").map(str::to_owned);
            let line = Line::read_members(&mut user, vocabulary, hasher, None);
            read.users.extend(line.map(|line| (line, password)));
            broken.extend(user.finish());
        }
        for mut client in objects(&mut file, "clients") {
            read.clients.extend(file_client(&mut client, vocabulary));
            broken.extend(client.finish());
        }
        let _ = file.json("records", |_| Ok(()));
        broken.extend(file.finish());
        let message = |rule: &BrokenRule| format!("{} {}", rule.pointer, rule.detail);
        match broken.is_empty() {
            true => Ok(read),
            false => Err(SeedError::File(broken.iter().map(message).collect())),
        }
    }
}

fn file_client(client: &mut Members, vocabulary: &Vocabulary) -> Option<FileClient> {
    let any = |text: &str| match text.is_empty() {
        false => Ok(text.to_owned()),
        true => Err(Invalid::new("required", "must not be empty")),
    };
    let secret = client.text("client_secret", any).value();
    let new = NewClientBody::read(client, vocabulary)?;
    let id = new.client_id.clone();
    if id.is_none() && !client.is_broken("client_id") {
        client.required("client_id");
    }
    let metadata = checked_client(client, new.into_metadata(), vocabulary)?;
    if secret.is_some() && !metadata.authentication.by_secret() {
        client.broken("client_secret", Invalid::new("unknown", "is not used by this authentication method"));
    }
    Some(FileClient { id: id?, metadata, secret })
}

/// Returns the objects of an array, which may be left out.
fn objects(members: &mut Members, name: &str) -> Vec<Members> {
    let objects = members.json(name, |value| {
        let items = value.as_array().map(|items| items.iter().map(|item| item.as_object().cloned()));
        let objects: Option<Vec<Map<String, Value>>> = items.and_then(Iterator::collect);
        objects.ok_or_else(|| Invalid::new("wrong-type", "must be an array of objects"))
    });
    let objects = objects.value().unwrap_or_default().into_iter().enumerate();
    objects.map(|(index, object)| Members::of(object, &format!("/{name}/{index}"))).collect()
}
