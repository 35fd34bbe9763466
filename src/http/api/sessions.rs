//! `/sessions` and `/users/{id}/sessions`: login, logout, and the sessions of a user.

use std::sync::Arc;

use actix_web::http::header;
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::authz::action::{Delete, EndSessions, ListSessions};
use crate::authz::{Allowed, Caller, ScopeSet, Vocabulary};
use crate::domain::{Device, Invalid, PasswordAttempt, Session, User, format_time};
use crate::http::kit::{
    Argument, Authenticated, Body, Call, CookieAnswer, Either, IfMatch, Json, NoContent, Page, Paging,
    Parameter, Parameters, Problem, Public, Query, QueryType, SendingPage,
};
use crate::http::oauth::FirstPartyLogin;
use crate::oauth::password_login::PasswordLogin;
use crate::oauth::scope_parameter;
use crate::oauth::token_response::TokenResponse;
use crate::store::Store;

crate::body! {
    /// The login with e-mail and password.
    pub struct NewSession(vocabulary: &Vocabulary) {
        /// The account's e-mail address.
        #[schema(format = "email")]
        email: String = required_text(|text| Ok(text.to_owned()));
        /// The account's password.
        #[schema(format = "password")]
        password: String as PasswordAttempt = required_text(|text| Ok(PasswordAttempt::new(text)));
        /// The requested scopes, separated by spaces. Default: all scopes that the user's roles grant.
        scope: Option<String> as Option<ScopeSet> = text(|list| scope_parameter(list, vocabulary));
        /// True for a session of this browser instead of tokens: the response is 204 and sets a cookie that no script can
        /// read. The request must come from a page of this server's own origin, and so must each request with the
        /// cookie. It reaches the user's own records alone, so `scope` must be left out.
        cookie: Option<bool> = boolean();
        /// True when the browser keeps the cookie after it ends. Only with `cookie`.
        remember: Option<bool> = boolean();
    }
    example { "email": "ada@example.com", "password": "a most unusual passphrase" }
}

impl NewSession {
    /// Checks which members go together.
    fn check(&self) -> Result<(), Problem> {
        let is_for_browser = self.cookie.unwrap_or(false);
        let (pointer, detail) = match () {
            () if is_for_browser && self.scope.is_some() => ("/scope", "must be left out with a cookie"),
            () if !is_for_browser && self.remember.is_some() => ("/remember", "is for a cookie alone"),
            () => return Ok(()),
        };
        Err(Problem::broken_rule(pointer, Invalid::new("contradiction", detail)))
    }
}

/// `POST /sessions`
pub async fn log_in(
    _: Public,
    body: Body<NewSession>,
    device: Device,
    page: SendingPage,
    server: FirstPartyLogin,
    vocabulary: Arc<Vocabulary>,
) -> Result<Either<Json<TokenResponse>, CookieAnswer>, Problem> {
    let new = body.read(|members| NewSession::read(members, &vocabulary))?;
    new.check()?;
    let NewSession { email, password, scope, cookie, remember } = new;
    let login = PasswordLogin { email, password, scope };
    Ok(match cookie {
        Some(true) => {
            let cookie = server.sign_in(login, device, page, remember.unwrap_or(false)).await?;
            Either::Second(CookieAnswer(Some(cookie)))
        }
        _ => Either::First(Json(server.log_in(login, device).await?)),
    })
}

/// The `User-Agent`, the address and the route of a login.
impl Argument for Device {
    async fn take(call: &mut Call) -> Result<Self, Problem> {
        let name = call.header(header::USER_AGENT);
        Ok(Self {
            name: name.map(|name| name.chars().filter(|c| !c.is_control()).take(256).collect()),
            origin: call.origin(),
        })
    }
}

crate::body! {
    /// A proof that the caller knows the account's password.
    pub struct Authentication {
        /// The account's password.
        #[schema(format = "password")]
        password: String as PasswordAttempt = required_text(|text| Ok(PasswordAttempt::new(text)));
    }
    example { "password": "a most unusual passphrase" }
}

/// `POST /sessions/current/authentication`
pub async fn authenticate(
    caller: Authenticated,
    body: Body<Authentication>,
    server: FirstPartyLogin,
) -> Result<Either<Json<TokenResponse>, CookieAnswer>, Problem> {
    let (caller, Authentication { password }) = (caller.caller(), body.read(Authentication::read)?);
    Ok(match caller.is_browser() {
        true => {
            Either::Second(CookieAnswer(Some(server.authenticate_browser_again(caller, password).await?)))
        }
        false => Either::First(Json(server.authenticate_again(caller, password).await?)),
    })
}

/// `DELETE /sessions/current`
pub async fn log_out(
    caller: Authenticated,
    if_match: IfMatch,
    store: Store,
    server: FirstPartyLogin,
) -> Result<CookieAnswer, Problem> {
    if_match.check_existing()?;
    store.log_out(caller.caller()).await?;
    Ok(CookieAnswer(server.end_of_session(caller.caller())))
}

/// A session of a user.
#[derive(Serialize, ToSchema)]
#[schema(as = Session)]
pub struct SessionView {
    /// The session's id, which tokens have as `sid`.
    id: Uuid,
    /// The client that gets the tokens; null for a browser that is signed in by a cookie.
    #[schema(required = true, examples("cloakroom"))]
    client_id: Option<String>,
    /// The `User-Agent` at login.
    #[schema(
        required = true,
        examples("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0")
    )]
    device: Option<String>,
    /// The IP address at login.
    #[schema(required = true, examples("203.0.113.7"))]
    address: Option<String>,
    /// The time of the login.
    #[schema(format = "date-time")]
    created_at: String,
    /// The time of the last token.
    #[schema(format = "date-time")]
    last_used_at: String,
    /// The time at which the session expires.
    #[schema(format = "date-time")]
    expires_at: String,
    /// True for the session of this request's token or cookie.
    current: bool,
}

impl SessionView {
    fn of(session: Session, by: &Caller) -> Self {
        Self {
            id: session.id.0,
            current: by.session() == Some(session.id),
            client_id: session.client_id.map(|id| id.to_string()),
            device: session.device,
            address: session.address,
            created_at: format_time(session.created_at),
            last_used_at: format_time(session.last_used_at),
            expires_at: format_time(session.expires_at),
        }
    }
}

/// `GET /users/{id}/sessions`
pub async fn list(
    user: Allowed<User, ListSessions>,
    paging: Paging,
    store: Store,
) -> Result<Page<SessionView>, Problem> {
    let list = format!("sessions {}", user.id);
    let page = store.sessions(&user, paging.keyset(&list)?).await?;
    let items = page.items.into_iter().map(|session| SessionView::of(session, user.by())).collect();
    Ok(Page { items, next: paging.cursor(&list, page.next) })
}

/// Query of `DELETE /users/{id}/sessions`.
pub struct EndedSessions {
    keeps_current: bool,
}

impl QueryType for EndedSessions {
    fn parameters() -> Vec<Parameter> {
        let meaning = "`current` keeps the session of this request's token, and ends all others of the user";
        vec![Parameter::optional("except", meaning, json!({ "type": "string", "enum": ["current"] }))]
    }

    fn read(parameters: &mut Parameters) -> Result<Self, String> {
        let current = |value: &str| if value == "current" { Ok(()) } else { Err("must be current") };
        Ok(Self { keeps_current: parameters.take("except", current)?.is_some() })
    }
}

/// `DELETE /users/{id}/sessions`
pub async fn end_all(
    user: Allowed<User, EndSessions>,
    Query(ended): Query<EndedSessions>,
    if_match: IfMatch,
    store: Store,
) -> Result<NoContent, Problem> {
    let expected = if_match.check(user.revision)?;
    let kept = user.by().session().filter(|_| ended.keeps_current && user.is_own());
    if_match.change(store.end_sessions(user, kept, expected)).await?;
    Ok(NoContent)
}

/// `DELETE /users/{id}/sessions/{sid}`
pub async fn end(
    session: Allowed<Session, Delete>,
    if_match: IfMatch,
    store: Store,
) -> Result<NoContent, Problem> {
    if_match.check_existing()?;
    store.end_session(session).await?;
    Ok(NoContent)
}
