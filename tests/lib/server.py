"""Starts the real programs, on every kind of connection, and looks at their processes."""

import os
import re
import shutil
import signal
import socket
import subprocess
import termios
import time
import tty
from pathlib import Path

from .client import Stream
from .suite import Failure, Skip, check

LINE = re.compile(r"(?P<ident>pop[23]d)\[(?P<pid>\d+)\]: (?P<text>.*)")
SANITIZER = re.compile(r"Sanitizer|runtime error:")
# Every line the daemons may log (see their man pages).
COUNTERS = (r'secs=\d+ reason=(quit|eof|timeout|error|inuse|refused|killed) messages=\d+ octets=\d+ retrieved=\d+ '
            r'top=\d+ deleted=\d+ received=\d+ sent=\d+')
NAME = r'user="[!#-\[\]-~]*(\\x[0-9a-f]{2}[!#-\[\]-~]*)*"'
ORIGIN = r'peer=\S+( via=\S+( tls=proxy)?)?( tls=TLSv1(\.[123])? cipher=[A-Za-z0-9_-]+)?'
LOG_LINES = [re.compile(pattern) for pattern in (
    rf'login: {ORIGIN} method=\S+ {NAME}',
    rf'login failed: {ORIGIN} method=\S+ attempt=\d+ reason=(refused|unavailable|plaintext) {NAME}',
    rf'session end: {NAME} peer=\S+ {COUNTERS}',
    r'closed before login: peer=\S+ secs=\d+ reason=(quit|eof|timeout|error|refused|proxy|killed)',
    r'tls failed: peer=\S+( via=\S+( tls=proxy)?)? reason=((protocol|alert) text="[^"]+"|eof|timeout|killed)',
    r'warning: .+')]


class Session:
    """One running daemon and the client's end of its connection.

    how: socketpair, tcp, pipe, pty, listen-fds (fd 3, as systemd without StandardInput=socket does), or a pair: the
    client's socket or Stream, and the server's socket or descriptor.
    stderr: log (a file), client (as inetd does), or closed.
    """

    def __init__(self, command, how, log_path, uid=None, address="127.0.0.1", environment=None, stderr="log", pass_fds=()):
        self.log_path = log_path
        self.stream, server_end = connect(how, address)
        stdin, stdout = server_end
        self.server_inode = os.fstat(stdin).st_ino      # as in socket:[N] of /proc/PID/fd
        more = {}
        if uid is not None and uid != os.geteuid():
            more = {"user": uid, "group": uid, "extra_groups": []}
        if how == "listen-fds":
            connection = stdin
            more |= {"preexec_fn": lambda: _as_third_descriptor(connection)}
            stdin = stdout = subprocess.DEVNULL
            pass_fds = (3, connection)
        elif how == "pty":
            more |= {"start_new_session": True}
        if stderr == "closed":
            more |= {"preexec_fn": lambda: os.close(2)}
        with open(log_path, "ab") as log:
            self.process = subprocess.Popen(command, stdin=stdin, stdout=stdout, stderr=stdout if stderr == "client" else log,
                                            env={**CLEAN_ENVIRONMENT, **(environment or {})} if how != "listen-fds" else None,
                                            cwd="/", pass_fds=pass_fds, **more)
        self.pid = self.process.pid
        for fd in set(server_end):
            os.close(fd)                                # the server's end is the server's alone

    def log(self):
        """The texts logged so far on stderr."""
        try:
            lines = Path(self.log_path).read_text("latin-1").splitlines()
        except FileNotFoundError:
            return []
        return [match["text"] if (match := LINE.fullmatch(line)) else line for line in lines]

    def wait(self, seconds=20):
        """The exit status, when the monitor has ended."""
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise Failure(f"the monitor is still there after {seconds} s") from None

    def finish(self, seconds=20):
        """Waits for a normal end: exit status 0 and nothing strange in the log."""
        status = self.wait(seconds)
        check(status == 0, f"exit status {status}")
        self.check_log()

    def check_log(self):
        for line in self.log():
            check(any(pattern.fullmatch(line) for pattern in LOG_LINES), f"an undocumented log line: {line!r}")

    def rooms(self):
        """The rooms that live now, by name."""
        return Rooms(self.pid)

    def close(self):
        """Ends the session whatever it does; returns what a sanitizer had to say."""
        if not self.stream.closed:
            self.stream.close()
        if self.process.poll() is None:
            try:
                self.process.wait(3)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        findings = [line for line in self.log() if SANITIZER.search(line)]
        return "\n".join(findings)


CLEAN_ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C",
                     "ASAN_OPTIONS": "detect_leaks=0"}       # a connection's process ends and frees nothing before
CLEAN_ENVIRONMENT.update({name: value for name, value in os.environ.items() if name.endswith("SAN_OPTIONS")})


def _as_third_descriptor(fd):
    os.dup2(fd, 3, inheritable=True)
    os.environ["LISTEN_PID"], os.environ["LISTEN_FDS"] = str(os.getpid()), "1"
    os.environ["LISTEN_FDNAMES"] = "connection"


def _detach(sock):
    fd = sock.detach()
    return fd, fd


def _socketpair():
    ours, theirs = socket.socketpair()
    return Stream.of(ours), _detach(theirs)


def _tcp(address):
    """A connection whose peer, as the server sees it, is this address."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family) as listener:
        listener.bind((address, 0))
        listener.listen(1)
        ours = socket.socket(family)
        ours.bind((address, 0))
        ours.connect(listener.getsockname())
        theirs, _ = listener.accept()
    ours.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return Stream.of(ours), _detach(theirs)


def _pipe():
    their_input, our_output = os.pipe()
    our_input, their_output = os.pipe()
    return Stream(our_input, our_output), (their_input, their_output)


def _pty():
    """A terminal in raw mode: octets arrive as they were sent. Take termios to make it a person's."""
    ours, theirs = os.openpty()
    tty.setraw(theirs, termios.TCSANOW)
    return Stream(ours), (theirs, theirs)


def connect(how, address):
    """Returns the client's Stream and the server's descriptors for input and output."""
    if isinstance(how, tuple):
        ours, theirs = how
        return (ours if isinstance(ours, Stream) else Stream.of(ours),
                (theirs, theirs) if isinstance(theirs, int) else _detach(theirs))
    if how in ("tcp", "listen-fds"):
        return _tcp(address)
    return {"socketpair": _socketpair, "pipe": _pipe, "pty": _pty}[how]()


class Listener:
    """A super-server that starts one daemon per connection. kind: "inetd", "xinetd", "systemd" (systemd-socket-activate,
    as fd 0), "listen-fds" (the same, as fd 3), "tcpserver", or "recordio" (tcpserver with two pipes between).

    unpacked: where the packages are that are not installed (clients/unpack).
    """

    def __init__(self, kind, command, directory, unpacked, address="127.0.0.1"):
        with socket.socket() as probe:
            probe.bind((address, 0))
            self.address = probe.getsockname()
        where = f"{address}:{self.address[1]}"
        self.log_path = directory / f"{kind}.log"
        if kind == "inetd":
            config = directory / "inetd.conf"
            config.write_text(f"{where} stream tcp nowait.10000 root {command[0]} {' '.join(command)}\n")
            arguments = ["/usr/sbin/inetd", "-i", str(config)]
        elif kind == "xinetd":
            config = directory / "xinetd.conf"
            config.write_text(XINETD.format(log=directory / "xinetd.out", address=address, port=self.address[1],
                                            program=command[0], arguments=" ".join(command[1:])))
            arguments = [find_xinetd(unpacked), "-dontfork", "-f", str(config), "-pidfile", str(directory / "xinetd.pid")]
        elif kind in ("tcpserver", "recordio"):
            arguments = ["tcpserver", "-RHv", "-l0", address, str(self.address[1]), *(["recordio"] if kind == "recordio" else []), *command]
        else:
            arguments = ["systemd-socket-activate", "-a", "-l", where, *(["--inetd"] if kind == "systemd" else []), *command]
        with open(self.log_path, "wb") as log:
            self.process = subprocess.Popen(arguments, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            env=CLEAN_ENVIRONMENT, cwd="/")
        self._streams = []
        self._wait_until_it_listens()

    def _wait_until_it_listens(self):
        deadline = time.monotonic() + 10
        port = f":{self.address[1]:04X}"
        while not any(line.split()[1].endswith(port) and line.split()[3] == "0A"
                      for line in Path("/proc/net/tcp").read_text().splitlines()[1:]):
            check(self.process.poll() is None and time.monotonic() < deadline,
                  f"{self.process.args[0]} does not listen: {self.log_path.read_text()}")
            time.sleep(0.01)

    def connect(self):
        stream = Stream.of(socket.create_connection(self.address))
        self._streams.append(stream)
        return stream

    def close(self):
        for stream in self._streams:
            if not stream.closed:
                stream.close()
        self.process.terminate()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def find_xinetd(unpacked):
    """openbsd-inetd and xinetd exclude each other as packages."""
    found = shutil.which("xinetd") or str(unpacked / "xinetd/usr/sbin/xinetd")
    if not Path(found).exists():
        raise Skip("xinetd is not unpacked: make test-deps")
    return found


XINETD = """defaults
{{
 log_type = FILE {log}
}}
service restante
{{
 type = UNLISTED
 id = restante
 socket_type = stream
 protocol = tcp
 wait = no
 user = root
 bind = {address}
 port = {port}
 server = {program}
 server_args = {arguments}
 flags = REUSE
 disable = no
 cps = 0 0
 instances = UNLIMITED
 per_source = UNLIMITED
}}
"""


# Processes.

def parent_of(pid):
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return int(text.rsplit(")", 1)[1].split()[1])


def descendants(ancestor):
    """All living processes (and zombies) below this one."""
    parents = {int(entry): parent_of(entry) for entry in os.listdir("/proc") if entry.isdigit()}
    found, fresh = [], {ancestor}
    while fresh:
        fresh = {pid for pid, parent in parents.items() if parent in fresh}
        found += sorted(fresh)
    return found


def describe(pid):
    try:
        command = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode("latin-1").strip()
        return f"{pid} ({command or Path(f'/proc/{pid}/comm').read_text().strip()})"
    except OSError:
        return str(pid)


class Process:
    """What /proc says about one process."""

    def __init__(self, pid):
        self.pid, self.room = pid, None             # the room is named by Rooms
        self.status = {}
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            name, _, value = line.partition(":")
            self.status[name] = value.strip()
        self.uids = [int(word) for word in self.status["Uid"].split()]      # real, effective, saved, file system
        self.gids = [int(word) for word in self.status["Gid"].split()]
        self.groups = [int(word) for word in self.status["Groups"].split()]

    @property
    def program(self):
        """"" where only root may see it: rooms are not dumpable, which closes most of /proc to their own user."""
        try:
            return os.readlink(f"/proc/{self.pid}/exe")
        except OSError:
            return ""

    @property
    def root(self):
        return os.readlink(f"/proc/{self.pid}/root")

    def descriptors(self):
        """{fd: what it is}, as the links in /proc say: socket:[N], a path, /memfd:NAME (deleted)."""
        folder = f"/proc/{self.pid}/fd"
        return {int(fd): os.readlink(f"{folder}/{fd}") for fd in os.listdir(folder)}

    def access(self, fd):
        """O_RDONLY, O_WRONLY or O_RDWR."""
        text = Path(f"/proc/{self.pid}/fdinfo/{fd}").read_text()
        return int(re.search(r"flags:\s*(\d+)", text)[1], 8) & os.O_ACCMODE

    def kill(self, number=signal.SIGKILL):
        os.kill(self.pid, number)


class Rooms:
    """monitor, front, auth, keeper and tls of a session; None when not born or dead."""

    def __init__(self, monitor_pid):
        self.monitor = Process(monitor_pid)
        self.front = self.auth = self.keeper = self.tls = None
        self.all = [self.monitor]
        fork_order = []
        for pid in descendants(monitor_pid):
            try:
                process = Process(pid)
            except OSError:
                continue                       # gone meanwhile
            if process.status["State"].startswith("Z"):
                continue
            self.all.append(process)
            if os.path.basename(process.program).startswith("auth"):     # or auth-MECHANISM
                self.auth = process
            elif os.path.basename(process.program) == "tls":
                self.tls = process
            else:
                fork_order.append(process)
        # front is born before the first octet is read, keeper at the login.
        last = int(Path("/proc/sys/kernel/pid_max").read_text())         # behind which numbers begin anew
        fork_order.sort(key=lambda process: (process.pid - monitor_pid) % last)
        if fork_order:
            self.front = fork_order[0]
        if len(fork_order) > 1:
            self.keeper = fork_order[1]
        for name in "monitor", "front", "auth", "keeper", "tls":
            if getattr(self, name):
                getattr(self, name).room = name
