include!("preamble.rs");

pub struct Shelf;

async fn read(_: Allowed<Shelf, Read>) -> Result<NoContent, Problem> {
    Ok(NoContent)
}

pub fn mount() -> Endpoint {
    endpoint(Method::GET, "/shelves/{id}", "Look at a shelf", read)
}
