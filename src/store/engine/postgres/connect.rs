//! The way to a server: several hosts, each with a timeout for everything up to the first statement.

use std::future::poll_fn;
use std::io;
use std::pin::pin;
use std::time::Duration;

use futures_util::future::{Either, select};
use futures_util::stream::{FuturesUnordered, StreamExt as _};
use socket2::{SockRef, TcpKeepalive};
use tokio::net::{TcpStream, lookup_host};
use tokio::time::{sleep, timeout};
use tokio_postgres::config::TargetSessionAttrs;
use tokio_postgres::tls::MakeTlsConnect;
use tokio_postgres::{AsyncMessage, Client, Config, Connection, Error as DriverError, SimpleQueryMessage};

use super::sqlstate::describe;
use super::tls::Tls;
use super::url::{Address, Host, PostgresUrl};
use super::wire::Wire;

/// Delay before the next host is tried beside one that does not answer.
const STAGGER: Duration = Duration::from_millis(250);

pub(super) const NO_ANSWER: &str = "no answer in time";

/// Driver, which sends and receives on a connection's socket.
pub(super) type Driver = Connection<Wire, <Tls as MakeTlsConnect<Wire>>::Stream>;

/// An open connection.
pub(super) struct Opened {
    pub(super) client: Client,
    pub(super) driver: Driver,
    pub(super) wire: Wire,
    /// The host that accepted, with the address.
    pub(super) host: Host,
    pub(super) tls: Tls,
}

/// Connects to the first host that accepts. The hosts are tried in their order. A host that refuses is followed
/// by the next at once, and one that hangs after [`STAGGER`].
///
/// # Errors
/// The reason of each host.
pub(super) async fn connect(url: &PostgresUrl) -> Result<Opened, String> {
    let tls = url.tls.read()?;
    let mut waiting = url.hosts.iter();
    let mut running = FuturesUnordered::new();
    let mut refused = Vec::new();
    loop {
        running.extend(waiting.next().map(|host| open(host, url.connect_timeout, tls.clone())));
        let result = if waiting.len() == 0 {
            running.next().await
        } else {
            match select(running.next(), pin!(sleep(STAGGER))).await {
                Either::Left((result, _)) => result,
                Either::Right(_) => continue,
            }
        };
        match result {
            Some(Ok(opened)) => return Ok(opened),
            Some(Err(why)) => refused.push(why),
            None => return Err(refused.join("; ")),
        }
    }
}

async fn open(host: &Host, limit: Duration, tls: Tls) -> Result<Opened, String> {
    let result = timeout(limit, start(host, limit, &tls)).await;
    result.unwrap_or_else(|_| Err(NO_ANSWER.to_owned())).map_err(|why| format!("{}: {why}", host.name))
}

/// Opens a connection to the first address of a host that accepts. Each address has its share of the time.
///
/// # Errors
/// The reason of the last address, which begins with the SQLSTATE when the server has refused.
pub(super) async fn start(host: &Host, limit: Duration, tls: &Tls) -> Result<Opened, String> {
    let addresses: Vec<Address> = match &host.address {
        Address::Name(name, port) => {
            let found = lookup_host((name.as_str(), *port)).await.map_err(|error| error.to_string())?;
            found.map(Address::Ip).collect()
        }
        known => vec![known.clone()],
    };
    let mut result = Err("the name has no address".to_owned());
    let share = limit / u32::try_from(addresses.len().max(1)).unwrap_or(u32::MAX);
    for address in addresses {
        let host = Host { address, ..host.clone() };
        result = timeout(share, start_here(host, tls)).await.unwrap_or_else(|_| Err(NO_ANSWER.to_owned()));
        if result.is_ok() {
            break;
        }
    }
    result
}

/// Opens a connection, and looks whether the server is one that `target_session_attrs` asks for.
async fn start_here(host: Host, tls: &Tls) -> Result<Opened, String> {
    let wire = dial(&host).await.map_err(|error| error.to_string())?;
    let opened = host.config.connect_raw(wire.clone(), session(tls, &host)).await;
    let (client, mut driver) = opened.map_err(|error| describe(&error))?;
    if host.config.get_target_session_attrs() == TargetSessionAttrs::ReadWrite {
        let (answer, _) = beside(&mut driver, client.simple_query("SHOW transaction_read_only")).await?;
        let is_read_only =
            |message| matches!(message, SimpleQueryMessage::Row(row) if row.get(0) == Some("on"));
        if answer.into_iter().any(is_read_only) {
            return Err("the server is read-only".to_owned());
        }
    }
    Ok(Opened { client, driver, wire, host, tls: tls.clone() })
}

/// Returns what makes the TLS session with a host.
pub(super) fn session(tls: &Tls, host: &Host) -> <Tls as MakeTlsConnect<Wire>>::TlsConnect {
    let Ok(session) = MakeTlsConnect::<Wire>::make_tls_connect(&mut tls.clone(), &host.tls_name);
    session
}

/// Opens a socket.
///
/// # Errors
/// When the host does not accept.
pub(super) async fn dial(host: &Host) -> io::Result<Wire> {
    let stream = match &host.address {
        Address::Socket(path) => return Wire::unix(path).await,
        Address::Ip(address) => TcpStream::connect(address).await?,
        Address::Name(name, port) => TcpStream::connect((name.as_str(), *port)).await?,
    };
    set_options(&stream, &host.config)?;
    Ok(Wire::tcp(stream))
}

/// Sets what detects a host that is gone.
fn set_options(stream: &TcpStream, config: &Config) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let socket = SockRef::from(stream);
    #[cfg(target_os = "linux")]
    socket.set_tcp_user_timeout(config.get_tcp_user_timeout().copied())?;
    if !config.get_keepalives() {
        return Ok(());
    }
    let mut keepalive = TcpKeepalive::new().with_time(config.get_keepalives_idle());
    if let Some(interval) = config.get_keepalives_interval() {
        keepalive = keepalive.with_interval(interval);
    }
    if let Some(retries) = config.get_keepalives_retries() {
        keepalive = keepalive.with_retries(retries);
    }
    socket.set_tcp_keepalive(&keepalive)
}

/// Runs `work` while the driver sends and receives. Returns its result, and true if a notification came meanwhile.
async fn beside<T>(
    driver: &mut Driver,
    work: impl Future<Output = Result<T, DriverError>>,
) -> Result<(T, bool), String> {
    let mut notified = false;
    let receive = async {
        loop {
            match receive(driver).await {
                Ok(()) => notified = true,
                Err(why) => return why,
            }
        }
    };
    let result = match select(pin!(work), pin!(receive)).await {
        Either::Left((result, _)) => result.map_err(|error| describe(&error)),
        Either::Right((why, _)) => Err(why),
    };
    Ok((result?, notified))
}

/// A connection that receives notifications.
pub(in crate::store) struct Listener {
    client: Client,
    driver: Driver,
    /// Timeout of a statement.
    limit: Duration,
}

impl Listener {
    /// Connects and listens to a channel.
    ///
    /// # Errors
    /// The reason why no host accepts the connection, or the statement fails.
    pub(in crate::store) async fn open(url: &PostgresUrl, channel: &str) -> Result<Self, String> {
        let Opened { client, driver, .. } = connect(url).await?;
        let mut listener = Self { client, driver, limit: url.connect_timeout };
        listener.execute(&format!("LISTEN {channel}")).await?;
        Ok(listener)
    }

    /// Waits for a notification, at most `interval`; then asks the server whether it is still there. Returns true
    /// after a notification.
    ///
    /// # Errors
    /// The reason why the connection is lost.
    pub(in crate::store) async fn next(&mut self, interval: Duration) -> Result<bool, String> {
        match timeout(interval, receive(&mut self.driver)).await {
            Ok(received) => received.map(|()| true),
            Err(_) => self.execute("SELECT 1").await,
        }
    }

    /// Runs a statement. Returns true if a notification came meanwhile.
    async fn execute(&mut self, statement: &str) -> Result<bool, String> {
        let work = beside(&mut self.driver, self.client.batch_execute(statement));
        let ((), notified) = timeout(self.limit, work).await.map_err(|_| NO_ANSWER.to_owned())??;
        Ok(notified)
    }
}

/// Receives until a notification comes.
async fn receive(driver: &mut Driver) -> Result<(), String> {
    loop {
        match poll_fn(|context| driver.poll_message(context)).await {
            Some(Ok(AsyncMessage::Notification(_))) => return Ok(()),
            Some(Ok(_)) => {}
            Some(Err(error)) => return Err(describe(&error)),
            None => return Err("the connection is closed".to_owned()),
        }
    }
}
