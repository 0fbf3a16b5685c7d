"""Starts a server as it is started in the world, and other people's clients against it."""

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time

from lib import machine, mbox, server, testbed
from lib.suite import Failure, Skip, check, equal, until

# How a server gets its connection: from inetd; from systemd as fd 0; from systemd as fd 3 with LISTEN_FDS; from the
# shipped units of a booted machine; and as an ordinary user with a secret file.
PRIVILEGED = [(how, how) for how in ("inetd", "systemd", "listen-fds", "booted")]
EVERY_WAY = [*PRIVILEGED, ("unprivileged", "unprivileged")]
# And from xinetd; from tcpserver; through two pipes; and from inetd over a Maildir. For one test of each client.
OVER_MAILDIR = ("maildir", "maildir")
ALL_WAYS = [*EVERY_WAY, *((how, how) for how in ("xinetd", "tcpserver", "recordio")), OVER_MAILDIR]
TWO_WAYS = [("inetd", "inetd"), ("unprivileged", "unprivileged")]
NEEDED = {"inetd": "inetd", "tcpserver": "tcpserver", "recordio": "recordio"}
PASSWORDS = {"alice": "alicepw", "bob": "bobpw"}
SYSLOG = re.compile(r"<\d+>\w+ +\d+ [\d:]+ (.*)\n?")
NOBODY = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--"]


class Service:
    """A listening server. bed: where its mailboxes are."""

    def __init__(self, bed, how, program="pop3d", *options):
        if how == "unprivileged":
            self.bed = bed.unprivileged()
            command = [bed.program(program), *self.bed.options(), "--log=stderr", *options]
            if os.geteuid() == 0:
                command = NOBODY + command
            kind = "systemd"
        else:
            if reason := bed.place.missing("root"):
                raise Skip(reason)
            self.bed = bed.of_format(how)
            command = [bed.program(program), *self.bed.options(), *options]
            kind = "inetd" if how == "maildir" else how
        self._program = program
        if kind == "booted":
            check(not options, "the units of the machine have no options")
            self._machine = bed.machine()
            self._since = self._machine.mark()
            self.address = "127.0.0.1", machine.PORTS[program]
        else:
            self._machine = None
            self._listen(bed, kind, command)
        self.port = self.address[1]

    def _listen(self, bed, kind, command):
        if kind == "xinetd":
            server.find_xinetd(bed.unpacked())
        elif reason := bed.place.missing(NEEDED.get(kind, "systemd-socket-activate")):
            raise Skip(reason)
        self._syslog = bed.syslog() if self.bed.privileged else None
        self._listener = bed.listen(kind, command)
        self.address = self._listener.address

    def uidls(self, messages):
        """Of the messages of one put()."""
        return self.bed.uidls(messages)

    def left(self, mail, what):
        """What is left of alice's mail is these messages, and in an mbox nothing else."""
        self.bed.left(mail, what)

    def connect(self):
        return self._machine.connect(self._program) if self._machine else self._listener.connect()

    def rooms(self):
        """The processes of the sessions that live now."""
        found = []
        for pid in server.descendants(self._listener.process.pid):
            if server.parent_of(pid) == self._listener.process.pid:
                try:
                    found += server.Rooms(pid).all
                except OSError:
                    pass                         # it ended while we looked
        return found

    def log(self):
        """What the sessions logged so far: texts without time and program."""
        if self._machine:
            return self._machine.log(self._since, self._program)
        if self._syslog is not None:
            lines = [match[1] for line in self._syslog if (match := SYSLOG.fullmatch(line))]
        else:
            lines = self._listener.log_path.read_text("latin-1").splitlines()
        return [match["text"] for line in lines if (match := server.LINE.fullmatch(line)) and match["ident"] == self._program]

    def ended(self, count=1, reason="quit"):
        """Waits until so many sessions have ended, all of them for this reason, and nothing undocumented was said."""
        ends = lambda: [line for line in self.log() if line.startswith("session end: ")]
        until(lambda: len(ends()) >= count, f"{count} sessions to end; the log: {self.log()}", 20)
        equal(len(ends()), count, f"sessions in {self.log()}")
        for line in ends():
            check(f" reason={reason} " in line, line)
        for line in self.log():
            check(any(pattern.fullmatch(line) for pattern in server.LOG_LINES), f"an undocumented log line: {line!r}")
            check(not line.startswith(("warning", "error")), line)


def run(bed, *command, status=0, text=None, seconds=40, **environment):
    """Runs a client in the bed's directory; returns the octets of its stdout. status: the exit status, or a tuple of them."""
    try:
        done = subprocess.run(command, input=text if text is not None else b"", stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              cwd=bed.dir, env={**server.CLEAN_ENVIRONMENT, "HOME": str(bed.dir), **environment}, timeout=seconds)
    except subprocess.TimeoutExpired as late:
        raise Failure(f"{command[0]} did not end in {seconds} s: {(late.stdout or b'')[-600:]!r} {(late.stderr or b'')[-600:]!r}") from None
    expected = status if isinstance(status, tuple) else (status,)
    check(done.returncode in expected, f"{' '.join(map(str, command))[:200]}\n  exit status {done.returncode} instead of {status}: "
          f"{done.stderr[-600:].decode('latin-1')} {done.stdout[-600:].decode('latin-1')}")
    return done.stdout


class Store:
    """A mail delivery agent: keeps each message it is given as it is."""

    def __init__(self, bed, name="store"):
        self._directory = bed.dir / name
        self._directory.mkdir()
        program = self._directory / "keep"
        program.write_text("#!/bin/sh\n" f"cd {self._directory} || exit 75\n"
                           "n=$(($(cat count 2>/dev/null || echo 0) + 1))\n" "cat >message.$n && echo $n >count\n")
        program.chmod(0o755)
        self.command = str(program)

    def messages(self):
        count = self._directory / "count"
        total = int(count.read_text()) if count.exists() else 0
        return [(self._directory / f"message.{number}").read_bytes() for number in range(1, total + 1)]


def curl(bed, service, path, *options, user="alice", status=0, password=None):
    return run(bed, "curl", "-sS", "--max-time", "40", "-u", f"{user}:{password or PASSWORDS[user]}",
               f"pop3://{service.address[0]}:{service.port}/{path}", *options, status=status)


# fetchmail's exit statuses
FETCHED, NO_MAIL = 0, 1


def fetchmail(bed, service, store, *user_options, user="alice", status=FETCHED, password=None, server_options=()):
    """fetchmail adds no Received line and changes no header, if asked. Its state is kept between runs in the bed's directory."""
    config = bed.dir / "fetchmailrc"
    words = ["poll", service.address[0], "protocol", "pop3", "service", str(service.port), "auth", "password", *server_options,
             "user", user, "password", password or PASSWORDS[user], "no", "rewrite", "sslproto", "''",
             *user_options, "mda", f"'{store.command}'"]
    config.write_text("set no bouncemail\n" + " ".join(words) + "\n")
    config.chmod(0o600)
    run(bed, "fetchmail", "-f", config, "--pidfile", bed.dir / "fetchmail.pid", "--nodetach", "--nosyslog", "--invisible", status=status, FETCHMAILHOME=str(bed.dir))


def mpop(bed, service, store, *lines, user="alice", status=0, password=None):
    config = bed.dir / "mpoprc"
    settings = ["account default", f"host {service.address[0]}", f"port {service.port}", f"user {user}",
                f"password {password or PASSWORDS[user]}", "auth user", "tls off", "received_header off",
                f"uidls_file {bed.dir}/mpop-uidls", f"delivery mda {store.command}", *lines]
    config.write_text("\n".join(settings) + "\n")
    config.chmod(0o600)
    run(bed, "mpop", "-C", config, "-q", status=status)


class Person:
    """Whoever runs a client: an ordinary user with a directory of his own, whose HOME it is."""

    def __init__(self, bed):
        self.directory = bed.dir / "person"
        self.directory.mkdir(mode=0o700)
        self._as = []
        if os.geteuid() == 0:
            uid = testbed.NOBODY if bed.place.missing_root else testbed.USERS["alice"][0]
            os.chown(self.directory, uid, uid)
            self._as = ["setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups", "--"]
        self.environment = {**server.CLEAN_ENVIRONMENT, "HOME": str(self.directory), "TERM": "vt100", "USER": "alice"}

    def path(self, name):
        return self.directory / name

    def file(self, name, text=""):
        """A file of his; returns its path."""
        path = self.path(name)
        path.write_text(text)
        path.chmod(0o600)
        if os.geteuid() == 0:
            os.chown(path, self.directory.stat().st_uid, self.directory.stat().st_uid)
        return path

    def run(self, *command, status=0, text=b"", seconds=40):
        """Returns its standard output."""
        try:
            done = subprocess.run([*self._as, *map(str, command)], input=text, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                  cwd=self.directory, env=self.environment, timeout=seconds)
        except subprocess.TimeoutExpired as late:
            raise Failure(f"{command[0]} did not end in {seconds} s: {(late.stdout or b'')[-600:]!r} {(late.stderr or b'')[-600:]!r}") from None
        check(status is None or done.returncode == status, f"{' '.join(map(str, command))[:200]}\n  exit status {done.returncode} "
              f"instead of {status}: {done.stderr[-600:].decode('latin-1')} {done.stdout[-600:].decode('latin-1')}")
        return done.stdout

    def at_terminal(self, *command, keys=(), seconds=40):
        """A program for the screen. keys: pairs of a pattern to wait for and the keys to press then. Returns what it showed."""
        pid, terminal = pty.fork()
        if pid == 0:
            try:
                os.chdir(self.directory)
                os.execvpe((self._as + [command[0]])[0], [*self._as, *map(str, command)], self.environment)
            finally:
                os._exit(127)
        shown, seen, left = b"", 0, list(keys)
        deadline = time.monotonic() + seconds
        fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("4H", 40, 120, 0, 0))
        try:
            while time.monotonic() < deadline:
                if left and (found := re.compile(left[0][0]).search(shown, seen)):
                    seen = found.end()
                    time.sleep(0.2)                     # keys pressed before a program asks may be thrown away
                    os.write(terminal, left.pop(0)[1])
                    continue
                if select.select([terminal], [], [], 0.2)[0]:
                    data = os.read(terminal, 65536)
                    if not data:
                        break
                    shown += data
        except OSError:
            pass                                        # it has gone, and its terminal
        finally:
            if time.monotonic() >= deadline:
                os.kill(pid, signal.SIGKILL)
            os.close(terminal)
            _, status = os.waitpid(pid, 0)
        plain = re.sub(rb"\x1b\[[0-9;?]*[a-zA-Z]", b" ", shown)[-800:].decode("latin-1")
        check(status == 0 and not left, f"{command[0]}: status {status}, waiting for {left[:1]}, it showed {plain}")
        return plain


def without(headers, content):
    """A message without the header fields that a program adds when it stores one."""
    head, empty, body = content.partition(b"\n\n")
    fields = re.split(rb"\n(?![ \t])", head)
    kept = [field for field in fields if field.split(b":")[0].decode("latin-1").lower() not in headers]
    return b"\n".join(kept) + empty + body


def stored(path, *headers):
    """The messages of a mailbox that a client wrote."""
    return [without(headers, message.content) for message in mbox.parse(path.read_bytes())]


# What is fetched where not stated otherwise.
MAIL = mbox.mailbox(4, 3000)


def contents(data=MAIL):
    """As a client stores these messages: without CRs."""
    return [message.wire().replace(b"\r\n", b"\n") for message in mbox.parse(data)]
