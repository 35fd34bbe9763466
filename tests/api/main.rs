//! API tests: each one talks HTTP to a real server on its own port with its own database. The files mirror
//! the API's paths.

mod support;

mod applications;
mod architecture;
mod audit;
mod authz_matrix;
mod cli;
mod clients;
mod compiler;
mod configuration;
mod docs;
mod documents;
mod edge;
mod explain;
mod external_issuers;
mod faults;
mod guessing;
mod idempotency;
mod interop;
mod keys;
mod limits;
mod many_children;
mod matrix;
mod metrics;
mod notes;
mod oauth;
mod oauth_token;
mod order_of_answers;
mod pages;
mod passwords;
mod profiles;
mod properties;
mod query_plans;
mod roles_and_status;
mod schemas;
mod sessions;
mod test_server;
mod tls;
mod tokens;
mod torture;
mod traces;
mod user_list;
mod users;
mod verify;
mod whose_record;
