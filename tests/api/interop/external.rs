//! `oidc-provider` as the issuer that is there already.
