//! The tables, once for both engines. Private to the store.

use crate::store::{Moment, Uid};

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
        external_id -> Nullable<Text>,
        pending_email -> Nullable<Text>,
    }
}

diesel::table! {
    use diesel::sql_types::Text;
    use super::{Moment, Uid};

    user_roles (user_id, role) {
        user_id -> Uid,
        role -> Text,
        created_at -> Moment,
        email_key -> Text,
    }
}

diesel::table! {
    use diesel::sql_types::Text;
    use super::Uid;

    user_search_terms (user_id, term) {
        user_id -> Uid,
        term -> Text,
    }
}

diesel::table! {
    use diesel::sql_types::{BigInt, Binary, Bool, Nullable, Text};
    use super::{Moment, Uid};

    sessions (id) {
        id -> Uid,
        user_id -> Uid,
        device -> Nullable<Text>,
        address -> Nullable<Text>,
        created_at -> Moment,
        last_used_at -> Moment,
        expires_at -> Moment,
        client_id -> Nullable<Text>,
        parent_id -> Nullable<Uid>,
        auth_time -> Moment,
        scope -> Nullable<Text>,
        resource -> Nullable<Text>,
        dpop_jkt -> Nullable<Text>,
        cookie_hash -> Nullable<Binary>,
        network -> Nullable<Text>,
        after_tombstone -> BigInt,
        is_persistent -> Bool,
    }
}

diesel::table! {
    use diesel::sql_types::{BigInt, Bool, Nullable, Text};
    use super::Uid;

    tombstones (seq) {
        seq -> BigInt,
        user_id -> Nullable<Uid>,
        client_id -> Nullable<Text>,
        parent_id -> Nullable<Uid>,
        with_consents -> Bool,
    }
}

diesel::table! {
    use diesel::sql_types::{BigInt, Bool, Nullable, Text};
    use super::Moment;

    clients (id) {
        id -> Text,
        name -> Nullable<Text>,
        scope -> Text,
        grants -> Text,
        epoch -> BigInt,
        created_at -> Moment,
        authentication -> Text,
        redirect_uris -> Text,
        post_logout_redirect_uris -> Text,
        jwks -> Nullable<Text>,
        dpop_bound -> Bool,
        revision -> BigInt,
        updated_at -> Moment,
        resources -> Text,
        first_party -> Bool,
        userinfo_in_id_token -> Bool,
    }
}

diesel::table! {
    use diesel::sql_types::{Binary, Nullable, Text};
    use super::Moment;

    client_secrets (hash) {
        hash -> Binary,
        client_id -> Text,
        created_at -> Moment,
        expires_at -> Nullable<Moment>,
    }
}

diesel::table! {
    use diesel::sql_types::{BigInt, Text};
    use super::{Moment, Uid};

    consents (user_id, client_id) {
        user_id -> Uid,
        client_id -> Text,
        scope -> Text,
        created_at -> Moment,
        updated_at -> Moment,
        after_tombstone -> BigInt,
    }
}

diesel::table! {
    use diesel::sql_types::{BigInt, Binary, Nullable, Text};
    use super::{Moment, Uid};

    authorization_codes (hash) {
        hash -> Binary,
        client_id -> Text,
        user_id -> Uid,
        parent_id -> Uid,
        redirect_uri -> Text,
        scope -> Text,
        code_challenge -> Text,
        nonce -> Nullable<Text>,
        resource -> Nullable<Text>,
        dpop_jkt -> Nullable<Text>,
        expires_at -> Moment,
        session_id -> Nullable<Uid>,
        after_tombstone -> BigInt,
    }
}

diesel::table! {
    use diesel::sql_types::{BigInt, Binary, Nullable};
    use super::{Moment, Uid};

    refresh_tokens (hash) {
        hash -> Binary,
        session_id -> Uid,
        expires_at -> Moment,
        used_at -> Nullable<Moment>,
        answer -> Nullable<Binary>,
        generation -> BigInt,
    }
}

diesel::table! {
    use diesel::sql_types::{Binary, Nullable};
    use super::Moment;

    used_jtis (hash) {
        hash -> Binary,
        expires_at -> Moment,
        share -> Nullable<Binary>,
    }
}

diesel::table! {
    use diesel::sql_types::{Binary, Bool, Integer};
    use super::Moment;

    guesses (key) {
        key -> Binary,
        began_at -> Moment,
        made -> Integer,
        evictable -> Bool,
    }
}

diesel::table! {
    use diesel::sql_types::{Binary, Nullable};
    use super::Moment;

    idempotency_keys (key) {
        key -> Binary,
        request -> Binary,
        answer -> Nullable<Binary>,
        expires_at -> Moment,
    }
}

diesel::table! {
    use diesel::sql_types::{Binary, Nullable, Text};
    use super::Moment;

    signing_keys (kid) {
        kid -> Text,
        algorithm -> Text,
        sealed -> Binary,
        public_jwk -> Text,
        created_at -> Moment,
        signs_from -> Moment,
        retired_at -> Nullable<Moment>,
    }
}

diesel::table! {
    use diesel::sql_types::{BigInt, Nullable, Text};
    use super::Moment;

    revocations (seq) {
        seq -> BigInt,
        kind -> Text,
        subject -> Text,
        epoch -> BigInt,
        until -> Moment,
        part -> Nullable<Text>,
        owner -> Nullable<Text>,
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
        count -> BigInt,
        inputs -> Nullable<Text>,
        position -> Nullable<BigInt>,
    }
}

diesel::table! {
    use diesel::sql_types::{BigInt, Binary, Nullable};

    audit_seals (position) {
        position -> BigInt,
        seal -> Binary,
        resealed -> Nullable<Binary>,
    }
}

diesel::table! {
    use diesel::sql_types::Binary;
    use super::Uid;

    audit_person_keys (user_id) {
        user_id -> Uid,
        sealed -> Binary,
    }
}

diesel::table! {
    use diesel::sql_types::{BigInt, Binary};

    audit_day_keys (day) {
        day -> BigInt,
        sealed -> Binary,
    }
}

diesel::table! {
    use diesel::sql_types::Text;
    use super::{Moment, Uid};

    identities (issuer, subject) {
        issuer -> Text,
        subject -> Text,
        user_id -> Uid,
        created_at -> Moment,
    }
}

diesel::table! {
    use diesel::sql_types::Text;
    use super::Moment;

    departed_identities (issuer, subject) {
        issuer -> Text,
        subject -> Text,
        departed_at -> Moment,
    }
}

diesel::table! {
    use diesel::sql_types::{BigInt, Nullable, Text};
    use super::{Moment, Uid};

    job_leases (name) {
        name -> Text,
        run -> Nullable<Uid>,
        held_until -> Nullable<Moment>,
        due_at -> Moment,
        started_at -> Nullable<Moment>,
        succeeded_at -> Nullable<Moment>,
        failed_at -> Nullable<Moment>,
        error -> Nullable<Text>,
        runs -> BigInt,
        failures -> BigInt,
        failing -> BigInt,
        sent -> BigInt,
    }
}

diesel::table! {
    use diesel::sql_types::{BigInt, Binary, Nullable, Text};
    use super::Moment;

    outbox (seq) {
        seq -> BigInt,
        job -> Text,
        resource -> Text,
        record -> Text,
        action -> Text,
        actor -> Nullable<Text>,
        created_at -> Moment,
        due_at -> Moment,
        attempts -> BigInt,
        error -> Nullable<Text>,
        given_up_at -> Nullable<Moment>,
        payload -> Nullable<Binary>,
        about -> Nullable<Binary>,
    }
}

diesel::table! {
    use diesel::sql_types::{Binary, Nullable, Text};
    use super::{Moment, Uid};

    account_tokens (hash) {
        hash -> Binary,
        user_id -> Uid,
        purpose -> Text,
        email -> Text,
        new_email -> Nullable<Text>,
        new_email_key -> Nullable<Text>,
        created_at -> Moment,
        expires_at -> Moment,
        ended_at -> Nullable<Moment>,
    }
}

diesel::table! {
    use diesel::sql_types::{Binary, Nullable, Text};
    use super::Moment;

    pending_registrations (hash) {
        hash -> Binary,
        email_key -> Text,
        sealed -> Nullable<Binary>,
        created_at -> Moment,
        expires_at -> Moment,
    }
}

diesel::table! {
    use diesel::sql_types::{BigInt, Binary, Nullable, Text};
    use super::Moment;

    master_keys (number) {
        number -> BigInt,
        fingerprint -> Text,
        first_position -> BigInt,
        sealed -> Nullable<Binary>,
        created_at -> Moment,
        resealed_at -> Nullable<Moment>,
    }
}

diesel::joinable!(user_roles -> users (user_id));
diesel::joinable!(sessions -> users (user_id));
diesel::joinable!(consents -> clients (client_id));
diesel::joinable!(refresh_tokens -> sessions (session_id));
diesel::allow_tables_to_appear_in_same_query!(
    users,
    user_roles,
    sessions,
    refresh_tokens,
    clients,
    tombstones
);
diesel::allow_tables_to_appear_in_same_query!(consents, clients);
diesel::allow_tables_to_appear_in_same_query!(consents, tombstones);
diesel::allow_tables_to_appear_in_same_query!(authorization_codes, tombstones);
diesel::allow_tables_to_appear_in_same_query!(client_secrets, clients);
diesel::allow_tables_to_appear_in_same_query!(audit, audit_seals);
