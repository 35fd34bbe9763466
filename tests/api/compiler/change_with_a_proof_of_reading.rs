include!("preamble.rs");

async fn update(note: Allowed<Note, Read>, store: Store) -> Result<Shown<Note>, Problem> {
    Ok(store.update(note, |note| note.text.clear()).await?.into())
}
