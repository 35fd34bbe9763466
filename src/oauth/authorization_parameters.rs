//! The parameters of the authorization request (RFC 6749 §4.1.1, RFC 7636 §4.3, OpenID Connect Core §3.1.2.1).

use super::parameters::parameters;

parameters! {
    /// The authorization request (RFC 6749 §4.1.1).
    #[schema(as = AuthorizationRequest)]
    pub struct AuthorizationParameters {
        /// Always `code`.
        #[schema(pattern = "^code$", examples("code"))]
        response_type: String,
        /// The client's id.
        #[schema(examples("photos"))]
        client_id: String,
        /// The URL to which the browser returns, exactly as registered.
        #[schema(format = "uri", examples("https://photos.example.org/cb"))]
        redirect_uri: String,
        /// The requested scopes, separated by spaces. Default: all registered scopes of the client.
        #[schema(required = false, examples("openid users:read"))]
        scope: String,
        /// An opaque value of at most 4096 bytes that is returned unchanged.
        #[schema(required = false, examples("af0ifjsldkj"))]
        state: String,
        /// How the response comes back: `query` (the default) or `form_post`.
        #[schema(required = false, pattern = "^(query|form_post)$", examples("query"))]
        response_mode: String,
        /// The SHA-256 hash of the code verifier in base64url (RFC 7636).
        #[schema(pattern = "^[A-Za-z0-9_-]{43}$", examples("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"))]
        code_challenge: String,
        /// Always `S256`.
        #[schema(pattern = "^S256$", examples("S256"))]
        code_challenge_method: String,
        /// A value that is copied into the ID token (OpenID Connect Core).
        #[schema(required = false, examples("n-0S6_WzA2Mj"))]
        nonce: String,
        /// `none`, or one or more of `login`, `consent` and `select_account`, separated by spaces.
        #[schema(required = false, examples("login"))]
        prompt: String,
        /// The largest age of the sign-in, in seconds.
        #[schema(required = false, minimum = 0, examples(3600))]
        max_age: u32,
        /// The e-mail address that the user probably has.
        #[schema(required = false, examples("ada@example.com"))]
        login_hint: String,
        /// An earlier ID token of the expected user.
        #[schema(required = false)]
        id_token_hint: String,
        /// The resource for which the token is requested (RFC 8707). Default: this server.
        #[schema(required = false, format = "uri")]
        resource: String,
        /// The thumbprint of the key that the code is bound to (RFC 9449 §10).
        #[schema(required = false, pattern = "^[A-Za-z0-9_-]{43}$")]
        dpop_jkt: String,
        /// A request as a JWT (RFC 9101), which is not supported.
        #[schema(ignore)]
        request: String,
        /// The URL of a request as a JWT (RFC 9101), which is not supported.
        #[schema(ignore)]
        request_uri: String,
        /// The registration of a client by itself (OpenID Connect Core §7.2.1), which is not supported.
        #[schema(ignore)]
        registration: String,
    }
    example {
        "response_type": "code",
        "client_id": "photos",
        "redirect_uri": "https://photos.example.org/cb",
        "scope": "openid users:read",
        "state": "af0ifjsldkj",
        "code_challenge": "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
        "code_challenge_method": "S256",
    }
}
