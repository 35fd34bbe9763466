//! What can be done to a record: one type each, so that a proof says which.

/// Something that can be done to a record.
pub trait Action: 'static {
    /// The name by which `_actions`, the matrix and the log know it.
    const NAME: &'static str;
}

macro_rules! actions {
    ($($(#[$meaning:meta])* $action:ident = $name:literal;)*) => {
        $(
            $(#[$meaning])*
            #[derive(Debug)]
            pub enum $action {}
            impl Action for $action {
                const NAME: &'static str = $name;
            }
        )*
    };
}

actions! {
    /// Make a record of the kind.
    Create = "create";
    /// List records of the kind.
    List = "list";
    /// Read the record.
    Read = "read";
    /// Change the record's members.
    Update = "update";
    /// Remove the record.
    Delete = "delete";
    /// Replace a user's password.
    SetPassword = "set_password";
    /// Replace a user's roles.
    SetRoles = "set_roles";
    /// Suspend or activate a user.
    SetStatus = "set_status";
    /// List a user's sessions.
    ListSessions = "list_sessions";
    /// End a user's sessions.
    EndSessions = "end_sessions";
}
