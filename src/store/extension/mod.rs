//! The records of an application: how the store finds them, lists them and changes them.

pub(in crate::store) mod assertions;
pub(in crate::store) mod declared_table;
pub(in crate::store) mod filters;
pub(in crate::store) mod lookup;
pub(in crate::store) mod macros;
pub(in crate::store) mod record_macro;
pub(in crate::store) mod records;
pub(in crate::store) mod repository;
pub(in crate::store) mod selection;
pub(in crate::store) mod sql_condition;
pub(in crate::store) mod text_enum;
