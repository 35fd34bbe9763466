include!("preamble.rs");

pub struct Shelf {
    id: NoteId,
}

impl Resource for Shelf {
    type Id = NoteId;
    const NAME: &'static str = "shelf";
    const OWNER: OwnerFrom = OwnerFrom::Nobody;

    fn id(&self) -> NoteId {
        self.id
    }

    fn owner(&self) -> Option<UserId> {
        None
    }
}

cloakroom::policy! {
    Shelf {
        Read: anyone(NOTES_READ);
    }
}

async fn read(_: Allowed<Shelf, Read>) -> Result<NoContent, Problem> {
    Ok(NoContent)
}

pub fn mount() -> Endpoint {
    endpoint(Method::GET, "/shelves/{id}", "Look at a shelf", read)
}
