//! Values of the server by their type: the settings of the application, documents that are made once, and the
//! state of a test server.

use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

type Value = Arc<dyn Any + Send + Sync>;

/// A map from types to one value of each.
#[derive(Default)]
pub(crate) struct Extensions(RwLock<HashMap<TypeId, Value>>);

impl Extensions {
    /// Inserts a value, in place of one of the same type.
    pub(crate) fn insert<T: Send + Sync + 'static>(&self, value: Arc<T>) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).insert(TypeId::of::<T>(), value);
    }

    /// Inserts a value whose type is not known here.
    pub(crate) fn insert_any(&self, value: Value) {
        let id = (*value).type_id();
        self.0.write().unwrap_or_else(PoisonError::into_inner).insert(id, value);
    }

    /// Returns the value of this type.
    pub(crate) fn get<T: Send + Sync + 'static>(&self) -> Option<Arc<T>> {
        let values = self.0.read().unwrap_or_else(PoisonError::into_inner);
        values.get(&TypeId::of::<T>()).and_then(|value| Arc::clone(value).downcast().ok())
    }

    /// True when there is a value of this type.
    pub(crate) fn has(&self, id: TypeId) -> bool {
        self.0.read().unwrap_or_else(PoisonError::into_inner).contains_key(&id)
    }

    /// Returns the value of this type, and makes it at the first call.
    pub(crate) fn get_or_insert_with<T: Send + Sync + 'static>(&self, make: impl FnOnce() -> T) -> Arc<T> {
        self.get().unwrap_or_else(|| {
            let made = Arc::new(make());
            self.insert(Arc::clone(&made));
            made
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holds_one_value_of_each_type() {
        let extensions = Extensions::default();
        assert_eq!(extensions.get::<u8>(), None);
        extensions.insert(Arc::new(1_u8));
        extensions.insert_any(Arc::new("two"));
        assert_eq!(extensions.get_or_insert_with(|| 3_u8), Arc::new(1));
        assert_eq!(extensions.get::<&str>(), Some(Arc::new("two")));
        assert_eq!(extensions.get_or_insert_with(|| 4_u16), Arc::new(4));
    }
}
