//! `text_enum!`: an enumeration that is a text in JSON and in the database.

/// Declares an enumeration whose values are texts: in JSON, in a column of type `Text`, in filters and sort keys of a
/// list, and in the OpenAPI document. `parse` reads it from a body.
///
/// ```
/// cloakroom::text_enum! {
///     /// The colour of a label.
///     pub enum Colour {
///         /// Red.
///         Red = "red",
///         /// As grey as can be.
///         DarkGrey = "dark-grey",
///     }
/// }
/// assert_eq!("dark-grey".parse(), Ok(Colour::DarkGrey));
/// assert_eq!(serde_json::json!(Colour::Red), "red");
/// assert_eq!(Colour::parse("blue").unwrap_err().to_string(), "must be one of red, dark-grey");
/// ```
#[macro_export]
macro_rules! text_enum {
    (
        $(#[$meaning:meta])*
        $visibility:vis enum $name:ident { $($(#[$of:meta])* $variant:ident = $text:literal),+ $(,)? }
    ) => {
        $(#[$meaning])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, ::diesel::AsExpression, ::diesel::FromSqlRow)]
        #[diesel(sql_type = ::diesel::sql_types::Text)]
        $visibility enum $name { $($(#[$of])* $variant),+ }

        impl $name {
            /// Every value.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// Returns the text.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $text),+
                }
            }

            /// Reads the text of a body.
            ///
            /// # Errors
            /// `unknown-value`.
            pub fn parse(text: &str) -> Result<Self, $crate::domain::Invalid> {
                let known = Self::ALL.iter().copied().find(|known| known.as_str() == text);
                known.ok_or_else(|| {
                    let values: Vec<&str> = Self::ALL.iter().map(|known| known.as_str()).collect();
                    let detail = format!("must be one of {}", values.join(", "));
                    $crate::domain::Invalid::new("unknown-value", detail).with("values", values)
                })
            }
        }

        impl ::std::fmt::Display for $name {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl ::std::str::FromStr for $name {
            type Err = $crate::domain::Invalid;

            fn from_str(text: &str) -> Result<Self, $crate::domain::Invalid> {
                Self::parse(text)
            }
        }

        const _: () = {
            use $crate::__private::diesel::backend::Backend;
            use $crate::__private::diesel::deserialize::{self, FromSql};
            use $crate::__private::diesel::serialize::{self, Output, ToSql};
            use $crate::__private::diesel::sql_types::Text;
            use $crate::__private::serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
            use $crate::__private::utoipa::openapi::schema::Type;
            use $crate::__private::utoipa::openapi::{ObjectBuilder, RefOr, Schema};
            use $crate::__private::utoipa::{PartialSchema, ToSchema};

            impl<DB: Backend> ToSql<Text, DB> for $name
            where
                str: ToSql<Text, DB>,
            {
                fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, DB>) -> serialize::Result {
                    <str as ToSql<Text, DB>>::to_sql(self.as_str(), out)
                }
            }

            impl<DB: Backend> FromSql<Text, DB> for $name
            where
                String: FromSql<Text, DB>,
            {
                fn from_sql(value: DB::RawValue<'_>) -> deserialize::Result<Self> {
                    Ok(Self::parse(&String::from_sql(value)?)?)
                }
            }

            impl Serialize for $name {
                fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                    serializer.serialize_str(self.as_str())
                }
            }

            impl<'de> Deserialize<'de> for $name {
                fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                    let text = String::deserialize(deserializer)?;
                    Self::parse(&text).map_err(D::Error::custom)
                }
            }

            impl PartialSchema for $name {
                fn schema() -> RefOr<Schema> {
                    let values = Self::ALL.iter().map(|known| known.as_str());
                    ObjectBuilder::new().schema_type(Type::String).enum_values(Some(values)).into()
                }
            }

            impl ToSchema for $name {}
        };
    };
}
