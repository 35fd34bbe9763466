include!("preamble.rs");

async fn empty_the_wardrobe(store: Store) -> Result<NoContent, Problem> {
    Ok(NoContent)
}

pub fn mount() -> Endpoint {
    endpoint(Method::DELETE, "/notes", "Delete all notes", empty_the_wardrobe)
}
