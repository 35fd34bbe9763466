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
