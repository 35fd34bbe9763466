include!("preamble.rs");

async fn publish(_: Reach<Note, Publish>) -> Result<NoContent, Problem> {
    Ok(NoContent)
}

pub fn mount() -> Endpoint {
    endpoint(Method::PUT, "/notes/publication", "Publish all notes", publish)
}
