//! Query of a list. Every parameter must be known, occur once, and have a valid value.

use std::fmt::Display;

use super::{Argument, Call, Code, Description, Parameter, Problem};
use crate::domain::UserId;

/// Largest number of parameters. No route has so many.
const MOST_PARAMETERS: usize = 32;

/// Type of a query.
pub trait QueryType: Sized + 'static {
    /// Returns its parameters.
    fn parameters() -> Vec<Parameter>;

    /// Reads its parameters from the query.
    ///
    /// # Errors
    /// The first broken rule, in words.
    fn read(parameters: &mut Parameters) -> Result<Self, String>;

    /// Returns the user whom the query names, if it is about one. A look at this list is in the trail of that user.
    fn about(&self) -> Option<UserId> {
        None
    }
}

/// Parsed query.
///
/// ```
/// use cloakroom::http::{Json, Parameter, Parameters, Problem, Public, Query, QueryType};
///
/// struct Greeting { name: String }
///
/// impl QueryType for Greeting {
///     fn parameters() -> Vec<Parameter> {
///         let schema = serde_json::json!({ "type": "string" });
///         vec![Parameter::optional("name", "The name in the greeting", schema)]
///     }
///
///     fn read(parameters: &mut Parameters) -> Result<Self, String> {
///         let name = parameters.take("name", str::parse::<String>)?;
///         Ok(Self { name: name.unwrap_or_else(|| "nobody".to_owned()) })
///     }
/// }
///
/// async fn greet(_: Public, Query(greeting): Query<Greeting>) -> Result<Json<String>, Problem> {
///     Ok(Json(format!("Good evening, {}", greeting.name)))
/// }
/// ```
pub struct Query<T>(pub T);

/// Parameters that were not read yet.
pub struct Parameters(Vec<(String, String)>);

impl Parameters {
    /// Reads and removes a parameter.
    ///
    /// # Errors
    /// When it is repeated, contains a control character, or `parse` refuses it.
    pub fn take<T, E: Display>(
        &mut self,
        name: &str,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Result<Option<T>, String> {
        let Some(index) = self.0.iter().position(|(known, _)| known == name) else { return Ok(None) };
        let (_, value) = self.0.swap_remove(index);
        if fault!(repeated_query_taken) {
            self.0.retain(|(known, _)| known != name);
        }
        if self.0.iter().any(|(known, _)| known == name) {
            return Err(format!("{name} is repeated"));
        }
        if value.chars().any(char::is_control) {
            return Err(format!("{name} contains a control character"));
        }
        parse(&value).map(Some).map_err(|why| format!("{name} {why}"))
    }
}

/// Reads a query. A parameter that no code reads is unknown.
///
/// # Errors
/// The first broken rule, in words.
pub(crate) fn read_query<T: QueryType>(text: &str) -> Result<T, String> {
    let pairs: Vec<(String, String)> = form_urlencoded::parse(text.as_bytes())
        .take(MOST_PARAMETERS + 1)
        .map(|(name, value)| (name.into_owned(), value.into_owned()))
        .collect();
    if pairs.len() > MOST_PARAMETERS {
        return Err(format!("more than {MOST_PARAMETERS} parameters"));
    }
    let mut parameters = Parameters(pairs);
    let query = T::read(&mut parameters)?;
    match parameters.0.first() {
        Some((name, _)) if !fault!(unknown_query_taken) => {
            Err(format!("{name:?} is not a parameter of this route"))
        }
        _ => Ok(query),
    }
}

impl<T: QueryType> Argument for Query<T> {
    async fn take(call: &mut Call) -> Result<Self, Problem> {
        match read_query::<T>(call.request().query_string()) {
            Ok(query) => {
                call.asks(query.about());
                Ok(Self(query))
            }
            Err(why) => Err(Problem::new(Code::InvalidQuery).with_detail(why)),
        }
    }

    fn describe(description: &mut Description) {
        description.parameters.extend(T::parameters());
        description.problems.push(Code::InvalidQuery);
    }
}
