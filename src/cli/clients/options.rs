//! Options of `cloakroom clients create`.

use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

use clap::builder::PossibleValuesParser;
use clap::{Arg, ArgAction, ArgMatches, Command};

use super::super::arguments::{json_flag, required, switch};
use super::super::output::Failure;
use super::super::scope;
use crate::app::App;
use crate::authz::ScopeSet;
use crate::domain::{
    BrokenClientRule, ClientAuthentication, ClientId, ClientMetadata, GrantType, RedirectUri, parse_resource,
};
use crate::json::parse_strict;
use crate::text_file::read_bytes;
use crate::token::ClientKeys;

/// Maximum length of the file with keys, in bytes. It is above that of 16 keys.
const MAX_BYTES: usize = 64 * 1024;

const EXAMPLES: &str = "Examples:\n  \
    cloakroom clients create --id reports --scope \"users:read:any profiles:read:any\"\n  \
    cloakroom clients create --id shop --scope \"openid email\" --redirect-uri https://shop.example.org/callback\n  \
    cloakroom clients create --id app --scope openid --redirect-uri org.example.app:/callback --public";

pub(super) fn command(app: &Arc<App>) -> Command {
    let known = Arc::clone(app);
    let scope = Arg::new("scope")
        .long("scope")
        .value_name("SCOPES")
        .required(true)
        .value_parser(move |list: &str| scope::parse(list, known.vocabulary()));
    let name = Arg::new("name").long("name").value_name("NAME").value_parser(ClientMetadata::parse_name);
    let method = one_of("auth-method", "METHOD", ClientAuthentication::ALL.map(ClientAuthentication::as_str));
    let grants = one_of("grant", "GRANT", GrantType::ALL.map(GrantType::as_str)).action(ArgAction::Append);
    let uri = |name: &'static str| {
        let uri = Arg::new(name).long(name).value_name("URI").action(ArgAction::Append);
        uri.value_parser(|text: &str| text.parse::<RedirectUri>())
    };
    let resource = Arg::new("resource").long("resource").value_name("AUD").action(ArgAction::Append);
    let resource = resource.value_parser(parse_resource);
    let jwks = Arg::new("jwks").long("jwks").value_name("FILE");
    let jwks = jwks.value_parser(clap::value_parser!(PathBuf));
    Command::new("create")
        .about("Register a client; prints its id and its secret, once")
        .after_help(EXAMPLES)
        .after_long_help(format!("{EXAMPLES}\n\nScopes:\n{}", scope::table(app.vocabulary())))
        .args([
            id().long("id")
                .value_parser(ClientId::chosen)
                .required(false)
                .required_unless_present("imported-id")
                .help("Its client_id: 1 to 64 of A-Z a-z 0-9 . _ -"),
            id().id("imported-id")
                .long("imported-id")
                .value_parser(ClientId::imported)
                .required(false)
                .conflicts_with("id")
                .help("Its client_id in the system that it comes from, which may be a UUID"),
            scope.help("The scopes that it may request, separated by spaces"),
            grants.help(
                "A grant type that it may use; repeatable [default: authorization_code and \
                 refresh_token with --redirect-uri, otherwise client_credentials]",
            ),
            uri("redirect-uri").help("A redirect URI after login; repeatable"),
            uri("post-logout-redirect-uri").help("A redirect URI after logout; repeatable"),
            switch("public", "A public client, which cannot keep a secret; the same as --auth-method none")
                .conflicts_with("auth-method"),
            method.help(
                "Its authentication method [default: client_secret_basic, or private_key_jwt with --jwks]",
            ),
            jwks.help("Its public keys for authentication, as a JWK Set"),
            switch("dpop", "Bind each of its tokens to a key of the client (RFC 9449)"),
            resource
                .help("A resource server that it is, as in aud: it may introspect its tokens; repeatable"),
            switch("first-party", "An own application of this service: its users are not asked for consent"),
            switch("small-id-token", "Leave the claims of profile and email out of its ID tokens"),
            name.help("A name for people"),
            json_flag(),
        ])
}

/// Returns the id of the new client.
pub(super) fn new_id(given: &ArgMatches) -> Result<ClientId, Failure> {
    match given.get_one::<ClientId>("imported-id") {
        Some(id) => Ok(id.clone()),
        None => required(given, "id"),
    }
}

pub(super) fn id() -> Arg {
    Arg::new("id").value_name("ID").required(true).value_parser(|text: &str| text.parse::<ClientId>())
}

fn one_of<const N: usize>(name: &'static str, value: &'static str, words: [&'static str; N]) -> Arg {
    Arg::new(name).long(name).value_name(value).value_parser(PossibleValuesParser::new(words))
}

/// Returns the metadata of the new client.
///
/// # Errors
/// When an option breaks a rule.
pub(super) fn metadata(given: &ArgMatches) -> Result<ClientMetadata, Failure> {
    let scope: ScopeSet = required(given, "scope")?;
    let jwks = given.get_one::<PathBuf>("jwks").map(|file| keys(file)).transpose()?;
    let authentication = match words(given, "auth-method").into_iter().next() {
        Some(method) => method,
        None if given.get_flag("public") => ClientAuthentication::None,
        None if jwks.is_some() => ClientAuthentication::PrivateKeyJwt,
        None => ClientAuthentication::ClientSecretBasic,
    };
    let uris = |name| given.get_many::<RedirectUri>(name).into_iter().flatten().cloned().collect();
    let mut client = ClientMetadata {
        name: given.get_one::<String>("name").cloned(),
        scope: scope.iter().map(|scope| scope.to_string()).collect(),
        grants: words(given, "grant"),
        authentication,
        redirect_uris: uris("redirect-uri"),
        post_logout_redirect_uris: uris("post-logout-redirect-uri"),
        jwks,
        dpop_bound: given.get_flag("dpop"),
        resources: given.get_many::<String>("resource").into_iter().flatten().cloned().collect(),
        first_party: given.get_flag("first-party"),
        userinfo_in_id_token: !given.get_flag("small-id-token"),
    };
    if client.grants.is_empty() {
        client.grants = client.usual_grants();
    }
    let line = |(member, rule): BrokenClientRule| format!("{}: {rule}", option(member));
    client
        .checked(!scope.powers().is_empty())
        .map_err(|rules| Failure::Errors(rules.into_iter().map(line).collect()))
}

/// Returns words that clap has checked.
fn words<T: FromStr>(given: &ArgMatches, name: &str) -> Vec<T> {
    let words = given.get_many::<String>(name).into_iter().flatten();
    words.filter_map(|word| word.parse().ok()).collect()
}

/// Returns the option for a member of the metadata.
fn option(member: &str) -> &str {
    match member {
        "grant_types" => "--grant",
        "redirect_uris" => "--redirect-uri",
        "post_logout_redirect_uris" => "--post-logout-redirect-uri",
        "jwks" => "--jwks",
        "scope" => "--scope",
        "resources" => "--resource",
        "first_party" => "--first-party",
        other => other,
    }
}

fn keys(file: &Path) -> Result<String, Failure> {
    let wrong = |why: String| Failure::new(format!("{}: {why}", file.display()));
    let bytes = read_bytes(file).map_err(|error| wrong(error.to_string()))?;
    if bytes.len() > MAX_BYTES {
        return Err(wrong("is too large for a JWK Set of 16 keys".to_owned()));
    }
    let set = parse_strict(&bytes).map_err(|error| wrong(error.to_string()))?;
    ClientKeys::register(&set).map_err(|rule| wrong(rule.to_string()))
}
