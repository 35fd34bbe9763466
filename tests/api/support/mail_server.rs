//! Mail server of a test: it speaks SMTP (RFC 5321) on a port of its own and keeps what it gets.

use std::collections::VecDeque;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::wait::PATIENCE;

/// Message as it arrived.
#[derive(Clone, Debug)]
pub struct Mail {
    pub to: String,
    /// The headers, unfolded, and the text part, decoded.
    pub headers: Vec<(String, String)>,
    pub text: String,
    pub html: String,
}

/// Mail server of a test. It stops when it is dropped.
pub struct MailServer {
    port: u16,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    mails: Vec<Mail>,
    /// Replies to the next messages, instead of `250`; true for one that is kept all the same.
    replies: VecDeque<(String, bool)>,
    /// True while each message is refused for now.
    refuses: bool,
    /// Number of connections so far.
    connections: usize,
    /// True while no command is answered.
    hangs: bool,
    stopped: bool,
}

impl Mail {
    pub fn header(&self, name: &str) -> &str {
        let found = self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str()).unwrap_or_default()
    }

    /// Returns the link in the text part.
    #[track_caller]
    pub fn link(&self) -> String {
        let found = self.text.split_whitespace().find(|word| word.contains("token="));
        found.unwrap_or_else(|| panic!("a link: {self:?}")).to_owned()
    }

    /// Returns the token of the link.
    #[track_caller]
    pub fn token(&self) -> String {
        self.link().split_once("token=").expect("a token").1.to_owned()
    }
}

impl MailServer {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let shared = Arc::new(Shared::default());
        let accepting = Arc::clone(&shared);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if accepting.state.lock().unwrap().stopped {
                    return;
                }
                let shared = Arc::clone(&accepting);
                std::thread::spawn(move || drop(shared.talk(stream)));
            }
        });
        Self { port, shared }
    }

    /// Returns the settings of a server that sends its mail here.
    pub fn settings(&self) -> [(&'static str, String); 2] {
        [
            ("CLOAKROOM_MAIL_URL", format!("smtp://127.0.0.1:{}", self.port)),
            ("CLOAKROOM_MAIL_FROM", "Cloakroom <no-reply@example.org>".to_owned()),
        ]
    }

    /// Replies so to the next message.
    pub fn reply_to_next(&self, reply: &str) {
        self.shared.state.lock().unwrap().replies.push_back((reply.to_owned(), false));
    }

    /// Keeps the next message, and replies that it did not.
    pub fn keep_but_refuse_next(&self) {
        self.shared.state.lock().unwrap().replies.push_back(("451 not now".to_owned(), true));
    }

    /// Begins or ends to refuse each message for now.
    pub fn refuse_all(&self, refuses: bool) {
        self.shared.state.lock().unwrap().refuses = refuses;
    }

    /// Waits for the first connection.
    #[track_caller]
    pub fn wait_for_connection(&self) {
        let state = self.shared.state.lock().unwrap();
        let none = |state: &mut State| state.connections == 0;
        let (_state, timed_out) = self.shared.changed.wait_timeout_while(state, PATIENCE, none).unwrap();
        assert!(!timed_out.timed_out(), "no connection");
    }

    /// Stops or starts to answer commands.
    pub fn hang(&self, hangs: bool) {
        self.shared.state.lock().unwrap().hangs = hangs;
        self.shared.changed.notify_all();
    }

    /// Returns the messages to an address, as soon as there are so many.
    #[track_caller]
    pub fn wait_for(&self, to: &str, count: usize) -> Vec<Mail> {
        let of = |state: &State| -> Vec<Mail> {
            state.mails.iter().filter(|mail| mail.to == to).cloned().collect()
        };
        let state = self.shared.state.lock().unwrap();
        let waiting = |state: &mut State| of(state).len() < count;
        let (state, timed_out) = self.shared.changed.wait_timeout_while(state, PATIENCE, waiting).unwrap();
        assert!(!timed_out.timed_out(), "{count} mails to {to}, but there are {:?}", state.mails);
        of(&state)
    }

    /// Returns the newest message to an address, which may still be on its way.
    #[track_caller]
    pub fn last_to(&self, to: &str, number: usize) -> Mail {
        self.wait_for(to, number).remove(number - 1)
    }

    /// Returns all messages so far.
    pub fn all(&self) -> Vec<Mail> {
        self.shared.state.lock().unwrap().mails.clone()
    }

    /// Returns the number of messages so far.
    pub fn count(&self) -> usize {
        self.shared.state.lock().unwrap().mails.len()
    }
}

impl Drop for MailServer {
    fn drop(&mut self) {
        let mut state = self.shared.state.lock().unwrap();
        (state.stopped, state.hangs) = (true, false);
        drop(state);
        self.shared.changed.notify_all();
        drop(TcpStream::connect(("127.0.0.1", self.port)));
    }
}

impl Shared {
    fn talk(&self, stream: TcpStream) -> std::io::Result<()> {
        stream.set_read_timeout(Some(Duration::from_secs(60)))?;
        let mut lines = BufReader::new(stream.try_clone()?);
        let answer = |text: &str| (&stream).write_all(format!("{text}\r\n").as_bytes());
        let wait = || {
            let state = self.state.lock().unwrap();
            drop(self.changed.wait_while(state, |state| state.hangs).unwrap());
        };
        self.state.lock().unwrap().connections += 1;
        self.changed.notify_all();
        wait();
        answer("220 mail of a test")?;
        let mut to = String::new();
        loop {
            let mut line = String::new();
            if lines.read_line(&mut line)? == 0 {
                return Ok(());
            }
            wait();
            let command = line.trim_end().to_owned();
            match command.split([' ', ':']).next().unwrap_or_default().to_uppercase().as_str() {
                "EHLO" => answer("250-mail\r\n250-8BITMIME\r\n250 SMTPUTF8")?,
                "RCPT" => {
                    let address = command.split(['<', '>']).nth(1).unwrap_or_default();
                    to = address.to_owned();
                    answer("250 ok")?;
                }
                "DATA" => {
                    answer("354 go on")?;
                    let mut raw = String::new();
                    loop {
                        let mut line = String::new();
                        if lines.read_line(&mut line)? == 0 {
                            return Ok(());
                        }
                        if line == ".\r\n" {
                            break;
                        }
                        raw += line.strip_prefix('.').unwrap_or(&line);
                    }
                    let reply = self.take(&to, &raw);
                    answer(&reply)?;
                }
                "QUIT" => return answer("221 bye"),
                _ => answer("250 ok")?,
            }
        }
    }

    fn take(&self, to: &str, raw: &str) -> String {
        let mut state = self.state.lock().unwrap();
        let next = state.replies.pop_front();
        let (reply, is_kept) = match state.refuses {
            true => ("451 not now".to_owned(), false),
            false => next.unwrap_or_else(|| ("250 taken".to_owned(), true)),
        };
        if is_kept {
            state.mails.push(parsed(to, raw));
        }
        self.changed.notify_all();
        reply
    }
}

fn parsed(to: &str, raw: &str) -> Mail {
    let (head, body) = raw.split_once("\r\n\r\n").expect("headers and a body");
    let headers = headers_of(head);
    let kind = headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("content-type")).expect("a type");
    let boundary =
        kind.1.split("boundary=\"").nth(1).and_then(|rest| rest.split('"').next()).expect("a boundary");
    let separator = format!("--{boundary}");
    let mut parts = body.split(separator.as_str()).skip(1).map(|part| {
        let (head, body) = part.trim_start_matches("\r\n").split_once("\r\n\r\n").unwrap_or((part, ""));
        let headers = headers_of(head);
        let coding = headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("content-transfer-encoding"));
        decoded(coding.map_or("7bit", |(_, coding)| coding), body)
    });
    let (text, html) = (parts.next().expect("a text part"), parts.next().expect("an HTML part"));
    Mail { to: to.to_owned(), headers, text, html }
}

fn headers_of(head: &str) -> Vec<(String, String)> {
    let unfolded = head.replace("\r\n ", " ").replace("\r\n\t", " ");
    let lines = unfolded.lines().filter_map(|line| line.split_once(':'));
    lines.map(|(name, value)| (name.to_owned(), value.trim().to_owned())).collect()
}

fn decoded(coding: &str, body: &str) -> String {
    let bytes = match coding.to_lowercase().as_str() {
        "base64" => STANDARD.decode(body.replace(['\r', '\n'], "")).expect("base64"),
        "quoted-printable" => {
            let mut bytes = Vec::new();
            let mut rest = body.replace("=\r\n", "").into_bytes().into_iter();
            while let Some(byte) = rest.next() {
                if byte != b'=' {
                    bytes.push(byte);
                    continue;
                }
                let digits: Vec<u8> = rest.by_ref().take(2).collect();
                let digits = String::from_utf8(digits).expect("digits");
                bytes.push(u8::from_str_radix(&digits, 16).expect("a byte"));
            }
            bytes
        }
        _ => body.as_bytes().to_vec(),
    };
    String::from_utf8(bytes).expect("UTF-8")
}
