//! The authorization server, without HTTP. Each grant and each endpoint has one file:
//!
//! | | file |
//! |---|---|
//! | RFC 6749 §2.3, RFC 7523: client authentication | [`client_authentication`] |
//! | RFC 6749 §4.1.1, OpenID Connect Core §3.1.2: the authorization request | `authorization_parameters`, [`authorization_request`] |
//! | RFC 6749 §4.1.2, RFC 9207: the authorization response | [`authorization_response`] |
//! | the steps of the authorization request: login, consent, code | [`authorization`] |
//! | RFC 6749 §4.1.3, RFC 7636: authorization code grant | [`authorization_code`] |
//! | RFC 6749 §4.4: client credentials grant | [`client_credentials`] |
//! | RFC 6749 §6: refresh token grant | [`refresh`] |
//! | RFC 6749 §5.1: token response | [`token_response`] |
//! | login with e-mail and password | [`password_login`] |
//! | OpenID Connect RP-Initiated Logout | [`logout`] |
//! | RFC 7009: revocation | [`revocation`] |
//! | RFC 7662: introspection | [`introspection`] |
//! | OpenID Connect Core §5.3: userinfo | [`userinfo`] |
//! | RFC 8414, OpenID Connect Discovery, RFC 9728: metadata | [`metadata`] |

pub mod authorization;
pub mod authorization_code;
pub(crate) mod authorization_parameters;
pub mod authorization_request;
pub mod authorization_response;
pub mod client_authentication;
pub mod client_credentials;
mod context;
pub(crate) mod docs_client;
mod error;
pub mod introspection;
pub mod logout;
pub mod metadata;
pub(crate) mod parameters;
pub mod password_login;
pub mod refresh;
pub mod revocation;
mod scope;
pub mod token_response;
pub mod userinfo;

pub use context::OAuthContext;
pub use error::OAuthError;
pub use scope::{optional_scope, scope_parameter};
