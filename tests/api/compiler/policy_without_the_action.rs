include!("preamble.rs");

async fn publish(note: Allowed<Note, Publish>) -> Result<Shown<Note>, Problem> {
    Ok(note.into())
}

pub fn mount() -> Endpoint {
    endpoint(Method::PUT, "/notes/{id}/publication", "Publish a note", publish)
}
