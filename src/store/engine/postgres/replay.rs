//! Queries are blocking code, written once for both engines. To run them over a connection on which nothing blocks, the
//! code runs on the answers so far. The first statement without an answer ends the run. It is sent, and when its answer
//! is there, the code runs again from its beginning. So the code must have no effect but its queries, and take the same
//! way each time.

use std::mem::take;
use std::sync::Arc;

use diesel::QueryResult;
use diesel::result::Error as DieselError;
use tokio_postgres::Row;

use super::sqlstate::lost;
use super::statement::{Question, Statement};

/// The answers of one read, in their order.
#[derive(Default)]
pub(in crate::store) struct Replay {
    answers: Vec<(Arc<Statement>, Vec<Row>)>,
    /// Number of answers that this run took.
    taken: usize,
    question: Option<Question>,
}

impl Replay {
    /// Returns the rows of the next answer.
    ///
    /// # Errors
    /// When there is none yet, or when it belongs to another statement.
    pub(super) fn answer_to(&mut self, question: Question) -> QueryResult<Vec<Row>> {
        match self.answers.get(self.taken) {
            Some((statement, rows)) if statement.text() == question.statement.text() => {
                self.taken += 1;
                Ok(rows.clone())
            }
            Some(_) => Err(DieselError::QueryBuilderError("the read took another way".into())),
            None => {
                // After an error the code may go on. Its first question is the one that has to be answered.
                self.question.get_or_insert(question);
                Err(lost("the answer is not here yet"))
            }
        }
    }

    /// Ends a run. Returns the statement that it could not go on without.
    pub(super) fn take_question(&mut self) -> Option<Question> {
        self.taken = 0;
        take(&mut self.question)
    }

    /// Appends the rows of the statement.
    pub(super) fn push_answer(&mut self, statement: Arc<Statement>, rows: Vec<Row>) {
        self.answers.push((statement, rows));
    }
}

#[cfg(test)]
mod tests {
    use diesel::connection::SimpleConnection as _;
    use diesel::dsl::sql;
    use diesel::sql_types::Integer;
    use diesel::{QueryResult, RunQueryDsl as _, select};

    use super::Replay;
    use crate::store::engine::postgres::{PostgresConnection, PostgresUrl};

    /// Runs a read on the answers so far. Returns its result, and the text of the statement that it asks next.
    fn run<T>(
        answers: &mut Replay,
        read: impl FnOnce(&mut PostgresConnection) -> QueryResult<T>,
    ) -> (QueryResult<T>, Option<String>) {
        let mut conn = PostgresConnection::replaying(&PostgresUrl::parse("postgres://db/x").unwrap());
        conn.swap_answers(answers);
        let result = read(&mut conn);
        conn.swap_answers(answers);
        let question = answers.take_question();
        let text = question.as_ref().map(|question| question.statement.text().to_owned());
        if let Some(question) = question {
            answers.push_answer(question.statement, Vec::new());
        }
        (result, text)
    }

    fn load(conn: &mut PostgresConnection, what: &str) -> QueryResult<Vec<i32>> {
        select(sql::<Integer>(what)).load(conn)
    }

    #[test]
    fn a_run_goes_as_far_as_the_answers() {
        let (mut answers, mut runs) = (Replay::default(), 0);
        let mut read = |conn: &mut PostgresConnection| {
            runs += 1;
            load(conn, "1")?;
            load(conn, "2")
        };
        let asked = [(); 3].map(|()| run(&mut answers, &mut read));
        assert!(asked[0].0.is_err() && asked[1].0.is_err(), "{asked:?}");
        assert_eq!(asked[2].0, Ok(Vec::new()));
        let texts = asked.map(|(_, text)| text);
        assert_eq!(texts.each_ref().map(Option::as_deref), [Some("SELECT 1"), Some("SELECT 2"), None]);
        assert_eq!(runs, 3);
    }

    #[test]
    fn the_first_statement_without_an_answer_is_asked() {
        let mut answers = Replay::default();
        let read = |conn: &mut PostgresConnection| load(conn, "1").or_else(|_| load(conn, "2"));
        assert_eq!(run(&mut answers, read).1.as_deref(), Some("SELECT 1"));
        assert_eq!(run(&mut answers, read), (Ok(Vec::new()), None));
    }

    #[test]
    fn an_answer_belongs_to_its_statement() {
        let mut answers = Replay::default();
        run(&mut answers, |conn| load(conn, "1")).0.unwrap_err();
        let (result, question) = run(&mut answers, |conn| load(conn, "2"));
        assert!(result.is_err() && question.is_none(), "{result:?}");
    }

    #[test]
    fn only_queries_are_replayed() {
        let (result, question) = run(&mut Replay::default(), |conn| conn.batch_execute("DELETE FROM users"));
        assert!(result.is_err() && question.is_none(), "{result:?}");
        let delete = |conn: &mut PostgresConnection| diesel::sql_query("DELETE FROM users").execute(conn);
        let (result, question) = run(&mut Replay::default(), delete);
        assert!(result.is_err() && question.is_none(), "{result:?}");
    }
}
