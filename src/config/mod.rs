//! Configuration: one struct, each field declared once with its meaning, variable, default and check. The
//! loader, the flags, `cloakroom config` and the pages of the documentation come from that list.
//!
//! An application declares its own settings in the same way, by [`settings!`](crate::settings!). Its
//! variables begin with its own name. Only an unknown `CLOAKROOM_…` variable is an error: another program
//! may use any other name.

mod auto;
mod checks;
mod contradictions;
mod database;
mod declare;
mod fault;
mod issuers;
mod list;
mod load;
mod machine;
pub mod parse;
mod reader;
mod report;
mod service_links;
mod setting;
mod settings;
mod values;

pub use secrecy::{ExposeSecret, SecretString};

pub use crate::telemetry::logging::LogFormat;
pub use database::Database;
pub use declare::Settings;
pub use fault::{Fault, Faults, Source};
pub use list::SettingsList;
pub use load::Sources;
pub(crate) use machine::Machine;
pub use reader::Reader;
pub use report::{Report, Row};
pub use setting::{DefaultValue, Lookup, Setting, at};
pub use settings::Config;
pub(crate) use settings::METRICS_LISTEN;
pub(crate) use values::TlsFiles;
pub use values::{Environment, ForwardingHeader, MasterKeySource, Registration, Retention};
