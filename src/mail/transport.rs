//! The way of a message to the mail server.

use std::time::Duration;

use chrono::{DateTime, Utc};
use lettre::transport::smtp::PoolConfig;
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Tls, TlsParameters};
use lettre::{SmtpTransport, Transport as _};
use secrecy::ExposeSecret as _;

use super::mailbox::{Mailbox, SentMail};
use super::message::OutgoingMail;
use super::sender::SendError;
use super::template::Rendered;
use super::url::{MailAddress, MailUrl, Security, SmtpServer};
use crate::domain::Email;

/// Time limit of each command to the mail server.
const TIMEOUT: Duration = Duration::from_secs(20);

/// How long an unused connection to the mail server stays open.
const IDLE: Duration = Duration::from_secs(30);

/// The way of a message.
#[derive(Clone)]
pub(crate) enum Transport {
    /// To the mail server. It has at most one connection, on a thread of its own.
    Smtp(Box<SmtpTransport>, MailAddress),
    /// Into the log.
    Log(MailAddress),
    /// Into the memory of a test server.
    Memory(Mailbox),
}

impl Transport {
    /// Makes the transport. It connects with the first message.
    ///
    /// # Errors
    /// When the machine has no usable certificates.
    pub(crate) fn to(url: &MailUrl, from: &MailAddress) -> Result<Self, String> {
        match url {
            MailUrl::Log => Ok(Self::Log(from.clone())),
            MailUrl::Smtp(server) => {
                let transport = smtp(server).map_err(|error| format!("TLS to the mail server: {error}"))?;
                Ok(Self::Smtp(Box::new(transport), from.clone()))
            }
        }
    }

    /// Sends a mail of the operator, which is not queued.
    ///
    /// # Errors
    /// The answer of the mail server.
    pub(crate) async fn send_now(
        &self,
        to: Email,
        rendered: Rendered,
        id: &str,
        at: DateTime<Utc>,
    ) -> Result<(), SendError> {
        let id = format!("<{id}@{}>", to.as_str().rsplit_once('@').map_or("", |(_, domain)| domain));
        self.send(OutgoingMail { to, rendered, link: None, id, at }).await
    }

    /// Sends a mail.
    ///
    /// # Errors
    /// Why it was not sent, and whether a later attempt can succeed.
    pub(super) async fn send(&self, mail: OutgoingMail) -> Result<(), SendError> {
        match self {
            Self::Smtp(transport, from) => {
                let message = mail.message(from).map_err(SendError::Permanent)?;
                let transport = transport.clone();
                let sent = tokio::task::spawn_blocking(move || transport.send(&message)).await;
                let sent = sent.map_err(|panic| SendError::Temporary(panic.to_string()))?;
                sent.map(drop).map_err(|error| match error.is_permanent() {
                    true => SendError::Permanent(error.to_string()),
                    false => SendError::Temporary(error.to_string()),
                })
            }
            Self::Log(from) => {
                let to = mail.to.clone();
                let text = mail.rendered.text.clone();
                mail.message(from).map_err(SendError::Permanent)?;
                log::info!("mail to {to}:\n{text}");
                Ok(())
            }
            Self::Memory(mailbox) => {
                let OutgoingMail { to, rendered, link, id, at } = mail;
                let (subject, text, html) = (rendered.subject, rendered.text, rendered.html);
                let to = to.to_string();
                mailbox.keep(SentMail { id: 0, to, subject, text, html, link, message_id: id, at });
                Ok(())
            }
        }
    }
}

fn smtp(server: &SmtpServer) -> Result<SmtpTransport, lettre::transport::smtp::Error> {
    let SmtpServer { host, port, security, login } = server;
    // A literal IPv6 address stands in brackets in a URL alone.
    let name = host.trim_start_matches('[').trim_end_matches(']').to_owned();
    let parameters = TlsParameters::new(name.clone())?;
    let tls = match security {
        Security::Tls => Tls::Wrapper(parameters),
        Security::StartTls => Tls::Required(parameters),
        Security::OnThisMachine => Tls::Opportunistic(parameters),
    };
    let pool = PoolConfig::new().max_size(1).idle_timeout(IDLE);
    let builder =
        SmtpTransport::builder_dangerous(name).port(*port).tls(tls).timeout(Some(TIMEOUT)).pool_config(pool);
    let builder = match login {
        Some((user, password)) => {
            builder.credentials(Credentials::new(user.clone(), password.expose_secret().to_owned()))
        }
        None => builder,
    };
    Ok(builder.build())
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead as _, BufReader, Write as _};
    use std::net::TcpListener;

    use super::*;

    /// Answers one client as a mail server without STARTTLS, and returns what the client sent.
    fn without_starttls(listener: &TcpListener) -> Vec<String> {
        let (stream, _) = listener.accept().unwrap();
        let mut commands = Vec::new();
        let answer = |text: &str| (&stream).write_all(format!("{text}\r\n").as_bytes());
        drop(answer("220 here"));
        for line in BufReader::new(&stream).lines().map_while(Result::ok) {
            drop(answer("250 ok"));
            commands.push(line);
        }
        commands
    }

    #[test]
    fn nothing_is_sent_in_clear_to_a_server_without_starttls() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let server = std::thread::spawn(move || without_starttls(&listener));
        let login = Some(("user".to_owned(), "hunter2".into()));
        let to = SmtpServer { host: "127.0.0.1".to_owned(), port, security: Security::StartTls, login };
        let rendered = Rendered { subject: "Key".to_owned(), text: "secret".to_owned(), html: String::new() };
        let from = MailAddress::parse("no-reply@example.org").unwrap();
        let transport = Transport::to(&MailUrl::Smtp(to), &from).unwrap();
        let address = Email::parse("ada@example.com").unwrap();
        let sent = actix_web::rt::System::new()
            .block_on(async { transport.send_now(address, rendered, "1", DateTime::UNIX_EPOCH).await });
        assert!(sent.is_err());
        drop(transport);
        let commands = server.join().unwrap();
        assert!(commands.iter().all(|line| line.starts_with("EHLO") || line == "QUIT"), "{commands:?}");
    }
}
