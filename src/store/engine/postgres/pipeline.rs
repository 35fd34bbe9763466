//! A connection for many reads at a time. Each statement is sent without waiting for the answers to those before it, and
//! the server answers in the same order. A task sends and receives, so that no thread waits.

use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use diesel::QueryResult;
use futures_util::TryStreamExt as _;
use futures_util::future::join3;
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
    /// Behind a connection pooler, the statements that begin a transaction for each query: no session keeps its
    /// settings.
    begin: Option<String>,
    /// Set when it is not used for further reads.
    is_given_up: AtomicBool,
}

impl Pipeline {
    /// Connects, and runs the statements that configure the session. An async runtime must run this thread.
    ///
    /// # Errors
    /// The reason why no host accepts the connection, or a statement fails.
    pub(in crate::store) async fn open(
        url: &PostgresUrl,
        settings: &str,
        begin: Option<String>,
    ) -> Result<Self, String> {
        let Opened { client, mut driver, host, tls, .. } = connect(url).await?;
        let work =
            async move { while let Some(Ok(_)) = poll_fn(|context| driver.poll_message(context)).await {} };
        let driver = spawn(work).abort_handle();
        let (client, is_given_up) = (Arc::new(client), AtomicBool::new(false));
        let pipeline = Self { client, driver, host, tls, begin, is_given_up };
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
        let query = async { question.send(&self.client).await?.try_collect().await };
        let rows = match &self.begin {
            None => query.await,
            // All three are sent at once, so this takes one round trip.
            Some(begin) => {
                let (begin, end) = (self.client.batch_execute(begin), self.client.batch_execute("ROLLBACK"));
                let (begun, rows, ended) = join3(begin, query, end).await;
                begun.and(rows).and_then(|rows| ended.map(|()| rows))
            }
        };
        replay.push_answer(statement, rows.map_err(|error| diesel_error(&error))?);
        Ok(true)
    }

    /// Takes no further reads. Those that wait get their answers.
    pub(in crate::store) fn retire(&self) {
        self.is_given_up.store(true, Ordering::Relaxed);
    }

    /// Gives up a connection that is late: cancels the statement that runs on it, and closes it. The reads that wait
    /// on it fail. A pooler gets no cancel request: pgbouncer 1.18 crashes when the sender of one disconnects early.
    /// There the transaction has a timeout.
    pub(in crate::store) fn give_up(&self) {
        if self.is_given_up.swap(true, Ordering::Relaxed) {
            return;
        }
        if self.begin.is_some() {
            return self.driver.abort();
        }
        let (client, driver) = (Arc::clone(&self.client), self.driver.clone());
        let (host, tls) = (self.host.clone(), self.tls.clone());
        drop(spawn(async move {
            cancel(&client, &host, &tls).await;
            driver.abort();
        }));
    }
}
