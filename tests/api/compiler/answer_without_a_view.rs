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

async fn read(_: Public) -> Result<Shown<Shelf>, Problem> {
    Err(Problem::new(cloakroom::http::Code::NotFound))
}

pub fn mount() -> Endpoint {
    endpoint(Method::GET, "/shelf", "Look at the shelf", read)
}
