//! Faults that can be planted in a server, to prove that `cloakroom verify` and the tests find them. Each is one line
//! of the policy, of the token verifier, or of another rule, left out.
//!
//! Only a debug build with the feature `faults` has them: elsewhere [`fault!`] is the constant `false`. The
//! environment variable `CLOAKROOM_FAULT` names the one that is planted. `just faults` tries each.

#[cfg(all(feature = "faults", not(debug_assertions)))]
compile_error!("the feature `faults` plants security holes: it exists in debug builds alone");

/// Returns true when this fault is planted. In a build without the feature `faults` it is the constant `false`.
#[cfg(not(feature = "faults"))]
macro_rules! fault {
    ($name:ident) => {
        $crate::faults::IS_PLANTED
    };
}

/// Value of each [`fault!`]. A literal would be an expression that clippy simplifies.
#[cfg(not(feature = "faults"))]
pub(crate) const IS_PLANTED: bool = false;

/// Returns true when this fault is planted.
#[cfg(feature = "faults")]
macro_rules! fault {
    ($name:ident) => {
        $crate::faults::is_planted($crate::faults::Fault::$name)
    };
}

/// Returns true when the environment names a known fault, in a build that can plant it.
pub(crate) fn is_any_planted() -> bool {
    #[cfg(feature = "faults")]
    return planted::planted().is_some();
    #[cfg(not(feature = "faults"))]
    false
}

#[cfg(feature = "faults")]
pub(crate) use planted::{Fault, is_planted};

#[cfg(feature = "faults")]
mod planted {
    use std::sync::OnceLock;

    /// Environment variable that names the planted fault.
    const VARIABLE: &str = "CLOAKROOM_FAULT";

    macro_rules! faults {
        ($($name:ident: $meaning:literal;)*) => {
            /// A fault.
            #[expect(non_camel_case_types, reason = "the names are those of the environment variable")]
            #[derive(Clone, Copy, Debug, PartialEq, Eq)]
            pub(crate) enum Fault {
                $(#[doc = $meaning] $name,)*
            }

            impl Fault {
                /// Returns the fault with this name.
                pub(crate) fn named(name: &str) -> Option<Self> {
                    match name {
                        $(stringify!($name) => Some(Self::$name),)*
                        _ => None,
                    }
                }
            }
        };
    }

    faults! {
        // The policy.
        scope_not_checked: "A rule does not ask for its scope";
        owner_not_compared: "The clause `owner` lets in every user";
        related_to_everyone: "The clause `related` lets in every user";
        role_not_compared: "The clause `role` lets in every user";
        system_not_compared: "The clause `system` lets in every caller";
        state_not_checked: "The restriction `only_while` is left out";
        freshness_not_checked: "The restriction `fresh` is left out";
        existence_told: "A refusal tells that a hidden record exists";
        lookup_before_owner: "A record is looked up before its owner in the URL is compared";
        client_is_user: "A client whose id is a user's counts as that user";
        rows_of_everyone: "A list of an application has the records of everyone";
        actions_of_everyone: "`_actions` names what the caller may not do";

        // Rank.
        rank_not_compared: "The restriction `not_above` is left out";
        equal_is_above: "The restriction `not_above` refuses equal powers";
        powers_of_roles_alone: "A caller's powers are those of the roles, whatever the token carries";
        role_above_granted: "A role with powers that the caller lacks is granted";
        roles_without_roles_write: "Roles at registration need no `roles:write`";
        registration_gives_roles: "Everyone who registers chooses the roles";
        client_above_created: "A client with powers that the caller lacks is registered";
        client_above_changed: "A client gets powers that the caller lacks";
        first_party_is_no_power: "A client becomes first-party by a caller without the administrators' powers";
        stale_grants_power: "A user who authenticated long ago grants powers at a registration";

        // Members.
        member_shown_to_all: "A member with a rule is shown to every reader of the record";
        member_filtered_by_all: "A list is filtered by a member that the caller may not read";
        member_written_by_all: "A member with a rule is written by everyone who may change the record";
        import_members_open: "Everyone who registers chooses the hash of the password and the external id";
        read_only_ignored: "A read-only member is ignored and not refused";
        unknown_members_taken: "An unknown member is ignored and not refused";
        address_stays_verified: "A new address counts as verified";

        // The token verifier.
        signature_not_checked: "The signature of a token is not checked";
        unsigned_accepted: "A token with the algorithm `none` and no signature is accepted";
        algorithm_not_compared: "A token with another algorithm than its key's is accepted";
        embedded_key_trusted: "A token is verified with the key in its own header";
        expiry_not_checked: "An expired token is accepted";
        expiry_not_required: "A token without `exp` is accepted";
        text_as_time: "A time that is a text is accepted";
        auth_time_not_read: "The time of the authentication is taken to be that of the token";
        not_before_not_checked: "A token is accepted before its `nbf`";
        issue_time_not_checked: "A token that was issued in the future is accepted";
        issuer_not_compared: "A token of another issuer is accepted";
        audience_not_compared: "A token for another service is accepted";
        type_not_compared: "An ID token is accepted (`typ`)";
        crit_not_checked: "A token with a critical header is accepted";
        size_not_bounded: "A token of any size is read";
        bound_as_bearer: "A token that is bound to a key is accepted without a proof";
        two_tokens_accepted: "A request with two tokens is accepted";
        revocation_not_checked: "A revoked token is accepted";
        cache_outlives_revocation: "A token that was accepted before is not checked again";
        user_epoch_not_compared: "A user's tokens outlive suspension, deletion and a lost role";
        client_epoch_not_compared: "A client's tokens outlive its deletion";
        session_not_checked: "A token outlives its session";
        token_id_not_checked: "A token outlives its own revocation (RFC 7009)";
        change_not_renewed: "A change does not look at its caller again";
        read_not_renewed: "A request with a body that changes nothing does not look at its caller again";

        // Login.
        any_password: "Every password is right";
        suspended_login: "A suspended user logs in";
        unknown_address_told: "A login tells an unknown address from a wrong password";
        old_password_kept: "A changed password does not replace the old one";
        current_password_not_checked: "A new password does not need the current one";
        weak_password_taken: "A common password is accepted";
        guesses_not_counted: "Wrong passwords are not counted";

        // Clients.
        any_client_secret: "Every client secret is right";
        client_method_not_compared: "A client authenticates by a method that it is not registered for";
        client_grant_not_compared: "A client uses a grant type that it is not registered for";
        client_scope_not_limited: "A client gets scopes beyond its registration";
        requested_scope_granted: "Every requested scope is granted, at login and at the token endpoint";
        authorized_scope_not_limited: "An authorization gets scopes that the user's roles do not grant";
        replaced_secret_stays: "A replaced client secret stays valid";
        client_failures_not_counted: "Wrong client secrets are not counted";

        // Authorization.
        redirect_uri_not_compared: "Every redirect URI is accepted";
        pkce_not_required: "An authorization without a PKCE challenge is accepted";
        verifier_not_checked: "A code is redeemed without its PKCE verifier";
        code_redirect_not_compared: "A code is redeemed with another redirect URI";
        code_of_any_client: "A code is redeemed by another client";
        code_used_twice: "A code is redeemed twice";
        reuse_keeps_session: "Reuse of a code or a refresh token does not end its session";
        consent_skipped: "A client gets a code without consent";
        first_party_with_powers: "A first-party client is registered for scopes that reach other users";
        login_not_prompted: "A user who is signed in is not asked for the password by `prompt=login`";
        max_age_not_checked: "An authorization ignores `max_age`";
        form_token_not_checked: "A form without its CSRF token is accepted";
        form_origin_not_checked: "A form from another origin is accepted";

        // The cookie of a browser session.
        browser_has_powers: "The cookie of an administrator's browser reaches other users";
        cookie_origin_not_checked: "The cookie of a session is accepted from a page of another origin";
        cookie_beside_token: "The cookie of a session counts when the token beside it is refused";

        // Refresh, revocation, introspection, userinfo.
        refresh_of_any_client: "A refresh token is exchanged by another client";
        refresh_used_twice: "A refresh token is exchanged twice";
        repeated_without_end: "An exchange is repeated after its successor was used";
        refreshed_scope_widened: "A refresh gets scopes beyond the grant";
        refreshed_roles_not_limited: "A refresh keeps the scopes of a lost role";
        revocation_by_any_client: "A client revokes the tokens of another";
        introspection_by_any_client: "A client introspects the tokens of another";
        introspection_by_public_client: "A public client introspects tokens";
        userinfo_email_always: "Userinfo tells the address without the scope `email`";
        userinfo_profile_always: "Userinfo tells the profile without the scope `profile`";

        // Lists.
        sessions_of_everyone: "A user's list of sessions has those of everyone";
        grants_of_everyone: "A user's list of grants has those of everyone";
        audit_of_everyone: "A user's audit trail has the events of everyone";
        audit_owner_ignored: "The audit trail ignores the filter by owner";
        session_of_any_user: "A session is found below another user";
        grant_of_any_user: "A grant is found below another user";
        cursor_of_any_list: "A cursor is valid for another list";
        page_not_bounded: "A page has as many items as the caller asks for";

        // Conditions.
        version_not_compared: "`If-Match` is not compared with the version";
        version_not_required: "A change without `If-Match` is accepted";
        idempotency_key_of_any_caller: "An idempotency key belongs to no caller";
        idempotency_body_not_compared: "An idempotency key is repeated with another body";
        idempotency_powers_not_compared: "An idempotency key is repeated with other scopes";

        // Records that a change leaves as they are.
        session_end_ends_all: "The end of one session ends all of its user";
        withdrawal_ends_all: "A withdrawn consent ends the sessions of every client";
        password_of_everyone: "A new password becomes that of every user";
        profile_of_everyone: "A new profile becomes that of every user";

        // The audit trail.
        refusal_not_written: "A refusal is not in the audit trail";
        change_not_written: "A change is not in the audit trail";
        look_not_written: "A read of another's record is not in the audit trail";
        login_not_written: "A login is not in the audit trail";
        failed_login_not_written: "A failed login is not in the audit trail";
        audit_details_told: "A user reads the details of requests of others";

        // Bounds.
        body_not_bounded: "A body of any size is read";
        duplicate_members_taken: "A body with two members of one name is accepted";
        depth_not_bounded: "A body of any depth is read";
        media_type_not_compared: "A body of another media type is read";
        unknown_query_taken: "An unknown query parameter is ignored";
        repeated_query_taken: "A repeated query parameter is accepted";
        registrations_not_counted: "Registrations are not counted";
        answers_stored: "Answers may be stored by caches";
        foreign_origin_shared: "Every origin reads the answers";

        // Mail, search and leases.
        mailed_link_outlives: "A mailed link works after its time";
        mail_requests_not_counted: "Requests for mail are not counted";
        name_order_for_all: "Callers who may not read profiles sort a list by name";
        lease_not_compared: "A run without its lease changes records";
        held_lease_taken: "A run takes a lease that another one holds";
    }

    /// Returns the fault that the environment plants, if it names a known one.
    pub(super) fn planted() -> Option<Fault> {
        static PLANTED: OnceLock<Option<Fault>> = OnceLock::new();
        *PLANTED.get_or_init(|| std::env::var(VARIABLE).ok().and_then(|name| Fault::named(&name)))
    }

    /// Returns true when this fault is planted.
    pub(crate) fn is_planted(fault: Fault) -> bool {
        planted() == Some(fault)
    }
}
