//! Graceful shutdown. The server reports that it is not ready, answers until the load balancer has noticed,
//! and then lets the requests in flight finish.

use std::time::Duration;

use actix_web::dev::ServerHandle;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::http::kit::ShutdownFlag;

/// Signals that stop a server.
pub(crate) struct Signals {
    terminate: Signal,
    interrupt: Signal,
    quit: Signal,
    /// Set when no signal waits for requests in flight.
    at_once: bool,
}

/// Kind of a shutdown.
#[derive(PartialEq, Eq)]
enum Shutdown {
    /// Gracefully, for a restart behind a load balancer: SIGTERM.
    Graceful,
    /// At once, for a user at a terminal: SIGINT, SIGQUIT.
    Immediate,
}

impl Signals {
    /// Installs the signal handlers, in place of any others.
    ///
    /// # Errors
    /// When the operating system refuses them.
    pub(crate) fn take() -> std::io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            quit: signal(SignalKind::quit())?,
            at_once: false,
        })
    }

    /// Lets each signal stop the server without a wait for requests in flight.
    pub(crate) fn at_once(self) -> Self {
        Self { at_once: true, ..self }
    }

    async fn next(&mut self) -> Shutdown {
        tokio::select! {
            _ = self.terminate.recv() => match self.at_once {
                false => Shutdown::Graceful,
                true => Shutdown::Immediate,
            },
            _ = self.interrupt.recv() => Shutdown::Immediate,
            _ = self.quit.recv() => Shutdown::Immediate,
        }
    }

    /// Stops the server at the first signal. A second signal ends the grace period.
    pub(crate) async fn stop(mut self, server: ServerHandle, flag: &ShutdownFlag, grace: Duration) {
        let mut shutdown = self.next().await;
        if shutdown == Shutdown::Graceful && !grace.is_zero() {
            log::info!("shutdown has begun: the server is not ready, and still answers for {grace:?}");
            flag.set();
            tokio::select! {
                () = tokio::time::sleep(grace) => {}
                next = self.next() => shutdown = next,
            }
        }
        log::info!("the server stops");
        server.stop(shutdown == Shutdown::Graceful).await;
    }
}
