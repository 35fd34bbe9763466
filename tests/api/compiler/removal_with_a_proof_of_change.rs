include!("preamble.rs");

async fn delete(note: Allowed<Note, Update>, store: Store) -> Result<NoContent, Problem> {
    store.remove(note).await?;
    Ok(NoContent)
}
