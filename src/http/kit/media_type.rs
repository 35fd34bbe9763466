//! Media types of bodies and answers that are not JSON.

use utoipa::openapi::schema::Type;
use utoipa::openapi::{ObjectBuilder, RefOr, Schema, SchemaFormat};

/// Media type of a body or of an answer that is not JSON.
///
/// ```
/// use cloakroom::http::MediaType;
///
/// /// PNG.
/// struct Png;
///
/// impl MediaType for Png {
///     const NAME: &'static str = "image/png";
///
///     fn example() -> Vec<u8> {
///         b"\x89PNG\r\n\x1a\n".to_vec()
///     }
/// }
/// ```
pub trait MediaType: 'static {
    /// The name, in lower case and without parameters.
    const NAME: &'static str;

    /// Returns bytes that a route accepts, with which the tests of the application send a request.
    fn example() -> Vec<u8>;
}

/// Returns the schema of bytes, which are at most `most`.
pub(super) fn schema_of_bytes(most: Option<usize>) -> RefOr<Schema> {
    let bytes = ObjectBuilder::new()
        .schema_type(Type::String)
        .format(Some(SchemaFormat::Custom("binary".to_owned())));
    bytes.max_length(most).into()
}
