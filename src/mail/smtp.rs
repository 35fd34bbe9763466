//! The connection to a mail server (RFC 5321). It stays open for the next mail.

use std::time::{Duration, Instant};

use lettre::Message;
use lettre::transport::smtp::Error;
use lettre::transport::smtp::authentication::{Credentials, DEFAULT_MECHANISMS};
use lettre::transport::smtp::client::{AsyncSmtpConnection, TlsParameters};
use lettre::transport::smtp::extension::ClientId;
use secrecy::ExposeSecret as _;
use tokio::sync::Mutex;

use super::error::SendError;
use super::url::{Security, SmtpServer};
use crate::domain::mask_addresses;

/// Time limit of one mail, from the connection to the last reply. The time limit of a run's reaction is longer, so that
/// the result of each attempt is known.
const LIMIT: Duration = Duration::from_secs(40);

/// How long an unused connection to the mail server stays usable.
const IDLE: Duration = Duration::from_secs(30);

/// Client of one mail server. It has at most one connection.
pub(crate) struct SmtpClient {
    /// Host name or address, without brackets.
    name: String,
    port: u16,
    security: Security,
    tls: TlsParameters,
    login: Option<Credentials>,
    limit: Duration,
    kept: Mutex<Option<Kept>>,
}

/// An open connection.
struct Kept {
    connection: AsyncSmtpConnection,
    used: Instant,
}

impl SmtpClient {
    /// Makes the client. It connects with the first mail.
    ///
    /// # Errors
    /// When the machine has no usable certificates.
    pub(super) fn of(server: &SmtpServer) -> Result<Self, Error> {
        let SmtpServer { host, port, security, login } = server;
        // A literal IPv6 address stands in brackets in a URL alone.
        let name = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        let login = login
            .as_ref()
            .map(|(user, password)| Credentials::new(user.clone(), password.expose_secret().to_owned()));
        let tls = TlsParameters::new(name.clone())?;
        let kept = Mutex::default();
        Ok(Self { name, port: *port, security: *security, tls, login, limit: LIMIT, kept })
    }

    /// Hands a mail over.
    ///
    /// # Errors
    /// Why it was not taken, and whether a later attempt can succeed.
    pub(super) async fn send(&self, message: &Message) -> Result<(), SendError> {
        let mut kept = self.kept.lock().await;
        // After the time limit, or when the server stops, the connection ends with this future. A mail that was not
        // sent to its end is not delivered (RFC 5321 §4.1.1.4).
        let handed_over = self.hand_over(kept.take(), message);
        match tokio::time::timeout(self.limit, handed_over).await {
            Ok(Ok(connection)) => {
                *kept = Some(Kept { connection, used: Instant::now() });
                Ok(())
            }
            Ok(Err(error)) => {
                // A mail server can repeat the address in its answer.
                let why = mask_addresses(&error.to_string());
                match error.status().is_some_and(|code| is_final(code.into())) {
                    true => Err(SendError::Permanent(why)),
                    false => Err(SendError::Temporary(why)),
                }
            }
            Err(_) => {
                let seconds = self.limit.as_secs();
                Err(SendError::Temporary(format!(
                    "the mail server needs more than {seconds} seconds for a mail"
                )))
            }
        }
    }

    async fn hand_over(&self, kept: Option<Kept>, message: &Message) -> Result<AsyncSmtpConnection, Error> {
        let mut usable = None;
        if let Some(mut kept) = kept.filter(|kept| kept.used.elapsed() < IDLE)
            && kept.connection.test_connected().await
        {
            usable = Some(kept.connection);
        }
        let mut connection = match usable {
            Some(connection) => connection,
            None => self.connect().await?,
        };
        connection.send(message.envelope(), &message.formatted()).await?;
        Ok(connection)
    }

    async fn connect(&self) -> Result<AsyncSmtpConnection, Error> {
        let (server, hello) = ((self.name.as_str(), self.port), ClientId::default());
        let from_the_first_byte = matches!(self.security, Security::Tls).then(|| self.tls.clone());
        let connecting = AsyncSmtpConnection::connect_tokio1(server, None, &hello, from_the_first_byte, None);
        let mut connection = connecting.await?;
        let needs_starttls = match self.security {
            Security::Tls => false,
            Security::StartTls => true,
            Security::OnThisMachine => connection.can_starttls(),
        };
        if needs_starttls {
            connection.starttls(self.tls.clone(), &hello).await?;
        }
        if let Some(login) = &self.login {
            connection.auth(DEFAULT_MECHANISMS, login).await?;
        }
        Ok(connection)
    }
}

/// Returns true for a reply that refuses the mail for good (RFC 5321 §4.2.1). A refused login (RFC 4954 §6) is a fault
/// of the settings, and all mails would end by it.
fn is_final(reply: u16) -> bool {
    (500..600).contains(&reply) && !matches!(reply, 530 | 534 | 535 | 538)
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead as _, BufReader, Write as _};
    use std::net::TcpListener;
    use std::thread::JoinHandle;

    use super::*;

    /// Mail server without STARTTLS. Its thread ends with the last of so many connections, and returns the lines of each.
    struct Server {
        client: SmtpClient,
        talks: JoinHandle<Vec<Vec<String>>>,
    }

    impl Server {
        /// Starts one that waits so long before each reply.
        fn start(connections: usize, delay: Duration, security: Security) -> Self {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let port = listener.local_addr().unwrap().port();
            let talks = std::thread::spawn(move || {
                listener.incoming().take(connections).map(|stream| talk(&stream.unwrap(), delay)).collect()
            });
            let login = Some(("user".to_owned(), "hunter2".into()))
                .filter(|_| matches!(security, Security::StartTls));
            let server = SmtpServer { host: "127.0.0.1".to_owned(), port, security, login };
            Self { client: SmtpClient::of(&server).unwrap(), talks }
        }

        /// Sends a mail so many times, and returns the results and what the server got.
        fn send(self, limit: Duration, times: usize) -> (Vec<Result<(), SendError>>, Vec<Vec<String>>) {
            let client = SmtpClient { limit, ..self.client };
            let builder = Message::builder().from("no-reply@example.org".parse().unwrap());
            let message = builder.to("ada@example.com".parse().unwrap()).body("secret".to_owned()).unwrap();
            let results = actix_web::rt::System::new().block_on(async {
                let mut results = Vec::new();
                for _ in 0..times {
                    results.push(client.send(&message).await);
                }
                drop(client);
                results
            });
            (results, self.talks.join().unwrap())
        }
    }

    fn talk(stream: &std::net::TcpStream, delay: Duration) -> Vec<String> {
        let answer = |text: &str| {
            std::thread::sleep(delay);
            drop((&*stream).write_all(format!("{text}\r\n").as_bytes()));
        };
        let (mut lines, mut is_message) = (Vec::new(), false);
        answer("220 here");
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            is_message = match line.as_str() {
                "DATA" => {
                    answer("354 go on");
                    true
                }
                text if is_message && text != "." => true,
                _ => {
                    answer("250 ok");
                    false
                }
            };
            lines.push(line);
        }
        lines
    }

    #[test]
    fn a_refused_login_ends_no_mail() {
        for (reply, ends) in
            [(421, false), (451, false), (535, false), (530, false), (550, true), (554, true)]
        {
            assert_eq!(is_final(reply), ends, "{reply}");
        }
    }

    #[test]
    fn mails_share_a_connection() {
        let server = Server::start(1, Duration::ZERO, Security::OnThisMachine);
        let (results, talks) = server.send(LIMIT, 3);
        assert!(results.iter().all(Result::is_ok), "{results:?}");
        assert_eq!(talks[0].iter().filter(|line| *line == ".").count(), 3, "{talks:?}");
    }

    #[test]
    fn slow_server_gets_no_mail_after_the_time_limit() {
        // Each reply comes within the limit, and all together do not.
        let server = Server::start(1, Duration::from_millis(400), Security::OnThisMachine);
        let (results, talks) = server.send(Duration::from_secs(1), 1);
        assert!(matches!(&results[..], [Err(SendError::Temporary(_))]), "{results:?}");
        assert!(!talks[0].iter().any(|line| line == "."), "{talks:?}");
    }

    #[test]
    fn nothing_is_sent_in_clear_to_a_server_without_starttls() {
        let server = Server::start(1, Duration::ZERO, Security::StartTls);
        let (results, talks) = server.send(LIMIT, 1);
        assert!(results[0].is_err());
        assert!(talks[0].iter().all(|line| line.starts_with("EHLO") || line == "QUIT"), "{talks:?}");
    }
}
