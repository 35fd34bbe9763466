include!("preamble.rs");

async fn open_door(_: Public) -> Result<NoContent, Problem> {
    Ok(NoContent)
}

async fn read(note: Allowed<Note, Read>) -> Result<Shown<Note>, Problem> {
    Ok(note.into())
}

async fn create(_: Reach<Note, Create>, _: Body<NewNote>) -> Result<NoContent, Problem> {
    Ok(NoContent)
}

async fn update(note: Allowed<Note, Update>, store: Store) -> Result<Shown<Note>, Problem> {
    Ok(store.update(note, |note| note.text.clear()).await?.into())
}

async fn delete(note: Allowed<Note, Delete>, store: Store) -> Result<NoContent, Problem> {
    store.remove(note).await?;
    Ok(NoContent)
}

pub fn endpoints() -> Vec<Endpoint> {
    vec![
        endpoint(Method::GET, "/door", "Open the door", open_door),
        endpoint(Method::POST, "/notes", "Write a note", create),
        endpoint(Method::GET, "/notes/{id}", "Read a note", read),
        endpoint(Method::PATCH, "/notes/{id}", "Change a note", update),
        endpoint(Method::DELETE, "/notes/{id}", "Delete a note", delete),
    ]
}
