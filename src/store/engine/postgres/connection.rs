//! A connection to PostgreSQL for diesel's queries.

use std::iter::Map;
use std::pin::pin;
use std::sync::Arc;
use std::vec::IntoIter;

use diesel::connection::statement_cache::{PrepareForCache, StatementCache};
use diesel::connection::{
    AnsiTransactionManager, CacheSize, Connection, ConnectionSealed, DebugQuery, DefaultLoadingMode,
    DynInstrumentation, Instrumentation, InstrumentationEvent as Event, LoadConnection, SimpleConnection,
    StrQueryHelper, TransactionManager as _, TransactionManagerStatus,
};
use diesel::expression::QueryMetadata;
use diesel::migration::{CREATE_MIGRATIONS_TABLE, MigrationConnection};
use diesel::pg::{GetPgMetadataCache, Pg, PgMetadataCache, PgTypeMetadata};
use diesel::query_builder::bind_collector::RawBytesBindCollector;
use diesel::query_builder::{Query, QueryFragment, QueryId};
use diesel::result::{ConnectionResult, Error as DieselError, QueryResult};
use diesel::{ConnectionError, RunQueryDsl as _, debug_query, sql_query};
use futures_util::TryStreamExt as _;
use tokio_postgres::Row;

use super::replay::Replay;
use super::row::{Parameter, PostgresRow};
use super::session::{Limit, Session};
use super::statement::{Question, Statement};
use super::url::PostgresUrl;

/// A connection to PostgreSQL. It blocks the thread during a query, which must not be one of an async runtime.
#[doc(hidden)]
pub struct PostgresConnection {
    source: Source,
    statements: StatementCache<Pg, Arc<Statement>>,
    types: PgMetadataCache,
    transaction: AnsiTransactionManager,
    instrumentation: DynInstrumentation,
}

/// Source of the rows.
enum Source {
    /// The server.
    Session(Box<Session>),
    /// Answers that came before, on another connection.
    Replay(Replay),
}

impl PostgresConnection {
    /// Connects.
    ///
    /// # Errors
    /// The reason why no host accepts the connection.
    pub(in crate::store) fn open(url: &PostgresUrl) -> ConnectionResult<Self> {
        let mut instrumentation = DynInstrumentation::default_instrumentation();
        instrumentation.on_connection_event(Event::start_establish_connection(&url.text));
        let session = Session::open(url).map_err(ConnectionError::BadConnection);
        let finished = Event::finish_establish_connection(&url.text, session.as_ref().err());
        instrumentation.on_connection_event(finished);
        Ok(Self::new(Source::Session(Box::new(session?)), instrumentation, url))
    }

    /// Makes a connection without a server, for [`PostgresConnection::swap_answers`].
    pub(in crate::store) fn replaying(url: &PostgresUrl) -> Self {
        Self::new(Source::Replay(Replay::default()), DynInstrumentation::default_instrumentation(), url)
    }

    fn new(source: Source, instrumentation: DynInstrumentation, url: &PostgresUrl) -> Self {
        let mut statements = StatementCache::new();
        if url.is_pooled {
            statements.set_cache_size(CacheSize::Disabled);
        }
        let (types, transaction) = (PgMetadataCache::new(), AnsiTransactionManager::default());
        Self { source, statements, types, transaction, instrumentation }
    }

    /// Limits the time that each further statement may take.
    pub(in crate::store) fn set_limit(&self, limit: Limit) {
        if let Source::Session(session) = &self.source {
            session.set_limit(limit);
        }
    }

    /// Exchanges the answers from which a connection without a server takes its rows.
    pub(in crate::store) fn swap_answers(&mut self, answers: &mut Replay) {
        if let Source::Replay(replay) = &mut self.source {
            std::mem::swap(replay, answers);
        }
    }

    /// Returns the query's statement and its parameters.
    fn prepare<T>(&mut self, query: &T) -> QueryResult<Question>
    where
        T: QueryFragment<Pg> + QueryId,
    {
        let mut collected = RawBytesBindCollector::<Pg>::new();
        query.collect_binds(&mut collected, self, &Pg)?;
        let statement = self.statements.cached_statement(
            query,
            &Pg,
            &collected.metadata,
            (),
            new_statement,
            &mut *self.instrumentation,
        )?;
        let parameters = collected.binds.into_iter().map(Parameter).collect();
        Ok(Question { statement: Arc::clone(&statement), parameters })
    }

    fn query<T>(&mut self, query: &T) -> QueryResult<Vec<Row>>
    where
        T: QueryFragment<Pg> + QueryId,
    {
        let shown = debug_query(query);
        self.instrumentation.on_connection_event(Event::start_query(&shown));
        let result = self.prepare(query).and_then(|question| match &mut self.source {
            Source::Session(session) => {
                session.run(async |client| question.send(client).await?.try_collect().await)
            }
            Source::Replay(replay) => replay.answer_to(question),
        });
        self.finish(&shown, result)
    }

    fn execute<T>(&mut self, query: &T) -> QueryResult<usize>
    where
        T: QueryFragment<Pg> + QueryId,
    {
        let shown = debug_query(query);
        self.instrumentation.on_connection_event(Event::start_query(&shown));
        let result = self.prepare(query).and_then(|question| {
            self.session()?.run(async |client| {
                let mut rows = pin!(question.send(client).await?);
                while rows.try_next().await?.is_some() {}
                Ok(rows.rows_affected().unwrap_or(0))
            })
        });
        let count = self.finish(&shown, result)?;
        usize::try_from(count).map_err(|error| DieselError::DeserializationError(Box::new(error)))
    }

    /// Returns the connection to the server.
    ///
    /// # Errors
    /// When there is none: answers are replayed for queries alone.
    fn session(&self) -> QueryResult<&Session> {
        match &self.source {
            Source::Session(session) => Ok(session),
            Source::Replay(_) => Err(DieselError::QueryBuilderError("only a query can be replayed".into())),
        }
    }

    /// Notes whether an open transaction can only be rolled back: the server accepts no other statement in it.
    fn finish<T>(&mut self, query: &dyn DebugQuery, result: QueryResult<T>) -> QueryResult<T> {
        self.instrumentation.on_connection_event(Event::finish_query(query, result.as_ref().err()));
        let status = AnsiTransactionManager::transaction_manager_status_mut(self);
        status.set_requires_rollback_maybe_up_to_top_level(result.is_err());
        result
    }

    /// Returns true when the open transaction can only be rolled back. The server answers a commit with success
    /// even then.
    pub(in crate::store) fn is_aborted(&mut self) -> bool {
        match AnsiTransactionManager::transaction_manager_status_mut(self) {
            TransactionManagerStatus::Valid(status) => {
                let open = status.in_transaction.as_ref();
                open.is_some_and(|open| open.requires_rollback_maybe_up_to_top_level)
            }
            TransactionManagerStatus::InError => true,
        }
    }
}

/// Makes a statement of which diesel says whether it is kept. Its text is sent when it is used.
fn new_statement(
    (): (),
    text: &str,
    cache: PrepareForCache,
    metadata: &[PgTypeMetadata],
) -> QueryResult<Arc<Statement>> {
    let is_kept = matches!(cache, PrepareForCache::Yes { .. });
    Statement::new(text, metadata, is_kept).map(Arc::new)
}

impl ConnectionSealed for PostgresConnection {}

impl SimpleConnection for PostgresConnection {
    fn batch_execute(&mut self, statements: &str) -> QueryResult<()> {
        let shown = StrQueryHelper::new(statements);
        self.instrumentation.on_connection_event(Event::start_query(&shown));
        let result =
            self.session().and_then(|session| session.run(|client| client.batch_execute(statements)));
        self.finish(&shown, result)
    }
}

impl Connection for PostgresConnection {
    type Backend = Pg;
    type TransactionManager = AnsiTransactionManager;

    fn establish(url: &str) -> ConnectionResult<Self> {
        Self::open(&PostgresUrl::parse(url).map_err(ConnectionError::BadConnection)?)
    }

    fn execute_returning_count<T>(&mut self, source: &T) -> QueryResult<usize>
    where
        T: QueryFragment<Pg> + QueryId,
    {
        self.execute(source)
    }

    fn transaction_state(&mut self) -> &mut AnsiTransactionManager {
        &mut self.transaction
    }

    fn instrumentation(&mut self) -> &mut dyn Instrumentation {
        &mut *self.instrumentation
    }

    fn set_instrumentation(&mut self, instrumentation: impl Instrumentation) {
        self.instrumentation = instrumentation.into();
    }

    fn set_prepared_statement_cache_size(&mut self, size: CacheSize) {
        self.statements.set_cache_size(size);
    }
}

impl LoadConnection<DefaultLoadingMode> for PostgresConnection {
    type Cursor<'conn, 'query> = Map<IntoIter<Row>, fn(Row) -> QueryResult<PostgresRow>>;
    type Row<'conn, 'query> = PostgresRow;

    fn load<'conn, 'query, T>(&'conn mut self, source: T) -> QueryResult<Self::Cursor<'conn, 'query>>
    where
        T: Query + QueryFragment<Pg> + QueryId + 'query,
        Pg: QueryMetadata<T::SqlType>,
    {
        let to_row: fn(Row) -> QueryResult<PostgresRow> = |row| Ok(PostgresRow(row));
        Ok(self.query(&source)?.into_iter().map(to_row))
    }
}

impl GetPgMetadataCache for PostgresConnection {
    fn get_metadata_cache(&mut self) -> &mut PgMetadataCache {
        &mut self.types
    }
}

impl MigrationConnection for PostgresConnection {
    fn setup(&mut self) -> QueryResult<usize> {
        sql_query(CREATE_MIGRATIONS_TABLE).execute(self)
    }
}
