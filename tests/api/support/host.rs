//! Hosts of a network on this machine. Each is a network namespace and a process namespace, so that it can be cut off,
//! frozen and killed as a whole. They end with the test, because the shell of each ends with its input.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

use super::external_program::{find, skipped};

/// Programs that make a host and start others there.
const PROGRAMS: [&str; 5] = ["ip", "unshare", "setpriv", "bash", "curl"];

/// Bridge that connects the hosts, and this machine as a host of its own.
pub struct Network {
    bridge: String,
    /// Addresses of the network up to the number of the host. The range is meant for tests (RFC 2544).
    pub prefix: String,
}

impl Network {
    /// Makes a network. Prints a message and returns none where this needs other rights or a program is missing.
    pub fn start() -> Option<Self> {
        let missing = PROGRAMS.into_iter().find(|name| find(name).is_none());
        let number = match missing {
            Some(_) => None,
            None => (0..250_u8).find(|number| ip(&format!("link add cr-{number} type bridge"))),
        };
        let Some(number) = number else {
            let why = missing.map_or("only root can make network namespaces".to_owned(), |name| {
                format!("{name} is not installed")
            });
            skipped(&why);
            return None;
        };
        let network = Self { bridge: format!("cr-{number}"), prefix: format!("198.18.{number}.") };
        network.add_address(1);
        assert!(ip(&format!("link set {} up", network.bridge)));
        Some(network)
    }

    /// Gives this machine a further address in the network.
    pub fn add_address(&self, number: u8) {
        assert!(ip(&format!("addr add {}{number}/24 dev {}", self.prefix, self.bridge)));
    }

    /// Adds a host with this number in its address.
    pub fn host(&self, number: u8) -> Host {
        let work = "while read -r order; do eval \"$order\"; echo; done";
        let mut shell = Command::new("unshare")
            .args(["--net", "--pid", "--mount-proc", "--fork", "--kill-child", "bash", "-c", work])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("it starts");
        let answers = BufReader::new(shell.stdout.take().expect("an output"));
        let (bridge, link) = (self.bridge.clone(), format!("{}-{number}", self.bridge));
        let address = format!("{}{number}", self.prefix);
        let mut host = Host { address, bridge, link, shell, answers };
        // Its network exists when the shell responds.
        host.run("true");
        let (link, shell) = (&host.link, host.shell.id());
        assert!(ip(&format!("link add {link} type veth peer name eth0 netns {shell}")));
        assert!(ip(&format!("link set {link} master {} up", self.bridge)));
        let address = host.address.clone();
        host.run(&format!("ip addr add {address}/24 dev eth0; ip link set eth0 up; ip link set lo up"));
        host
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        ip(&format!("link del {}", self.bridge));
    }
}

/// Host with its own address and processes.
pub struct Host {
    pub address: String,
    bridge: String,
    /// Name of its cable at the bridge.
    link: String,
    shell: Child,
    answers: BufReader<ChildStdout>,
}

impl Host {
    /// Runs an order of the shell there, and returns the line that it prints.
    pub fn run(&mut self, order: &str) -> String {
        let input = self.shell.stdin.as_mut().expect("an input");
        writeln!(input, "{order}").expect("the shell listens");
        let mut answer = String::new();
        self.answers.read_line(&mut answer).expect("UTF-8");
        answer.trim_end().to_owned()
    }

    /// Starts a program there as the user postgres. The shell's variable `name` is its process.
    pub fn start(&mut self, name: &str, arguments: &str, log: &Path) {
        let program = find(name).expect("it is installed");
        // Without a home of its own it would look for certificates in that of root.
        let user = "HOME=/ setpriv --reuid=postgres --regid=postgres --clear-groups";
        let (program, log) = (program.display(), log.display());
        self.run(&format!("{user} {program} {arguments} </dev/null >>{log} 2>&1 & {name}=$!"));
    }

    /// Sends a signal to all processes of the host.
    pub fn signal_all(&mut self, signal: &str) {
        self.run(&format!("kill -{signal} -1"));
    }

    /// Drops all packets from and to this host.
    pub fn cut_off(&self) {
        assert!(ip(&format!("link set {} nomaster", self.link)));
    }

    /// Connects the host again.
    pub fn connect(&self) {
        assert!(ip(&format!("link set {} master {}", self.link, self.bridge)));
    }

    /// Drops the packets from this host to that address.
    pub fn drop_packets_to(&mut self, address: &str) {
        self.run(&format!("ip route add blackhole {address}/32"));
    }

    /// Ends [`Host::drop_packets_to`].
    pub fn send_packets_to(&mut self, address: &str) {
        self.run(&format!("ip route del blackhole {address}/32"));
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        // The first process of the namespace ends with its input, and all others with it.
        drop(self.shell.stdin.take());
        let _ = self.shell.wait();
        ip(&format!("link del {}", self.link));
    }
}

/// Runs `ip` with these words. Returns false when it fails.
fn ip(words: &str) -> bool {
    let status = Command::new("ip").args(words.split(' ')).stderr(Stdio::null()).status();
    status.is_ok_and(|status| status.success())
}
