//! Parameters of a request, in its query or in a form (RFC 6749 §3.1, §3.2). [`parameters!`] declares those of a
//! request once: for the OpenAPI document, and for the code that reads them.

use serde_json::Value;
use utoipa::ToSchema;

/// The parameters as they came, each of which occurs once.
pub trait Parameters {
    /// Returns the value of a parameter. An empty value counts as left out (RFC 6749 §3.1).
    fn get(&self, name: &str) -> Option<&str>;
}

/// Request whose parameters are declared with [`parameters!`].
pub trait DeclaredRequest: ToSchema + 'static {
    /// Takes the declared parameters; unknown ones are ignored (RFC 6749 §3.1).
    fn read(given: &impl Parameters) -> Self;

    /// Returns an example for the documentation.
    fn example() -> Value;
}

/// Declares a request. Each parameter has a description and its type in the document. Its value is text, or `None` when
/// it is left out.
macro_rules! parameters {
    (
        $(#[$meta:meta])*
        pub struct $request:ident {
            $($(#[$parameter_meta:meta])* $parameter:ident: $schema:ident,)*
        }
        example $example:tt
    ) => {
        #[derive(utoipa::ToSchema)]
        $(#[$meta])*
        pub struct $request {
            $($(#[$parameter_meta])* #[schema(value_type = $schema)] pub(crate) $parameter: Option<String>,)*
        }

        impl $crate::oauth::parameters::DeclaredRequest for $request {
            fn read(given: &impl $crate::oauth::parameters::Parameters) -> Self {
                Self { $($parameter: given.get(stringify!($parameter)).map(str::to_owned),)* }
            }

            fn example() -> serde_json::Value {
                serde_json::json!($example)
            }
        }
    };
}
pub(crate) use parameters;
