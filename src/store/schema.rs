//! The tables, once for both engines. Private to the store.

use super::types::{Moment, Uid};

diesel::table! {
    use diesel::sql_types::{BigInt, Bool, Nullable, Text};
    use super::{Moment, Uid};

    users (id) {
        id -> Uid,
        email -> Text,
        email_key -> Text,
        email_verified -> Bool,
        status -> Text,
        password_hash -> Nullable<Text>,
        created_at -> Moment,
        updated_at -> Moment,
        last_login_at -> Nullable<Moment>,
        revision -> BigInt,
        epoch -> BigInt,
        epoch_began_at -> Nullable<Moment>,
        profile -> Text,
        profile_revision -> BigInt,
        name_key -> Nullable<Text>,
    }
}

diesel::table! {
    use diesel::sql_types::Text;
    use super::Uid;

    user_roles (user_id, role) {
        user_id -> Uid,
        role -> Text,
    }
}

diesel::table! {
    use diesel::sql_types::{Nullable, Text};
    use super::{Moment, Uid};

    sessions (id) {
        id -> Uid,
        user_id -> Uid,
        device -> Nullable<Text>,
        address -> Nullable<Text>,
        created_at -> Moment,
        last_used_at -> Moment,
        expires_at -> Moment,
    }
}

diesel::table! {
    use diesel::sql_types::{BigInt, Binary, Nullable, Text};
    use super::Moment;

    clients (id) {
        id -> Text,
        name -> Nullable<Text>,
        scope -> Text,
        grants -> Text,
        secret_hash -> Binary,
        epoch -> BigInt,
        created_at -> Moment,
        secret_changed_at -> Moment,
    }
}

diesel::table! {
    use diesel::sql_types::{Binary, Text};
    use super::Moment;

    signing_keys (kid) {
        kid -> Text,
        algorithm -> Text,
        sealed -> Binary,
        public_jwk -> Text,
        created_at -> Moment,
    }
}

diesel::table! {
    use diesel::sql_types::{BigInt, Text};
    use super::Moment;

    revocations (seq) {
        seq -> BigInt,
        kind -> Text,
        subject -> Text,
        epoch -> BigInt,
        until -> Moment,
    }
}

diesel::table! {
    use diesel::sql_types::{BigInt, Nullable, Text};
    use super::{Moment, Uid};

    audit (id) {
        id -> Uid,
        at -> Moment,
        outcome -> Text,
        reason -> Nullable<Text>,
        action -> Text,
        resource -> Text,
        record -> Nullable<Text>,
        owner_id -> Nullable<Uid>,
        actor -> Nullable<Text>,
        client_id -> Nullable<Text>,
        jti -> Nullable<Text>,
        address -> Nullable<Text>,
        request_id -> Nullable<Text>,
        decision_id -> Nullable<Uid>,
        count -> BigInt,
    }
}

diesel::joinable!(user_roles -> users (user_id));
diesel::joinable!(sessions -> users (user_id));
diesel::allow_tables_to_appear_in_same_query!(users, user_roles, sessions);
