//! Keys of the two master keys that a server may have while one replaces the other.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// A key, once for each master key of the server. The key in use seals and signs; each of them opens and verifies. All
/// keys that are made from one value change their key in use together.
#[derive(Clone)]
pub struct Rotating<T> {
    present: T,
    previous: Option<T>,
    uses_previous: Arc<AtomicBool>,
}

impl<T> Rotating<T> {
    /// Returns the keys of the present and the previous master key. The previous one is in use until
    /// [`Rotating::set_uses_previous`] says something else.
    pub(crate) fn new(present: T, previous: Option<T>) -> Self {
        let uses_previous = Arc::new(AtomicBool::new(previous.is_some()));
        Self { present, previous, uses_previous }
    }

    /// Returns the key of the configured master key.
    pub(crate) fn present(&self) -> &T {
        &self.present
    }

    /// Returns the key of the previous master key, if it is configured.
    pub(crate) fn previous(&self) -> Option<&T> {
        self.previous.as_ref()
    }

    /// Returns the key that seals.
    pub fn in_use(&self) -> &T {
        match &self.previous {
            Some(previous) if self.uses_previous.load(Ordering::Acquire) => previous,
            _ => &self.present,
        }
    }

    /// Returns each key, the one in use first.
    pub fn each(&self) -> impl Iterator<Item = &T> {
        let is_previous = self.uses_previous.load(Ordering::Acquire);
        let (first, second) = match &self.previous {
            Some(previous) if is_previous => (previous, Some(&self.present)),
            previous => (&self.present, previous.as_ref()),
        };
        std::iter::once(first).chain(second)
    }

    /// Sets which key is in use, here and in all keys that are made from the same value.
    pub(crate) fn set_uses_previous(&self, uses_previous: bool) {
        self.uses_previous.store(uses_previous, Ordering::Release);
    }

    /// Makes a key from each key.
    pub(crate) fn map<U>(&self, make: impl Fn(&T) -> U) -> Rotating<U> {
        let (present, previous) = (make(&self.present), self.previous.as_ref().map(make));
        Rotating { present, previous, uses_previous: Arc::clone(&self.uses_previous) }
    }

    /// Makes a key from each key, unless that fails.
    pub(crate) fn try_map<U, E>(&self, make: impl Fn(&T) -> Result<U, E>) -> Result<Rotating<U>, E> {
        let (present, previous) = (make(&self.present)?, self.previous.as_ref().map(make).transpose()?);
        Ok(Rotating { present, previous, uses_previous: Arc::clone(&self.uses_previous) })
    }
}

/// The keys of a server with one master key.
impl<T> From<T> for Rotating<T> {
    fn from(present: T) -> Self {
        Self::new(present, None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_one_value_change_together() {
        let keys = Rotating::new(1, Some(2));
        let derived = keys.map(|key| key * 10);
        assert_eq!((keys.in_use(), derived.each().copied().collect::<Vec<_>>()), (&2, vec![20, 10]));
        keys.set_uses_previous(false);
        assert_eq!((derived.in_use(), derived.each().copied().collect::<Vec<_>>()), (&10, vec![10, 20]));
        assert_eq!(Rotating::from(1).each().count(), 1);
    }
}
