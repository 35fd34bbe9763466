include!("preamble.rs");

async fn read(_: Allowed<Note, Read>, _: Allowed<Note, Update>) -> Result<NoContent, Problem> {
    Ok(NoContent)
}

pub fn mount() -> Endpoint {
    endpoint(Method::GET, "/notes/{id}", "Read a note", read)
}
