//! The records of an application: how the store finds them, lists them and changes them.

pub(in crate::store) mod lookup;
pub(in crate::store) mod macros;
pub(in crate::store) mod repository;
pub(in crate::store) mod sql_condition;
