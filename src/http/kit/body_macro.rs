//! `body!`: declares a body once, for its schema in the OpenAPI document and for reading it.

use super::{BodyType, Given, Members};

/// Fills a member of a declared body with the value that was read. `None` means that a required member is
/// missing or breaks a rule, which is already reported.
#[doc(hidden)]
pub trait Fill<T> {
    /// Returns the value of the member.
    fn fill(self) -> Option<T>;
}

impl<T> Fill<T> for Option<T> {
    fn fill(self) -> Option<T> {
        self
    }
}

impl<T> Fill<Option<T>> for Option<T> {
    fn fill(self) -> Option<Option<T>> {
        Some(self)
    }
}

impl<T> Fill<Option<T>> for Given<T> {
    fn fill(self) -> Option<Option<T>> {
        Some(self.value())
    }
}

impl<T> Fill<Given<T>> for Given<T> {
    fn fill(self) -> Option<Given<T>> {
        Some(self)
    }
}

/// Member of a record that a member of a merge patch changes. The record's type comes first, so that the compiler names
/// the types that do not fit.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "a member of type `{Self}` cannot be changed by `{P}`; where null removes the value, declare it `as Given<…>`",
    label = "declare the member of the patch `Option<…>`, or `as Given<…>`"
)]
pub trait ChangedBy<P> {
    /// Changes the member, if the patch has it.
    fn change(&mut self, patch: P);
}

impl<T> ChangedBy<Option<T>> for T {
    fn change(&mut self, patch: Option<T>) {
        if let Some(value) = patch {
            *self = value;
        }
    }
}

impl<T> ChangedBy<Given<T>> for Option<T> {
    fn change(&mut self, patch: Given<T>) {
        patch.apply(self);
    }
}

/// Body that changes a record: a merge patch (RFC 7396), which sets the members that it has. Declared by
/// [`body!`](crate::body) with `changes`, and taken by [`plain::update`](crate::http::plain::update).
pub trait MergePatch: BodyType + Sized {
    /// The kind of record.
    type Record;

    /// Reads the members; every broken rule is noted in `members`.
    fn read(members: &mut Members) -> Option<Self>;

    /// Changes the record.
    fn apply(self, record: &mut Self::Record);
}

/// Declares a body. Each member has a description, its type in JSON, and the method of
/// [`Members`](crate::http::Members) that reads it. If the type in Rust is a different one, it follows `as`.
/// A member of type `Option<…>` or `Given<…>` may be left out. Values that the rules depend on are arguments
/// of `read`.
///
/// `pub struct CoatPatch changes Coat` is a merge patch: it sets the members of the same names of the record. Its
/// members are `Option<…>`, or `as Given<…>` where null removes the value.
///
/// ```
/// use cloakroom::authz::{Allowed, action::Update};
/// use cloakroom::domain::{User, plain_text};
/// use cloakroom::http::{Body, Json, Problem};
///
/// cloakroom::body! {
///     /// Body of the route.
///     pub struct Ticket {
///         /// The number.
///         #[schema(max_length = 10)]
///         number: String = required_text(|text| plain_text(text, 10, false));
///         /// A note.
///         note: Option<String> = text(|text| plain_text(text, 200, true));
///     }
///     example { "number": "A 17", "note": "a blue coat" }
/// }
///
/// async fn bring(_user: Allowed<User, Update>, body: Body<Ticket>) -> Result<Json<String>, Problem> {
///     let ticket = body.read(Ticket::read)?;
///     Ok(Json(format!("{}: {}", ticket.number, ticket.note.unwrap_or_default())))
/// }
/// ```
#[macro_export]
macro_rules! body {
    (
        $(#[$meta:meta])*
        $visibility:vis struct $body:ident $(as $schema_name:ident)? $(($($argument:ident: $argument_type:ty),+))? $(changes $record:ident)? {
            $(
                $(#[$member_meta:meta])*
                $member:ident: $schema:ty $(as $type:ty)? = $read:ident($($rule:tt)*);
            )*
        }
        $(media_type $media_type:literal)?
        example $example:tt
    ) => {
        $(#[$meta])*
        $visibility struct $body {
            $(
                #[doc = concat!("`", stringify!($member), "`")]
                $visibility $member: $crate::__body_type!($schema $(, $type)?),
            )*
        }

        impl $body {
            /// Reads the members; every broken rule is noted in `members`.
            $visibility fn read(members: &mut $crate::http::Members $($(, $argument: $argument_type)+)?) -> Option<Self> {
                $(let $member = members.$read(stringify!($member), $($rule)*);)*
                $(let $member: Option<$crate::__body_type!($schema $(, $type)?)> = $crate::__private::Fill::fill($member);)*
                Some(Self { $($member: $member?,)* })
            }
        }

        $crate::__merge_patch! { [$($record)?] $body $($member)* }

        const _: () = {
            use $crate::__private::utoipa;

            $(#[$meta])*
            #[derive(utoipa::ToSchema)]
            #[expect(dead_code, reason = "its members are the body's documentation")]
            struct Schema {
                $(
                    $(#[$member_meta])*
                    $member: $schema,
                )*
            }

            impl utoipa::PartialSchema for $body {
                fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
                    <Schema as utoipa::PartialSchema>::schema()
                }
            }

            impl utoipa::ToSchema for $body {
                fn name() -> std::borrow::Cow<'static, str> {
                    $crate::__body_text_name!($body $($schema_name)?).into()
                }

                fn schemas(schemas: &mut Vec<(String, utoipa::openapi::RefOr<utoipa::openapi::Schema>)>) {
                    <Schema as utoipa::ToSchema>::schemas(schemas);
                }
            }

            impl $crate::http::BodyType for $body {
                $(const MEDIA_TYPE: &'static str = $media_type;)?

                fn example() -> $crate::__private::serde_json::Value {
                    $crate::__private::serde_json::json!($example)
                }
            }
        };
    };
}

/// Implements [`MergePatch`] for a body that changes a record.
#[doc(hidden)]
#[macro_export]
macro_rules! __merge_patch {
    ([] $($body:tt)*) => {};
    ([$record:ident] $body:ident $($member:ident)*) => {
        impl $crate::http::MergePatch for $body {
            type Record = $record;

            fn read(members: &mut $crate::http::Members) -> Option<Self> {
                $body::read(members)
            }

            fn apply(self, record: &mut $record) {
                $($crate::__private::ChangedBy::change(&mut record.$member, self.$member);)*
            }
        }
    };
}

/// The type of a member that was read.
#[doc(hidden)]
#[macro_export]
macro_rules! __body_type {
    ($schema:ty) => {
        $schema
    };
    ($schema:ty, $type:ty) => {
        $type
    };
}

/// The name of a body in the OpenAPI document.
#[doc(hidden)]
#[macro_export]
macro_rules! __body_text_name {
    ($body:ident) => {
        stringify!($body)
    };
    ($body:ident $name:ident) => {
        stringify!($name)
    };
}
