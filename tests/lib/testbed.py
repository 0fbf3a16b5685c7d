"""Where the tests happen: a private mount and network namespace with throw-away users, and a Bed for each test.

As root, each worker of the suite gets its own copy of /etc (users, PAM services), its own /var/mail, /home,
/var/lib/restante and /dev/log, and its own addresses. All of it is memory of that namespace: nothing of the
machine changes and nothing is left. Otherwise the tests run as the caller, with a secret file.
"""

import copy
import ctypes
import fcntl
import grp
import os
import shutil
import signal
import socket
import struct
import subprocess
import threading
import time
from pathlib import Path

from . import client, machine, maildir, mbox, server, tls
from .suite import Skip, check, equal

# The hashes are SHA-512 crypt with the salt "restante", and with few rounds to be quick.
USERS = {  # name: (uid, password, shadow hash, days since 1970 when the account ends)
    "alice": (4001, "alicepw", "JEUisvABnuFKpKRuoUaMOxxs3Df3J56h0TRtIkhVBdM2cm1mB0jlgRAz4.JvSGRMBItleNkRrbj74yblLiqdx1", ""),
    "bob": (4002, "bobpw", "VCiaYHvs1P4WDtm6UOD9H1HpTp1MXSgtsvwt4eCsNjfs.Wc2swR30AHR8T1WCDIvTXMJLRU/NB9tnLK.xgZsl.", ""),
    "carol": (4003, "carolpw", "LOCKED", ""),
    "dave": (4004, "davepw", "/ZkeuzfBSP50zfpAgA.Z2xKmfPNSQPVUMKYrm6RrhH6OI2vqLr7NkYL7cbbZfDogDycPqxmq1gLstiMNgL7Q11", "1"),
    "erin": (4005, " open  sesame ", "gMNuBAa1yiVvHsBt6.8Dt2tlsyJOiES7I1VwkBMs8NmEPWCr8MiO5s0VlsfIME41J0r/AQIqPsYgjoYF/IbXO/", ""),
    "grace": (4006, "a\\b c", "H8ku1Ydt7OaeSKxnQ0rScYM.tflPhLYU7UF3TUDq/VKAxVwBMoGIBN8KBALsZAqeq9ENh8VasmaC0ZjhIomCE.", ""),
}
ROOT_PASSWORD, ROOT_HASH = "rootpw", "ixF2KRo.UybaERENpWr6olXATDz7vw8VtqZuyot0YDlZTf87X0aWJPCz22T945gZuEIvPhxjKOpdh0w0jtyQ3/"
FRONT_UID = 499                   # _restante
NOBODY = 65534
PAM_SERVICE = "auth required pam_unix.so nodelay\naccount required pam_unix.so\n"
PUBLIC_ADDRESS = "192.0.2.1"      # of the namespace's own loopback device; not a loopback address
PUBLIC_ADDRESS_6 = "2001:db8::1"
STATIC = "tests/static/sbin"      # in the build, see make static

_libc = ctypes.CDLL(None, use_errno=True)
CLONE_NEWNS, CLONE_NEWNET = 0x20000, 0x40000000
MS_BIND, MS_REC = 4096, 16384
PR_SET_CHILD_SUBREAPER = 36


def _call(name, *arguments):
    if getattr(_libc, name)(*arguments) != 0:
        error = ctypes.get_errno()
        raise OSError(error, f"{name}: {os.strerror(error)}")


def adopt_orphans():
    """Descendants whose parents have ended become children of this process."""
    _call("prctl", PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def mount(source, target, kind=None, flags=0, data=None):
    encode = lambda text: None if text is None else os.fsencode(text)
    _call("mount", encode(source), encode(target), encode(kind), ctypes.c_ulong(flags), encode(data))


def bind(source, target):
    mount(source, target, flags=MS_BIND | MS_REC)


def bind_entries(source, copy):
    """A directory that looks like source, to which entries can be added."""
    copy.mkdir()
    for entry in Path(source).iterdir():
        there = copy / entry.name
        if entry.is_symlink() or entry.name == "ptmx":      # which finds its terminals beside itself
            there.symlink_to("pts/ptmx" if entry.name == "ptmx" else os.readlink(entry))
            continue
        if entry.is_dir():
            there.mkdir()
        else:
            there.touch()
        bind(entry, there)


class Place:
    """What all tests of one worker share. Made once, in the worker."""

    def __init__(self, directory, build, unprivileged_because):
        self.dir, self.build = Path(directory), Path(build)
        self._authority = None
        self.missing_root = unprivileged_because        # "" in a namespace
        self.missing_network = unprivileged_because
        self._machine = None
        self.dir.mkdir(mode=0o755)
        os.umask(0o022)
        adopt_orphans()                                 # rooms that lost their monitor come to us
        if not self.missing_root:
            self._enter()

    def _enter(self):
        _call("unshare", CLONE_NEWNS)
        subprocess.run(["cp", "-a", "/etc", self.dir / "etc"], check=True)
        self._write_etc(self.dir / "etc")
        for name, group, mode in (("mail", grp.getgrnam("mail").gr_gid, 0o2775), ("state", FRONT_UID, 0o771),
                                  ("home", 0, 0o755), ("run", 0, 0o755)):
            (self.dir / name).mkdir()
            os.chown(self.dir / name, 0, group)
            (self.dir / name).chmod(mode)
        bind_entries("/dev", self.dir / "dev")
        (self.dir / "dev/log").symlink_to(self.dir / "run/log")
        bind_entries("/var/lib", self.dir / "var-lib")
        (self.dir / "var-lib/restante").mkdir(exist_ok=True)
        bind(self.dir / "var-lib", "/var/lib")
        for name, target in ("etc", "/etc"), ("dev", "/dev"), ("mail", "/var/mail"), ("home", "/home"), ("state", "/var/lib/restante"):
            bind(self.dir / name, target)
        try:
            _call("unshare", CLONE_NEWNET)
            raise_loopback()
        except OSError as error:
            self.missing_network = f"no network namespace: {error}"

    def machine(self):
        """The machine.Machine of this worker, booted when the first test asks for it."""
        for need in "root", "network", "sandbox", "nspawn":
            if reason := self.missing(need):
                raise Skip(reason)
        if self._machine is None:
            self._machine = machine.Machine(self)
            self._machine.make(mount)
        return self._machine.usable()

    def kept(self):
        """Processes that outlive a test and may."""
        return self._machine.pids() if self._machine else set()

    def close(self):
        if self._machine:
            self._machine.stop()

    def _write_etc(self, etc):
        (etc / "nsswitch.conf").write_text("".join(f"{name}: files\n" for name in
                                                   ("passwd", "group", "shadow", "gshadow", "hosts", "services")))
        (etc / "restante.conf").unlink(missing_ok=True)
        (etc / "pam.d/pop3d").write_text(PAM_SERVICE)
        (etc / "pam.d/pop2d").write_text(PAM_SERVICE)
        self.add_users(etc)
        for name, line in (("passwd", f"_restante:x:{FRONT_UID}:{FRONT_UID}::/nonexistent:/usr/sbin/nologin\n"),
                           ("group", f"_restante:x:{FRONT_UID}:\n"), ("shadow", "_restante:!:19000::::::\n")):
            with open(etc / name, "a") as file:
                file.write(line)

    def add_users(self, etc):
        """USERS, and root's password, in the files of this directory; without _restante."""
        def rewrite(name, drop, more):
            path = etc / name
            lines = [line for line in path.read_text().splitlines(True) if line.split(":")[0] not in drop]
            path.write_text("".join(lines + more))
        ours = [*USERS, "_restante"]
        rewrite("passwd", ours, [f"{name}:x:{uid}:{uid}:{name}:/home/{name}:/bin/sh\n" for name, (uid, *_) in USERS.items()])
        rewrite("group", ours, [f"{name}:x:{uid}:\n" for name, (uid, *_) in USERS.items()])
        rewrite("shadow", [*ours, "root"],
                [f"{name}:{shadow_hash(tail)}:19000:0:99999:7::{end}:\n" for name, (_, _, tail, end) in USERS.items()]
                + [f"root:{shadow_hash(ROOT_HASH)}:19000:0:99999:7:::\n"])

    def authority(self):
        """The certificate authority of this worker, made when the first test needs it."""
        if self._authority is None:
            self._authority = tls.Authority(self.dir / "authority")
        return self._authority

    def missing(self, need):
        """Why a test that needs this cannot run here; "" if it can."""
        if need == "root":
            return self.missing_root
        if need == "network":
            return self.missing_network
        if need == "sandbox":
            return "a sanitizer build has no sandbox" if self.sanitized() else ""
        if need == "static":
            return "" if (self.build / STATIC / "pop3d").exists() else "no programs that STATIC=1 makes beside these"
        if need == "nspawn":
            return machine.why_not()
        return "" if shutil.which(need) else f"{need} is not installed"

    def sanitized(self):
        return b"__asan_init" in (self.build / "sbin/pop3d").read_bytes()


def shadow_hash(tail):
    return "!" + tail if tail == "LOCKED" else "$6$rounds=1000$restante$" + tail


def raise_loopback():
    """A new network namespace has its loopback device down. Up, and with addresses that are not loopback addresses."""
    SIOCSIFFLAGS, SIOCSIFADDR, UP_AND_RUNNING = 0x8914, 0x8916, 0x41
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        fcntl.ioctl(control, SIOCSIFFLAGS, struct.pack("16sh22x", b"lo", UP_AND_RUNNING))
        address = struct.pack("HH4s8x", socket.AF_INET, 0, socket.inet_aton(PUBLIC_ADDRESS))
        fcntl.ioctl(control, SIOCSIFADDR, struct.pack("16s16s8x", b"lo:1", address))
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as control:
            address = socket.inet_pton(socket.AF_INET6, PUBLIC_ADDRESS_6)
            fcntl.ioctl(control, SIOCSIFADDR, struct.pack("16sIi", address, 128, socket.if_nametoindex("lo")))
    except OSError:
        pass                                            # a kernel without IPv6; tests that need it probe


class Syslog:
    """Reads /dev/log of this namespace."""

    def __init__(self, path):
        self.lines = []
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(path))
        os.chmod(path, 0o666)
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self):
        while True:
            data = self._socket.recv(65536)
            if data == b"end":
                return
            self.lines.append(data.decode("utf-8", "backslashreplace"))

    def close(self):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as end:
            end.sendto(b"end", self._socket.getsockname())
        self._thread.join()
        self._socket.close()


class Bed:
    """One test's mailboxes, directories and running programs."""
    format = "mbox"
    sbin = "sbin"

    def __init__(self, place, name, privileged=None):
        self.place, self.name = place, name
        self.privileged = not place.missing_root if privileged is None else privileged
        self.dir = place.dir / "test"
        if not self.dir.exists():
            self.dir.mkdir(mode=0o755)
        self.sessions, self._closers, self.syslog_reader = [], [], None
        self._children_before = set(server.descendants(os.getpid()))
        if self.privileged:
            self.owner = None
            self.spool, self.state = Path("/var/mail"), Path("/var/lib/restante")
            for user, (uid, *_) in USERS.items():
                home = Path("/home", user)
                home.mkdir(mode=0o700, exist_ok=True)
                os.chown(home, uid, uid)
        else:
            # As root the programs of this bed run as nobody, to whom then everything here belongs.
            self.owner = NOBODY if os.geteuid() == 0 else os.geteuid()
            self.spool, self.state = self.dir / "mail", self.dir / "state"
            for directory in self.spool, self.state:
                directory.mkdir(mode=0o700)
            for path in self.spool, self.state:
                self.give(path)
            # The file format cannot hold a password that begins with a space.
            self.secrets = self.private_file("secrets", "# users of the test bed\n" + "".join(
                f"{user}\t{password}\n" for user, (_, password, *_) in USERS.items() if not password.startswith(" ")))

    def unprivileged(self):
        """The same bed with the programs run by an ordinary user and --auth=file."""
        if not self.privileged:
            return self
        other = Bed(self.place, self.name, privileged=False)
        other.sessions, other._closers = self.sessions, self._closers       # which end with this bed
        other.format = self.format
        return other

    def maildir(self):
        """The same bed with Maildirs in the place of mailboxes."""
        other = copy.copy(self)                     # what it starts ends with this bed
        other.format = "maildir"
        return other

    def of_format(self, name):
        return self.maildir() if name == "maildir" else self

    def static(self):
        """The same bed with the programs that STATIC=1 makes."""
        if reason := self.place.missing("static"):
            raise Skip(reason)
        other = copy.copy(self)
        other.sbin = STATIC
        return other

    def give(self, path, user=None):
        """To the owner of mailboxes."""
        if self.privileged:
            os.chown(path, USERS[user][0], grp.getgrnam("mail").gr_gid)
        elif os.geteuid() == 0:
            os.chown(path, self.owner, self.owner)

    # Mailboxes.

    def mailbox(self, user="alice"):
        return self.spool / user

    def put(self, data, user="alice", mode=0o660):
        """Makes the mailbox of a user; returns its path."""
        path = self.mailbox(user)
        if self.format == "maildir":
            maildir.make(path, data, lambda made: self.give(made, user))
            return path
        path.write_bytes(data)
        path.chmod(mode)
        self.give(path, user)
        return path

    def append(self, data, user="alice"):
        """As a delivery program does that needs no lock because nobody else is about."""
        if self.format == "maildir":
            maildir.deliver(self.mailbox(user), data, lambda made: self.give(made, user))
            return
        with open(self.mailbox(user), "ab") as file:
            file.write(data)

    def kept(self, user="alice"):
        """The texts of the messages that are there, in order."""
        if self.format == "maildir":
            return [text for _, text in maildir.read(self.mailbox(user))]
        return [message.content for message in mbox.parse(self.mailbox(user).read_bytes())]

    def uidls(self, messages):
        """Of the messages of one put()."""
        if self.format == "maildir":
            return [maildir.name(number) for number in range(1, len(messages) + 1)]
        return mbox.uidls(messages)

    def left(self, data, what="what is left"):
        """Nothing but the messages of this mbox is there, in order; in an mbox nothing else either."""
        equal(self.kept(), [message.content for message in mbox.parse(data)], what)
        if self.format == "mbox":
            equal(self.mailbox().read_bytes(), data, what)

    def take_away(self, user="alice"):
        """The mailbox, and what is remembered of it."""
        path = self.mailbox(user)
        shutil.rmtree(path) if path.is_dir() else path.unlink()
        shutil.rmtree(self.state / user, ignore_errors=True)

    def private_file(self, name, text, mode=0o600):
        """A file such as a server wants it: nobody else may read it."""
        path = self.dir / name
        path.write_text(text)
        path.chmod(mode)
        if not self.privileged:
            self.give(path)
        return path

    # Programs.

    def program(self, name):
        return str(self.place.build / self.sbin / name)

    def options(self):
        """What this bed needs on every command line."""
        if self.privileged:
            return [f"--maildrop=maildir:{self.spool}/%u"] if self.format == "maildir" else []
        return ["--auth=file", f"--secrets={self.secrets}", f"--maildrop={self.format}:{self.spool}/%u", f"--state={self.state}"]

    def start(self, program="pop3d", *options, how="socketpair", log="stderr", bare=False, **more):
        """Starts a daemon with the bed's options and --log=stderr; `bare` leaves out both."""
        arguments = [] if bare else [*self.options(), f"--log={log}"]
        session = server.Session([self.program(program), *arguments, *options], how, self.dir / f"log.{len(self.sessions)}",
                                 uid=self.owner, **more)
        self.sessions.append(session)
        return session

    def pop3(self, *options, login="alice", **more):
        """A session of pop3d, its greeting read, logged in unless login is None; returns its client, with .session.
        tls: "first" (--tls) or "stls"; certificate: which one (tls.Authority), context: the client's, of ssl."""
        return self._client(client.Pop3, "pop3d", options, login, more)

    def pop2(self, *options, login="alice", **more):
        return self._client(client.Pop2, "pop2d", options, login, more)

    def _client(self, kind, program, options, login, more):
        how, name, context = (more.pop(word, None) for word in ("tls", "certificate", "context"))
        if how:
            options += tuple(tls.options(self, name or "chain")) + (("--tls",) if how == "first" else ())
        session = self.start(program, *options, **more)
        if how == "first":
            session.stream = tls.secure(session.stream, self, context)
        talk = kind(session.stream)
        talk.session = session
        if how == "stls":
            talk.stls(self, context)
        if login:
            talk.login(login, USERS[login][1])
        return talk

    def listen(self, *arguments, **more):
        """A super-server (server.Listener); stopped at the end of the test."""
        listener = server.Listener(*arguments, directory=self.dir, unpacked=self.unpacked(), **more)
        self._closers.append(listener.close)
        return listener

    def unpacked(self, package=""):
        """Where the files of a Debian package are that is not installed but unpacked (tests/clients/unpack)."""
        return self.place.build / "tests" / package

    def pam_service(self, lines, name="pop3d"):
        """These lines are the PAM service until the end of the test."""
        path = Path("/etc/pam.d", name)
        self._closers.append(lambda before=path.read_text(): path.write_text(before) and None)
        path.write_text(lines)

    def closing(self, action):
        """Does this at the end of the test, the last first."""
        self._closers.append(action)

    def daemon(self, *command, **more):
        """Any other program that runs beside the test, and is ended with it; returns its Popen, with .log, a path."""
        path = self.dir / f"{os.path.basename(command[0])}.{len(self._closers)}.log"
        with open(path, "wb") as log:
            process = subprocess.Popen(list(map(str, command)), stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/",
                                       **{"env": server.CLEAN_ENVIRONMENT, **more})
        process.log = path
        self._closers.append(lambda: end_process(process))
        return process

    def syslog(self):
        """From now on /dev/log is read; returns the growing list of lines."""
        check(self.privileged, "only a namespace has its own /dev/log")
        if self.syslog_reader is None:
            self.syslog_reader = Syslog(self.place.dir / "run/log")
        return self.syslog_reader.lines

    def without_machine(self):
        """The ports of this worker are the test's own: its machine, if it runs, is switched off."""
        self.place.close()

    def machine(self):
        """A booted system with restante installed (machine.Machine), the same for all tests of this worker."""
        found = self.place.machine()
        if found.finish not in self._closers:
            self._closers.append(found.finish)
        return found

    # The end.

    def notes(self):
        """What helps to understand a failure: the ends of the logs."""
        text = ""
        for session in self.sessions:
            for line in session.log()[-12:]:
                text += f"\n  log of {session.pid}: {line}"
        if machine.Machine.finish in [getattr(closer, "__func__", None) for closer in self._closers]:
            text += self.machine().notes()
        return text

    def close(self):
        """Ends everything; returns what was wrong about the end, or ""."""
        trouble = []
        for closer in reversed(self._closers):
            try:
                trouble.append(closer() or "")
            except Exception as error:                  # the rest has to be closed, too
                trouble.append(f"{type(error).__name__}: {error}")
        for session in self.sessions:
            trouble.append(session.close())
        trouble.append(self._reap_strays())
        trouble.append(self._restore())
        if self.syslog_reader:
            self.syslog_reader.close()
            (self.place.dir / "run/log").unlink()
            self.syslog_reader = None
        self._wipe()
        return "\n".join(filter(None, trouble))

    def _reap_strays(self):
        """Rooms must die with their session. Those that do not are named, then killed."""
        strays = lambda: set(server.descendants(os.getpid())) - self._children_before - self.place.kept()
        deadline = time.monotonic() + 5
        while strays() and time.monotonic() < deadline:
            reap()
            time.sleep(0.01)
        names = [server.describe(pid) for pid in strays()]
        for pid in strays():
            os.kill(pid, signal.SIGKILL)
        while strays():
            reap()
            time.sleep(0.01)
        return f"processes outlived their session: {', '.join(names)}" if names else ""

    def _restore(self):
        """Directories that all tests of a worker share must be left as they were found; says which are not."""
        if not self.privileged:
            return ""
        changed = []
        for directory, group, mode in (self.spool, grp.getgrnam("mail").gr_gid, 0o2775), (self.state, FRONT_UID, 0o771):
            found = directory.stat()
            if (found.st_uid, found.st_gid, found.st_mode & 0o7777) != (0, group, mode):
                changed.append(f"the test left {directory} as {found.st_uid}:{found.st_gid} {found.st_mode & 0o7777:o}")
                os.chown(directory, 0, group)
                directory.chmod(mode)
        return "\n".join(changed)

    def _wipe(self):
        shutil.rmtree(self.dir, ignore_errors=True)
        if self.privileged:
            Path("/etc/restante.conf").unlink(missing_ok=True)
            for directory in self.spool, self.state, Path("/home"):
                for entry in directory.iterdir():
                    if entry.is_dir() and not entry.is_symlink():
                        shutil.rmtree(entry)
                    else:
                        entry.unlink()


def end_process(process):
    process.terminate()
    try:
        process.wait(5)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def reap():
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        pass
