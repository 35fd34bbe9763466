//! Settings that the clients of PostgreSQL share on a machine: environment variables
//! (<https://www.postgresql.org/docs/current/libpq-envars.html>) and the password file
//! (<https://www.postgresql.org/docs/current/libpq-pgpass.html>).

use std::path::Path;

use crate::text_file::read_text;

/// Environment variables, each with the parameter of the URL that it is the default of. Those of a parameter that is
/// not supported are refused like it: to ignore one could mean less security than the operator asked for.
pub(super) const VARIABLES: [(&str, &str); 30] = [
    ("PGAPPNAME", "application_name"),
    ("PGCHANNELBINDING", "channel_binding"),
    ("PGCLIENTENCODING", "client_encoding"),
    ("PGCONNECT_TIMEOUT", "connect_timeout"),
    ("PGDATABASE", "dbname"),
    ("PGGSSENCMODE", "gssencmode"),
    ("PGHOST", "host"),
    ("PGHOSTADDR", "hostaddr"),
    ("PGKRBSRVNAME", "krbsrvname"),
    ("PGLOADBALANCEHOSTS", "load_balance_hosts"),
    ("PGMAXPROTOCOLVERSION", "max_protocol_version"),
    ("PGMINPROTOCOLVERSION", "min_protocol_version"),
    ("PGOPTIONS", "options"),
    ("PGPASSFILE", "passfile"),
    ("PGPASSWORD", "password"),
    ("PGPORT", "port"),
    ("PGREQUIREAUTH", "require_auth"),
    ("PGREQUIREPEER", "requirepeer"),
    ("PGREQUIRESSL", "requiressl"),
    ("PGSERVICE", "service"),
    ("PGSSLCERT", "sslcert"),
    ("PGSSLCERTMODE", "sslcertmode"),
    ("PGSSLCRL", "sslcrl"),
    ("PGSSLKEY", "sslkey"),
    ("PGSSLMAXPROTOCOLVERSION", "ssl_max_protocol_version"),
    ("PGSSLMINPROTOCOLVERSION", "ssl_min_protocol_version"),
    ("PGSSLMODE", "sslmode"),
    ("PGSSLROOTCERT", "sslrootcert"),
    ("PGTARGETSESSIONATTRS", "target_session_attrs"),
    ("PGUSER", "user"),
];

/// Returns the password of the first line of a password file that matches the host, the port, the database and the
/// user. Returns none when there is no such file, or when other users can read it.
pub(super) fn password(file: &Path, wanted: [&str; 4]) -> Option<String> {
    let metadata = std::fs::metadata(file).ok()?;
    #[cfg(unix)]
    if std::os::unix::fs::PermissionsExt::mode(&metadata.permissions()) & 0o077 != 0 {
        log::warn!("the password file {} is not used: other users can read it", file.display());
        return None;
    }
    if !metadata.is_file() {
        return None;
    }
    let content = read_text(file).ok()?;
    content.lines().find_map(|line| password_of_line(line, wanted))
}

fn password_of_line(line: &str, wanted: [&str; 4]) -> Option<String> {
    let fields: [String; 5] = fields(line).try_into().ok()?;
    let [host, port, database, user, password] = fields;
    let matches =
        [host, port, database, user].iter().zip(wanted).all(|(has, wanted)| has == "*" || has == wanted);
    (matches && !line.starts_with('#')).then_some(password)
}

/// Splits a line at its colons. A backslash makes the next character part of a field.
fn fields(line: &str) -> Vec<String> {
    let (mut fields, mut field, mut characters) = (Vec::new(), String::new(), line.chars());
    while let Some(character) = characters.next() {
        match character {
            '\\' => field.extend(characters.next()),
            ':' => fields.push(std::mem::take(&mut field)),
            other => field.push(other),
        }
    }
    fields.push(field);
    fields
}

#[cfg(test)]
mod tests {
    use super::password_of_line;

    #[test]
    fn reads_a_line_of_the_password_file() {
        let read = |line| password_of_line(line, ["db", "5432", "shop", "ada"]);
        assert_eq!(read("db:5432:shop:ada:secret").as_deref(), Some("secret"));
        assert_eq!(read(r"*:*:*:ada:a\:b\\c").as_deref(), Some(r"a:b\c"));
        for other in ["db:5433:shop:ada:x", "#b:*:*:*:x", "db:5432:shop:eve:x", "db:5432:shop:x", ""] {
            assert_eq!(read(other), None, "{other}");
        }
    }
}
