include!("preamble.rs");

pub struct Shelf {
    id: u64,
}

impl Resource for Shelf {
    type Id = u64;
    const NAME: &'static str = "shelf";
    const OWNER: OwnerFrom = OwnerFrom::Record;

    fn id(&self) -> u64 {
        self.id
    }
}
