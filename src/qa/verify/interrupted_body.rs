//! Body of a request that pauses in the middle.

use std::io::{self, Read};
use std::time::Duration;

use super::VerifyError;

/// Pause after the first half. The server decides on the head meanwhile: it reads no body before. A server that
/// takes longer decides after the interruption, and answers as to a new request.
const PAUSE: Duration = Duration::from_millis(50);

/// Body of which the first half is sent, then `interrupt` runs, then the rest is sent.
pub(super) struct InterruptedBody<'a, F> {
    first: &'a [u8],
    rest: &'a [u8],
    /// None once it has run.
    interrupt: Option<F>,
    outcome: Result<(), VerifyError>,
}

impl<'a, F: FnMut() -> Result<(), VerifyError>> InterruptedBody<'a, F> {
    pub(super) fn new(bytes: &'a [u8], interrupt: F) -> Self {
        let (first, rest) = bytes.split_at(bytes.len() / 2);
        Self { first, rest, interrupt: Some(interrupt), outcome: Ok(()) }
    }

    /// Returns the result of the interruption.
    ///
    /// # Errors
    /// When it failed, or when the body was not sent as far as that.
    pub(super) fn outcome(self) -> Result<(), VerifyError> {
        match self.interrupt {
            None => self.outcome,
            Some(_) => Err(VerifyError::new("the request ended before the middle of its body")),
        }
    }
}

impl<F: FnMut() -> Result<(), VerifyError>> Read for InterruptedBody<'_, F> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if !self.first.is_empty() {
            return self.first.read(buffer);
        }
        if let Some(mut interrupt) = self.interrupt.take() {
            std::thread::sleep(PAUSE);
            self.outcome = interrupt();
            if self.outcome.is_err() {
                return Err(io::Error::other("interrupted"));
            }
        }
        self.rest.read(buffer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interrupts_once_between_the_halves() {
        let seen = std::cell::RefCell::new(0);
        let mut body = InterruptedBody::new(b"{\"a\":1}", || {
            *seen.borrow_mut() += 1;
            Ok(())
        });
        let mut first = [0; 3];
        body.read_exact(&mut first).unwrap();
        assert_eq!((&first, *seen.borrow()), (b"{\"a", 0));
        let mut rest = String::new();
        body.read_to_string(&mut rest).unwrap();
        assert_eq!((rest.as_str(), *seen.borrow()), ("\":1}", 1));
        assert!(body.outcome().is_ok());
    }

    #[test]
    fn unsent_body_and_failed_interruption_are_errors() {
        assert!(InterruptedBody::new(b"{}", || Ok(())).outcome().is_err());
        let mut body = InterruptedBody::new(b"{}", || Err(VerifyError::new("no")));
        assert!(body.read_to_string(&mut String::new()).is_err());
        assert!(body.outcome().is_err());
    }
}
