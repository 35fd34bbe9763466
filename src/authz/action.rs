//! What can be done to a record: one type each, so that a proof says which.

/// Something that can be done to a record. Declared with [`actions!`](crate::actions).
pub trait Action: 'static {
    /// The name by which `_actions`, the matrix and the log know it.
    const NAME: &'static str;
    /// Whether it changes anything: then it is never done by `GET`, and always written down.
    const CHANGES: bool = false;
}

/// An action that changes something: what the functions of the store that write ask for.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is an action that only reads: no change can be made with its proof",
    label = "take the proof of an action that changes, such as `Allowed<_, Update>`",
    note = "an action of your own that changes something says so: `actions! {{ Publish = \"publish\", changes; }}`"
)]
pub trait Changing: Action {}

/// Declares actions, each a type of its own. One that changes something says `changes`.
///
/// ```
/// cloakroom::actions! {
///     /// Let somebody else read or edit it.
///     pub Share = "share", changes;
///     /// See with whom it is shared.
///     pub ListShares = "list_shares";
/// }
/// use cloakroom::authz::action::Action;
/// assert!(Share::CHANGES && !ListShares::CHANGES);
/// ```
#[macro_export]
macro_rules! actions {
    ($($(#[$meaning:meta])* $visibility:vis $action:ident = $name:literal $(, $changes:ident)?;)*) => {
        $(
            $(#[$meaning])*
            #[derive(Debug)]
            $visibility enum $action {}
            $crate::actions!(@ $action $name $($changes)?);
        )*
    };
    (@ $action:ident $name:literal) => {
        impl $crate::authz::action::Action for $action {
            const NAME: &'static str = $name;
        }
    };
    (@ $action:ident $name:literal changes) => {
        impl $crate::authz::action::Action for $action {
            const NAME: &'static str = $name;
            const CHANGES: bool = true;
        }
        impl $crate::authz::action::Changing for $action {}
    };
}

crate::actions! {
    /// Make a record of the kind.
    pub Create = "create", changes;
    /// List records of the kind.
    pub List = "list";
    /// Read the record.
    pub Read = "read";
    /// Change the record's members.
    pub Update = "update", changes;
    /// Remove the record.
    pub Delete = "delete", changes;
    /// Give a client another secret.
    pub RotateSecret = "rotate_secret", changes;
    /// Say why a decision is what it is.
    pub Explain = "explain";
    /// Replace a user's password.
    pub SetPassword = "set_password", changes;
    /// Prove one's own password.
    pub ProvePassword = "prove_password";
    /// Say whether a user's address is theirs.
    pub VerifyEmail = "verify_email", changes;
    /// Replace a user's roles.
    pub SetRoles = "set_roles", changes;
    /// Suspend or activate a user.
    pub SetStatus = "set_status", changes;
    /// List a user's sessions.
    pub ListSessions = "list_sessions";
    /// End a user's sessions.
    pub EndSessions = "end_sessions", changes;
    /// See what a user let clients do.
    pub ListConsents = "list_consents";
    /// Tell a client who the user is.
    pub ReadClaims = "read_claims";
    /// Make the key that takes over.
    pub Rotate = "rotate", changes;
    /// Take a key out of service, and with it all that it signed.
    pub Retire = "retire", changes;
    /// Read who did, or was refused, what on a user's records.
    pub ReadAudit = "read_audit";
}
