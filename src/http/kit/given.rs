//! A member that may be left out and may be null.

/// Member that may be left out and may be null.
#[derive(Debug, PartialEq, Eq)]
pub enum Given<T> {
    /// Missing.
    Absent,
    /// Null.
    Null,
    /// A value.
    Value(T),
}

impl<T> Given<T> {
    /// Applies a merge patch (RFC 7396): null removes the value, and a missing member keeps it.
    pub fn apply(self, member: &mut Option<T>) {
        match self {
            Given::Value(value) => *member = Some(value),
            Given::Null => *member = None,
            Given::Absent => {}
        }
    }

    /// Returns the value, if there is one.
    pub fn value(self) -> Option<T> {
        match self {
            Given::Value(value) => Some(value),
            Given::Absent | Given::Null => None,
        }
    }
}
