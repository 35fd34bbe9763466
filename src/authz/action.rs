//! Actions on a record. Each is a type of its own, so that a proof names its action.

/// Action on a record. Declared with [`actions!`](crate::actions).
pub trait Action: 'static {
    /// Name in `_actions`, the matrix and the log.
    const NAME: &'static str;
    /// Set when the action changes the record. Such an action is never a `GET` and always audited.
    const CHANGES: bool = false;
}

/// Action that changes the record. The store's writing functions require one.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is an action that only reads; its proof does not permit a change",
    label = "take the proof of an action that changes, such as `Allowed<_, Update>`",
    note = "declare your own changing action with `changes`: `actions! {{ Publish = \"publish\", changes; }}`"
)]
pub trait Changing: Action {}

/// Declares actions, each as a type of its own. `changes` marks an action that changes the record.
///
/// ```
/// cloakroom::actions! {
///     /// Let another user read or edit it.
///     pub Share = "share", changes;
///     /// List the users with whom it is shared.
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
    /// Create a record.
    pub Create = "create", changes;
    /// List records.
    pub List = "list";
    /// Read the record.
    pub Read = "read";
    /// Change the record.
    pub Update = "update", changes;
    /// Delete the record.
    pub Delete = "delete", changes;
    /// Add a new secret to a client.
    pub RotateSecret = "rotate_secret", changes;
    /// Explain a decision.
    pub Explain = "explain";
    /// Evaluate whether a subject may do an action (AuthZEN).
    pub Evaluate = "evaluate";
    /// Replace a user's password.
    pub SetPassword = "set_password", changes;
    /// Prove knowledge of one's own password.
    pub ProvePassword = "prove_password";
    /// Set whether a user's e-mail address is verified.
    pub VerifyEmail = "verify_email", changes;
    /// Set a user's id in another system.
    pub SetExternalId = "set_external_id", changes;
    /// Send a user the mail that proves the address.
    pub SendVerification = "send_verification", changes;
    /// Invite a user to set the first password.
    pub Invite = "invite", changes;
    /// Replace a user's roles.
    pub SetRoles = "set_roles", changes;
    /// Suspend or activate a user.
    pub SetStatus = "set_status", changes;
    /// List a user's sessions.
    pub ListSessions = "list_sessions";
    /// End a user's sessions.
    pub EndSessions = "end_sessions", changes;
    /// List a user's consents to clients.
    pub ListConsents = "list_consents";
    /// Read a user's claims (OpenID Connect).
    pub ReadClaims = "read_claims";
    /// Create the next signing key.
    pub Rotate = "rotate", changes;
    /// Take a key out of service; every token that it signed becomes invalid.
    pub Retire = "retire", changes;
    /// Read the audit trail of a user's records.
    pub ReadAudit = "read_audit";
}
