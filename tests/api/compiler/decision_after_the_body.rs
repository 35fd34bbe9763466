include!("preamble.rs");

async fn update(_: Body<NewNote>, _: Allowed<Note, Update>) -> Result<NoContent, Problem> {
    Ok(NoContent)
}

pub fn mount() -> Endpoint {
    endpoint(Method::PATCH, "/notes/{id}", "Change a note", update)
}
