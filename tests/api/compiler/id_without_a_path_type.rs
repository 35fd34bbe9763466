include!("preamble.rs");

#[derive(Clone, Copy)]
pub struct ShelfNumber(u64);

impl std::fmt::Display for ShelfNumber {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

pub struct Shelf {
    id: ShelfNumber,
}

impl Resource for Shelf {
    type Id = ShelfNumber;
    const NAME: &'static str = "shelf";
    const OWNER: OwnerFrom = OwnerFrom::Nobody;

    fn id(&self) -> ShelfNumber {
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

impl cloakroom::store::Stored for Shelf {
    async fn find(
        lookup: cloakroom::store::Lookup<'_, Self>,
        _: ShelfNumber,
        _: cloakroom::authz::RowFilter,
    ) -> Result<cloakroom::authz::Sealed<Self>, cloakroom::store::StoreError> {
        lookup.record(|_| Ok(None)).await
    }
}

async fn read(_: Allowed<Shelf, Read>) -> Result<NoContent, Problem> {
    Ok(NoContent)
}

pub fn mount() -> Endpoint {
    endpoint(Method::GET, "/shelves/{id}", "Look at a shelf", read)
}
