//! Command line: `serve`, and the operator's commands, one file for each command or group. Standard output has
//! only the result. Errors go to standard error, one line each, and the exit code is 1.

mod account;
mod api;
mod arguments;
mod audit;
mod backup;
mod check_pull_request;
mod clashes;
mod clients;
mod commands;
mod config;
mod context;
mod explain;
mod health;
mod jobs;
mod keys;
mod mail;
mod master_key;
mod migrate;
mod new;
mod output;
mod password;
mod progress;
mod remote;
mod run;
mod scope;
mod serve;
mod token;
mod users;
mod verify;
