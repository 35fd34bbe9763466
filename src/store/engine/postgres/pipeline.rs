//! A connection for many reads at a time. Each statement is sent without waiting for the answers to those before it, and
//! the server answers in the same order. A task sends and receives, so that no thread waits.

use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use diesel::QueryResult;
use futures_util::TryStreamExt as _;
use tokio::task::{AbortHandle, spawn};
use tokio::time::timeout;
use tokio_postgres::Client;

use super::connect::{NO_ANSWER, Opened, connect};
use super::replay::Replay;
use super::session::cancel;
use super::sqlstate::{describe, diesel_error};
use super::tls::Tls;
use super::url::{Host, PostgresUrl};

/// A pipelined connection. It ends when it is dropped.
pub(in crate::store) struct Pipeline {
    client: Arc<Client>,
    driver: AbortHandle,
    host: Host,
    tls: Tls,
    /// Set when it is not used for further reads.
    is_given_up: AtomicBool,
}

impl Pipeline {
    /// Connects, and runs the statements that configure a session. An async runtime must run this thread.
    ///
    /// # Errors
    /// The reason why no host accepts the connection, or a statement fails.
    pub(in crate::store) async fn open(url: &PostgresUrl, settings: &str) -> Result<Self, String> {
        let Opened { client, mut driver, host, tls, .. } = connect(url).await?;
        let work =
            async move { while let Some(Ok(_)) = poll_fn(|context| driver.poll_message(context)).await {} };
        let driver = spawn(work).abort_handle();
        let pipeline =
            Self { client: Arc::new(client), driver, host, tls, is_given_up: AtomicBool::new(false) };
        match timeout(url.connect_timeout, pipeline.client.batch_execute(settings)).await {
            Ok(Ok(())) => Ok(pipeline),
            Ok(Err(error)) => Err(describe(&error)),
            Err(_) => {
                pipeline.driver.abort();
                Err(NO_ANSWER.to_owned())
            }
        }
    }

    /// Returns true while the connection takes reads.
    pub(in crate::store) fn is_open(&self) -> bool {
        !self.is_given_up.load(Ordering::Relaxed) && !self.client.is_closed()
    }

    /// Sends the statement without which the last run of a read could not go on, and appends its answer. Returns false
    /// when there is none.
    ///
    /// # Errors
    /// As on a pooled connection.
    pub(in crate::store) async fn answer(&self, replay: &mut Replay) -> QueryResult<bool> {
        let Some(question) = replay.take_question() else { return Ok(false) };
        let statement = Arc::clone(&question.statement);
        let rows = async { question.send(&self.client).await?.try_collect().await };
        replay.push_answer(statement, rows.await.map_err(|error| diesel_error(&error))?);
        Ok(true)
    }

    /// Takes no further reads. Those that wait get their answers.
    pub(in crate::store) fn retire(&self) {
        self.is_given_up.store(true, Ordering::Relaxed);
    }

    /// Gives up a connection that is late: cancels the statement that runs on it, and closes it. The reads that wait
    /// on it fail.
    pub(in crate::store) fn give_up(&self) {
        if self.is_given_up.swap(true, Ordering::Relaxed) {
            return;
        }
        let (client, driver) = (Arc::clone(&self.client), self.driver.clone());
        let (host, tls) = (self.host.clone(), self.tls.clone());
        drop(spawn(async move {
            cancel(&client, &host, &tls).await;
            driver.abort();
        }));
    }
}
