//! The query of a list: every parameter is known, stands once, and has a value that it can have.

use std::fmt::Display;

use super::argument::Argument;
use super::call::Call;
use super::description::{Description, Parameter};
use super::problem::{Code, Problem};

/// More parameters than any route has are not even read.
const MOST_PARAMETERS: usize = 32;

/// The parameters that a route takes.
pub trait QueryType: Sized + 'static {
    /// Each with its meaning and its schema.
    fn parameters() -> Vec<Parameter>;

    /// Takes what it knows out of the query.
    ///
    /// # Errors
    /// What is wrong, in a sentence.
    fn read(parameters: &mut Parameters) -> Result<Self, String>;
}

/// A query that was read.
///
/// ```
/// use cloakroom::http::{Json, Parameter, Parameters, Problem, Public, Query, QueryType};
///
/// struct Greeting { name: String }
///
/// impl QueryType for Greeting {
///     fn parameters() -> Vec<Parameter> {
///         let schema = serde_json::json!({ "type": "string" });
///         vec![Parameter::optional("name", "Who is greeted", schema)]
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

/// Parameters, not yet taken.
pub struct Parameters(Vec<(String, String)>);

impl Parameters {
    /// Takes a parameter out.
    ///
    /// # Errors
    /// When it stands twice, holds a control character, or `parse` refuses it.
    pub fn take<T, E: Display>(
        &mut self,
        name: &str,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Result<Option<T>, String> {
        let Some(index) = self.0.iter().position(|(known, _)| known == name) else { return Ok(None) };
        let (_, value) = self.0.swap_remove(index);
        if self.0.iter().any(|(known, _)| known == name) {
            return Err(format!("{name} stands twice"));
        }
        if value.chars().any(char::is_control) {
            return Err(format!("{name} holds a control character"));
        }
        parse(&value).map(Some).map_err(|why| format!("{name} {why}"))
    }
}

impl<T: QueryType> Argument for Query<T> {
    async fn take(call: &mut Call) -> Result<Self, Problem> {
        let wrong = |why: String| Problem::new(Code::InvalidQuery).with_detail(why);
        let pairs: Vec<(String, String)> = form_urlencoded::parse(call.request().query_string().as_bytes())
            .take(MOST_PARAMETERS + 1)
            .map(|(name, value)| (name.into_owned(), value.into_owned()))
            .collect();
        if pairs.len() > MOST_PARAMETERS {
            return Err(wrong(format!("more than {MOST_PARAMETERS} parameters")));
        }
        let mut parameters = Parameters(pairs);
        let query = T::read(&mut parameters).map_err(wrong)?;
        match parameters.0.first() {
            Some((name, _)) => Err(wrong(format!("{name:?} is not a parameter of this route"))),
            None => Ok(Self(query)),
        }
    }

    fn describe(description: &mut Description) {
        description.parameters.extend(T::parameters());
        description.problems.push(Code::InvalidQuery);
    }
}
