include!("preamble.rs");

use cloakroom::authz::Member;

diesel::table! {
    use diesel::sql_types::*;
    use super::{Moment, Uid};

    slips (id) {
        id -> Uid,
        owner_id -> Uid,
        remark -> Text,
        due_at -> Nullable<Moment>,
        revision -> BigInt,
    }
}

/// A record with a member that its owner may not read.
#[derive(Clone, Queryable, Selectable, Insertable, AsChangeset, serde::Serialize, utoipa::ToSchema)]
#[diesel(table_name = slips)]
#[serde(remote = "Self")]
pub struct Slip {
    pub id: NoteId,
    pub owner_id: UserId,
    pub remark: String,
    pub due_at: Option<Time>,
    #[serde(skip)]
    pub revision: i64,
}

impl Resource for Slip {
    type Id = NoteId;
    const NAME: &'static str = "slip";
    const OWNER: OwnerFrom = OwnerFrom::Record;
    const MEMBERS: &'static [Member] = &[Member::new("remark").read_by::<Slip, Update>()];

    fn id(&self) -> NoteId {
        self.id
    }

    fn owner(&self) -> Option<UserId> {
        Some(self.owner_id)
    }
}

cloakroom::policy! {
    Slip {
        Read:   owner(NOTES_READ);
        Update: owner(NOTES_WRITE);
    }
}

cloakroom::stored! {
    Slip in slips {
        owner: owner_id;
        sort: due_at: Time;
    }
}

async fn read(slip: Allowed<Slip, Read>) -> Result<Shown<Slip>, Problem> {
    Ok(slip.into())
}

pub fn mount() -> Endpoint {
    endpoint(Method::GET, "/slips/{id}", "Look at a slip", read)
}
