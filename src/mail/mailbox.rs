//! Mailbox of a test server: messages are kept in memory, and nothing leaves the server.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, Utc};
use tokio::sync::watch;

use crate::domain::Email;

/// Number of messages that are kept. The oldest is forgotten.
const CAPACITY: usize = 10_000;

/// A message that a test server would have sent.
#[derive(Clone, Debug)]
pub(crate) struct SentMail {
    /// Position among all messages, from 1.
    pub(crate) id: u64,
    /// Its receiver.
    pub(crate) to: String,
    pub(crate) subject: String,
    pub(crate) text: String,
    pub(crate) html: String,
    /// The link in it, if there is one.
    pub(crate) link: Option<String>,
    /// `Message-ID`. A duplicate has the same.
    pub(crate) message_id: String,
    pub(crate) at: DateTime<Utc>,
}

/// Mailbox of a test server. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub(crate) struct Mailbox(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    messages: Mutex<VecDeque<SentMail>>,
    newest: watch::Sender<u64>,
}

impl Mailbox {
    /// Keeps a message and numbers it.
    pub(super) fn keep(&self, mail: SentMail) {
        let mut messages = self.0.messages.lock().unwrap_or_else(PoisonError::into_inner);
        let id = *self.0.newest.borrow() + 1;
        if messages.len() == CAPACITY {
            messages.pop_front();
        }
        messages.push_back(SentMail { id, ..mail });
        self.0.newest.send_replace(id);
    }

    /// Returns the messages after this number, the oldest first. With `to`, only those to
    /// the address with this key.
    pub(crate) fn after(&self, number: u64, to: Option<&str>) -> Vec<SentMail> {
        let messages = self.0.messages.lock().unwrap_or_else(PoisonError::into_inner);
        let is_meant =
            |mail: &&SentMail| mail.id > number && to.is_none_or(|to| Email::comparable(&mail.to) == to);
        messages.iter().filter(is_meant).cloned().collect()
    }

    /// Returns a receiver that changes with each message.
    pub(crate) fn newest(&self) -> watch::Receiver<u64> {
        self.0.newest.subscribe()
    }

    /// Forgets all messages. Their numbers go on.
    pub(crate) fn clear(&self) {
        self.0.messages.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}
