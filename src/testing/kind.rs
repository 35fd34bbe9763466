//! The kinds of callers.

/// A kind of caller, as seen from the record's owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Nobody,
    BadSignature,
    Expired,
    WithoutTheScope,
    Owner,
    AnotherUser,
    UserWithAny,
    ClientWithAny,
    ClientNamedLikeTheOwner,
    OwnerSuspended,
}

impl Kind {
    pub(super) const ALL: [Kind; 10] = [
        Kind::Nobody,
        Kind::BadSignature,
        Kind::Expired,
        Kind::WithoutTheScope,
        Kind::Owner,
        Kind::AnotherUser,
        Kind::UserWithAny,
        Kind::ClientWithAny,
        Kind::ClientNamedLikeTheOwner,
        Kind::OwnerSuspended,
    ];

    /// The heading of its column.
    pub(super) fn name(self) -> &'static str {
        match self {
            Kind::Nobody => "nobody",
            Kind::BadSignature => "bad signature",
            Kind::Expired => "expired",
            Kind::WithoutTheScope => "without the scope",
            Kind::Owner => "the owner",
            Kind::AnotherUser => "another user",
            Kind::UserWithAny => "a user with `:any`",
            Kind::ClientWithAny => "a client with `:any`",
            Kind::ClientNamedLikeTheOwner => "a client named like the owner",
            Kind::OwnerSuspended => "the owner, suspended",
        }
    }
}
