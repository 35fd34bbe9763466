//! Stop of a run by a signal: the requests end, and what was created is removed.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use actix_web::rt::System;
use tokio::signal::unix::{SignalKind, signal};

/// Set when a run must end.
#[derive(Clone, Debug, Default)]
pub(crate) struct Stop(Arc<AtomicBool>);

impl Stop {
    /// Returns a value that SIGTERM, SIGINT and SIGHUP set.
    ///
    /// # Errors
    /// When the operating system gives no thread.
    pub(crate) fn at_signals() -> std::io::Result<Self> {
        let stop = Self::default();
        let set = stop.clone();
        let (ready, installed) = std::sync::mpsc::channel();
        let wait = async move {
            let kinds = [SignalKind::terminate(), SignalKind::interrupt(), SignalKind::hangup()];
            let [Ok(mut terminate), Ok(mut interrupt), Ok(mut hangup)] = kinds.map(signal) else { return };
            let _ = ready.send(());
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
                _ = hangup.recv() => {}
            }
            set.0.store(true, Ordering::Relaxed);
        };
        std::thread::Builder::new().name("signals".to_owned()).spawn(|| System::new().block_on(wait))?;
        installed.recv().map_err(|_| std::io::Error::other("the signal handlers cannot be installed"))?;
        Ok(stop)
    }

    /// True when a signal was received.
    pub(crate) fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}
