"""Shared parts of the measurements: builds, databases, servers, load, and the wait for an idle machine.

Needs Linux, `wrk` and PostgreSQL's own programs (Debian: `wrk`, `postgresql`); ends only what it started.
"""

import http.client
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TARGET = ROOT / "target" / "bench"
TICKS = os.sysconf("SC_CLK_TCK")
CORES = os.cpu_count()
PASSWORD = "a most unusual passphrase"
MASTER_KEY = "A" * 43 + "="
# Load of other programs, in cores, above which a sample is repeated.
FOREIGN = 0.15
SPOILT_AT_MOST = 3


def in_a_directory_of_its_own(report, args):
    work = Path(tempfile.mkdtemp(prefix="cloakroom-bench-"))
    work.chmod(0o711)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    try:
        report(args, work)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def log(line):
    print(line, file=sys.stderr, flush=True)


def cargo_build(target, *features):
    env = os.environ | {"CARGO_TARGET_DIR": str(target)}
    subprocess.run(["cargo", "build", "--profile", "dist", "--locked", *features], cwd=ROOT, env=env, check=True)
    return target / "dist" / "cloakroom"


def cargo_bench(name, *options, **variables):
    """Runs a Rust benchmark of `benches/` in the profile of the measured server. Returns its output."""
    command = ["cargo", "bench", "--profile", "dist", "--locked", "--bench", name, *options]
    env = os.environ | {"CARGO_TARGET_DIR": str(TARGET)} | variables
    return subprocess.run(command, cwd=ROOT, env=env, check=True, stdout=subprocess.PIPE, text=True).stdout


def built_with_symbols():
    command = ["cargo", "rustc", "--profile", "dist", "--locked", "--bin", "cloakroom", "--", "-C", "strip=none"]
    subprocess.run(command, cwd=ROOT, env=os.environ | {"CARGO_TARGET_DIR": str(TARGET)}, check=True)
    return TARGET / "dist" / "cloakroom"


# Programs

class Database:
    """SQLite file, or PostgreSQL cluster on its own socket. New, unless the directory has one already. With a port, the
    server connects to PostgreSQL by TCP."""

    def __init__(self, engine, work, port=None):
        self.engine, self.dir, self.port, self.postmaster = engine, work / engine, port, None

    def __enter__(self):
        self.is_fresh = not self.dir.exists()
        self.dir.mkdir(exist_ok=True)
        if self.engine == "sqlite":
            self.url = f"sqlite://{self.dir}/cloakroom.db"
            return self
        self.bin = postgres_programs()
        self.as_postgres = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
        if self.as_postgres:
            shutil.chown(self.dir, "postgres")
        data = self.dir / "data"
        if self.is_fresh:
            self.run("initdb", "-D", data, "-U", "postgres", "-A", "trust", "-N", "-E", "UTF8", "--locale=C.UTF-8")
        # A quarter of the memory, as PostgreSQL's documentation recommends for a dedicated machine.
        buffers = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 4 >> 20
        listen = f"-c listen_addresses=127.0.0.1 -p {self.port}" if self.port else "-c listen_addresses="
        options = f"-k '{self.dir}' {listen} -c shared_buffers={buffers}MB"
        self.run("pg_ctl", "-D", data, "-o", options, "-l", self.dir / "log", "-w", "start")
        self.postmaster = int((data / "postmaster.pid").read_text().split()[0])
        if self.is_fresh:
            self.run("createdb", "-h", self.dir, *(["-p", self.port] if self.port else []), "-U", "postgres", "cloakroom")
        by_tcp = f"postgres://postgres@127.0.0.1:{self.port}/cloakroom"
        self.url = by_tcp if self.port else f"postgres://postgres@/cloakroom?host={self.dir}"
        return self

    def __exit__(self, *_):
        if self.postmaster:
            self.run("pg_ctl", "-D", self.dir / "data", "-m", "immediate", "-w", "stop")

    def analyze(self):
        """Updates the statistics, as autovacuum does after a while."""
        if self.postmaster:
            self.run("vacuumdb", "-h", self.dir, "-U", "postgres", "--analyze", "cloakroom")

    def run(self, program, *args):
        command = [*self.as_postgres, self.bin / program, *args]
        subprocess.run(list(map(str, command)), cwd="/", stdout=subprocess.DEVNULL, check=True)

    def cpu(self):
        """Returns the CPU seconds of PostgreSQL's processes; 0 for SQLite, which runs in the server."""
        if not self.postmaster:
            return 0.0
        stats = map(stat_of, filter(str.isdigit, os.listdir("/proc")))
        return sum(cpu for parent, cpu in filter(None, stats) if parent == self.postmaster)


def postgres_programs():
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    path = found[-1] if found else shutil.which("initdb")
    if not path:
        sys.exit("there is no initdb here: install PostgreSQL, or pass --engines sqlite")
    return Path(path).parent


class Program:
    """Running program that answers on a loopback port, without the environment of this shell."""

    def __init__(self, command, directory, port, settings):
        env = {name: value for name, value in os.environ.items() if not name.startswith(("CLOAKROOM_", "RUST_LOG"))}
        self.host, self.port, self.address = "127.0.0.1", port, f"127.0.0.1:{port}"
        self.log = open(directory / "server.log", "ab")
        self.began = time.monotonic()
        self.process = subprocess.Popen(
            command, env=env | settings, cwd=directory, stdout=subprocess.DEVNULL, stderr=self.log)
        self.pid = self.process.pid

    def __enter__(self):
        while not self.is_up():
            if self.process.poll() is not None or time.monotonic() - self.began > 30:
                self.__exit__()
                sys.exit(f"the server does not start: {Path(self.log.name).read_text()[-2000:]}")
            time.sleep(0.0005)
        self.cold_start = time.monotonic() - self.began
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGINT)
        self.process.wait()
        self.log.close()

    def is_up(self):
        try:
            return self.ask("GET", self.SIGN_OF_LIFE)[0] == 200
        except OSError:
            return False

    def ask(self, method, path, body=None, token=None, form=None):
        connection = http.client.HTTPConnection(self.host, self.port, timeout=30)
        kind = "application/merge-patch+json" if method == "PATCH" else "application/json"
        headers = {"content-type": kind} if body else {}
        if form:
            headers["content-type"] = "application/x-www-form-urlencoded"
        if token:
            headers["authorization"] = f"Bearer {token}"
        connection.request(method, path, form or (json.dumps(body) if body else None), headers)
        answer = connection.getresponse()
        text = answer.read()
        connection.close()
        return answer.status, json.loads(text) if text else None

    def expect(self, status, *request, **more):
        got, body = self.ask(*request, **more)
        if got != status:
            sys.exit(f"{request} was answered with {got}: {body}")
        return body

    def cpu(self):
        return stat_of(self.pid)[1]

    def rss(self):
        """Returns the resident memory in MB."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+) kB", status)[1]) * 1024 / 1e6


class Server(Program):
    """cloakroom on a free port."""

    SIGN_OF_LIFE = "/health/live"

    def __init__(self, binary, database, **settings):
        port = free_port()
        super().__init__(self.command(binary), database.dir, port, {
            "DATABASE_URL": database.url,
            "CLOAKROOM_LISTEN": f"127.0.0.1:{port}",
            "CLOAKROOM_MASTER_KEY": MASTER_KEY,
            "CLOAKROOM_METRICS_LISTEN": "off",
            # One token for the whole run; its lifetime does not affect the cost.
            "CLOAKROOM_ACCESS_TOKEN_TTL": "12h",
            **settings,
        })

    def command(self, binary):
        return [binary]

    def user(self, email):
        return self.expect(201, "POST", "/users", {"email": email, "password": PASSWORD})["id"]

    def log_in(self, email, **scope):
        return self.log_in_fully(email, **scope)["access_token"]

    def log_in_fully(self, email, **scope):
        """Returns the whole answer to a login."""
        return self.expect(200, "POST", "/sessions", {"email": email, "password": PASSWORD, **scope})


def register(binary, directory, settings):
    """Registers the client `bench` for client credentials with these settings. Returns its secret."""
    command = [binary, "clients", "create", "--id", "bench", "--scope", "users:read:any",
               "--auth-method", "client_secret_post", "--json"]
    made = subprocess.run(command, env=settings, cwd=directory, check=True, stdout=subprocess.PIPE).stdout
    return json.loads(made)["client_secret"]


def control(callgrind, what):
    """Sends a command to the callgrind of this process."""
    subprocess.run(["callgrind_control", what, str(callgrind)], check=True,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    time.sleep(0.5)


def newest_count(directory):
    """Returns callgrind's last output."""
    return max(directory.glob("callgrind.out.*"), key=lambda file: file.stat().st_mtime)


def free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


# Measurements

def stat_of(pid):
    """Returns the parent of a process, and the CPU seconds of all its threads, including ended ones."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except OSError:
        return None
    return int(fields[1]), (int(fields[11]) + int(fields[12])) / TICKS


def machine_cpu():
    """Returns the busy seconds of all cores together, and the seconds that the hypervisor took."""
    user, nice, system, _, _, irq, softirq, steal, *_ = map(int, Path("/proc/stat").read_text().split()[1:11])
    return (user + nice + system + irq + softirq) / TICKS, steal / TICKS


def own_cpu():
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


class Quiet:
    """Waits until the machine is idle. Gives up after a time-out, and reports it."""

    def __init__(self, patience):
        self.left, self.gave_up, self.spoilt = patience, False, 0

    def wait(self):
        while self.left > 0:
            began, before = time.monotonic(), machine_cpu()[0]
            time.sleep(1)
            if machine_cpu()[0] - before < FOREIGN:
                return
            time.sleep(4)
            self.left -= time.monotonic() - began
        self.gave_up = True

    def summary(self):
        if self.gave_up:
            return f"the machine was **not quiet**, and {self.spoilt} samples are disturbed"
        return f"the machine was otherwise idle, {self.spoilt} samples are disturbed"


def measure(server, database, load, status, quiet, prepare=lambda: None):
    """Takes one sample of a load; every answer must have this status. Repeats a disturbed sample."""
    for attempt in range(SPOILT_AT_MOST):
        prepare()
        quiet.wait()
        before = (server.cpu(), database.cpu(), own_cpu(), *machine_cpu())
        began = time.monotonic()
        done = load()
        took = time.monotonic() - began
        after = (server.cpu(), database.cpu(), own_cpu(), *machine_cpu())
        mine, its, own, machine, steal = (b - a for a, b in zip(before, after))
        good = done["requests"] - done["refused"] if status == 200 else done["refused"]
        if good != done["requests"] or done["broken"]:
            sys.exit(f"not every answer was a {status}: {done}")
        foreign = (machine + steal - mine - its - own) / took
        if foreign < FOREIGN:
            break
        log(f"disturbed by {foreign:.2f} cores")
    else:
        quiet.spoilt += 1
    return {
        "cpu": 1e6 * mine / done["requests"],
        "database": 1e6 * its / done["requests"],
        "rate": done["rate"],
        "p50": done["p50"],
        "p99": done["p99"],
        "foreign": foreign,
        "steal": steal / took,
    }


def wrk(url, connections, seconds, token=None, script=None, threads=1, meanwhile=None, ahead=False):
    command = ["wrk", f"-t{threads}", f"-c{connections}", f"-d{seconds}s", "--latency"]
    if token:
        command += ["-H", f"Authorization: Bearer {token}"]
    if script:
        command += ["-s", str(script)]
    if ahead and os.geteuid() == 0:
        command = ["nice", "-n", "-15", *command]
    process = subprocess.Popen([*command, url], stdout=subprocess.PIPE, text=True)
    while meanwhile and process.poll() is None:
        meanwhile()
        time.sleep(0.25)
    text = process.communicate()[0]
    if process.returncode != 0:
        sys.exit("wrk failed")
    number = lambda pattern: float(found[1]) if (found := re.search(pattern, text)) else 0
    return {
        "requests": int(number(r"(\d+) requests in")),
        "rate": number(r"Requests/sec:\s+([\d.]+)"),
        "refused": int(number(r"Non-2xx or 3xx responses: (\d+)")),
        "broken": "Socket errors" in text,
        "p50": millis(text, "50%"),
        "p99": millis(text, "99%"),
    }


def millis(text, percentile):
    value, unit = re.search(rf"{percentile}\s+([\d.]+)(us|ms|s)\b", text).groups()
    return float(value) * {"us": 0.001, "ms": 1, "s": 1000}[unit]
