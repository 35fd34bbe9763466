include!("preamble.rs");

async fn read(_: NoteId) -> Result<NoContent, Problem> {
    Ok(NoContent)
}

pub fn mount() -> Endpoint {
    endpoint(Method::GET, "/notes/{id}", "Read a note", read)
}
