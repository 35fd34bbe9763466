//! How a server is stopped: it says that it is not ready any more, goes on answering for as long as a
//! load balancer needs to see that, and then lets what is in flight finish.

use std::time::Duration;

use crate::http::kit::shutdown_flag::ShutdownFlag;
use actix_web::dev::ServerHandle;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// The signals that stop a server.
pub(crate) struct Signals {
    terminate: Signal,
    interrupt: Signal,
    quit: Signal,
}

/// How a signal asks it to stop.
#[derive(PartialEq, Eq)]
enum Manner {
    /// In order, as before a restart behind a load balancer: SIGTERM.
    InOrder,
    /// At once, as by whoever sits in front of it: SIGINT, SIGQUIT.
    AtOnce,
}

impl Signals {
    /// Takes the signals from whoever had them.
    ///
    /// # Errors
    /// When the system does not give them.
    pub(crate) fn take() -> std::io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            quit: signal(SignalKind::quit())?,
        })
    }

    async fn next(&mut self) -> Manner {
        tokio::select! {
            _ = self.terminate.recv() => Manner::InOrder,
            _ = self.interrupt.recv() => Manner::AtOnce,
            _ = self.quit.recv() => Manner::AtOnce,
        }
    }

    /// Stops the server when one of them comes. Another one ends its grace.
    pub(crate) async fn obey(mut self, server: ServerHandle, flag: &ShutdownFlag, grace: Duration) {
        let mut manner = self.next().await;
        if manner == Manner::InOrder && !grace.is_zero() {
            log::info!("told to stop: not ready from now on, and answering for {grace:?} more");
            flag.set();
            tokio::select! {
                () = tokio::time::sleep(grace) => {}
                next = self.next() => manner = next,
            }
        }
        log::info!("stopping");
        server.stop(manner == Manner::InOrder).await;
    }
}
