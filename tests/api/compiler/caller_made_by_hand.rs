include!("preamble.rs");

use cloakroom::authz::{Caller, ScopeSet, Subject, TokenId, Vocabulary};

fn pretend(id: UserId, everything: ScopeSet) -> Caller {
    let subject = Subject::User { id, roles: vec![] };
    Caller::verified(Vocabulary::default().into(), subject, everything, todo!(), TokenId::default(), todo!())
}
