"""Programs that deliver into /var/mail, each with its own way of locking: Deliverer(bed).deliver(text).

Those that would be services are not installed but unpacked (tests/clients/unpack), and run in a mount namespace in which
their files lie over /usr. All of it needs the worker's private /etc.
"""

import os
import re
import shutil
import smtplib
import socket
import subprocess
import threading
from pathlib import Path

from clients import mail
from lib import server
from lib.suite import Failure, Skip, check, until

OVER_USR = 'mount -t overlay overlay -o "lowerdir=$1" /usr && shift && exec "$@"'
ACCOUNTS = {      # name: (uid, groups besides the own one) of programs that were not installed
    "postfix": (497, {"postdrop": 496}), "Debian-exim": (495, {}), "dovecot": (494, {}), "dovenull": (493, {})}


def aside(bed, *packages):
    """What to put before a command so that it finds the files of these packages below /usr."""
    places = [bed.unpacked(package) / "usr" for package in packages]
    for place in places:
        if not place.is_dir():
            raise Skip(f"{place.parent.name} is not unpacked: make test-deps")
    return ["unshare", "-m", "--propagation", "private", "sh", "-c", OVER_USR, "sh", ":".join(map(str, [*places, "/usr"]))]


def make_account(name):
    """In the /etc of this worker."""
    uid, groups = ACCOUNTS[name]
    if any(line.startswith(f"{name}:") for line in Path("/etc/passwd").read_text().splitlines()):
        return
    with open("/etc/passwd", "a") as passwd, open("/etc/group", "a") as group:
        passwd.write(f"{name}:x:{uid}:{uid}::/nonexistent:/usr/sbin/nologin\n")
        for group_name, gid in {name: uid, **groups}.items():
            group.write(f"{group_name}:x:{gid}:\n")


class Deliverer:
    """What then stands in the mailbox, in the format of the bed, is the text and header lines of `adds`."""
    adds = ()

    def __init__(self, bed):
        self.bed = bed

    def run(self, *command, text, status=0):
        try:
            done = subprocess.run(list(map(str, command)), input=text, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=50)
        except subprocess.TimeoutExpired:
            raise Failure(f"{command[0]} did not end in 50 s") from None
        check(done.returncode == status, f"{' '.join(map(str, command))[-200:]}: status {done.returncode} {done.stdout[-500:]!r}")
        return done.stdout

    def idle(self):
        """Waits until everything that was given has been delivered."""


class Procmail(Deliverer):
    """Dotlock, then fcntl. A busy mailbox is tried again after LOCKSLEEP, 8 seconds if not said."""
    needs = "procmail"

    def __init__(self, bed):
        super().__init__(bed)
        default = "DEFAULT=/var/mail/$LOGNAME/\n" if bed.format == "maildir" else ""
        Path("/etc/procmailrc").write_text(f"LOCKSLEEP=1\n{default}")
        bed.closing(lambda: Path("/etc/procmailrc").unlink())

    def deliver(self, text):
        mail.procmail(text)


class Maildrop(Deliverer):
    """Of courier: a dotlock of its own making, then flock. Its default is a Maildir where that is a directory."""
    needs = "maildrop"

    def deliver(self, text):
        self.run("maildrop", "-f", "zoe@example.org", "-d", "alice", text=text)


class MailLocal(Deliverer):
    """Of sendmail: fcntl, then liblockfile's dotlock."""
    needs = "unshare"
    adds = ("return-path", "content-length")

    def __init__(self, bed):
        super().__init__(bed)
        # which makes the dotlock with its user's uid and its caller's groups
        self.command = [*aside(bed, "sendmail-bin"), "setpriv", "--groups=mail", "--", "/usr/libexec/sendmail/mail.local", "-f", "zoe@example.org", "alice"]

    def deliver(self, text):
        self.run(*self.command, text=text)


class Exim(Deliverer):
    """appendfile: dotlock, then fcntl, each tried and both let go."""
    needs = "unshare"
    adds = ("return-path", "envelope-to", "delivery-date", "received", "message-id", "from", "date", "sender")
    CONFIG = """primary_hostname = testbed.example.org
spool_directory = {spool}
log_file_path = {spool}/%slog
exim_path = /usr/sbin/exim4
keep_environment =
trusted_users = root
local_interfaces = 127.0.0.1
qualify_domain = example.org
domainlist local_domains = example.org
never_users =
message_size_limit = 0
begin acl
begin routers
local_user:
  driver = accept
  check_local_user
  transport = local_delivery
begin transports
local_delivery:
  driver = appendfile
  group = mail
  mode = 0660
{format}begin retry
* * F,2h,1s
"""
    FORMATS = {"mbox": """  file = /var/mail/$local_part_data
  mode_fail_narrower = false
  lock_interval = 1s
  lock_retries = 30
""", "maildir": """  directory = /var/mail/$local_part_data
  create_directory = false
  maildir_format = true
"""}

    def __init__(self, bed):
        super().__init__(bed)
        make_account("Debian-exim")
        spool = bed.dir / "exim"
        spool.mkdir(mode=0o750)
        os.chown(spool, ACCOUNTS["Debian-exim"][0], ACCOUNTS["Debian-exim"][0])
        Path("/etc/exim4").mkdir(exist_ok=True)
        Path("/etc/exim4/exim4.conf").write_text(self.CONFIG.format(spool=spool, format=self.FORMATS[bed.format]))
        bed.closing(lambda: shutil.rmtree("/etc/exim4"))
        self._aside = aside(bed, "exim4-daemon-light", "exim4-base")

    def deliver(self, text):
        self.run(*self._aside, "/usr/sbin/exim4", "-odi", "-oi", "-f", "zoe@example.org", "alice", text=text)

    def idle(self):
        """What it could not deliver at once is in its queue."""
        def empty():
            self.run(*self._aside, "/usr/sbin/exim4", "-qff", text=b"")
            return not self.run(*self._aside, "/usr/sbin/exim4", "-bp", text=b"").strip()
        until(empty, "the queue of exim to be empty", 40)


class Postfix(Deliverer):
    """local(8) behind smtpd, a private instance on loopback: fcntl, then dotlock, as Debian has it."""
    needs = "unshare"
    adds = ("return-path", "x-original-to", "delivered-to", "received", "message-id", "from", "date")
    MAIN = """compatibility_level = 3.6
queue_directory = {directory}/queue
data_directory = {directory}/data
daemon_directory = /usr/lib/postfix/sbin
command_directory = /usr/sbin
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
myhostname = testbed.example.org
mydestination = example.org
mynetworks = 127.0.0.0/8
smtpd_relay_restrictions = permit_mynetworks reject
local_recipient_maps =
alias_maps =
alias_database =
biff = no
deliver_lock_attempts = 60
maillog_file_prefixes = {directory}
maillog_file = {directory}/log
"""
    MASTER = """127.0.0.1:{port} inet n - n - - smtpd
rewrite unix - - n - - trivial-rewrite
cleanup unix n - n - 0 cleanup
qmgr unix n - n 1 1 qmgr
local unix - n n - - local
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
error unix - - n - - error
proxymap unix - - n - - proxymap
showq unix n - n - - showq
flush unix n - n 1000 0 flush
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
"""

    def __init__(self, bed):
        super().__init__(bed)
        make_account("postfix")
        uid, gids = ACCOUNTS["postfix"]
        directory = bed.dir / "postfix"
        for name in ("", "queue", "data", *(f"queue/{name}" for name in (
                "incoming active deferred bounce defer corrupt flush hold saved trace private public maildrop pid".split()))):
            (directory / name).mkdir(mode=0o755)
            if name not in ("", "queue", "queue/pid"):
                os.chown(directory / name, uid, gids["postdrop"] if name in ("queue/public", "queue/maildrop") else uid)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        config = directory / "etc"
        config.mkdir()
        spool = "mail_spool_directory = /var/mail/\n" if bed.format == "maildir" else ""       # the slash makes it a Maildir
        (config / "main.cf").write_text(self.MAIN.format(directory=directory) + spool)
        (config / "master.cf").write_text(self.MASTER.format(port=self.port))
        self._queue = directory / "queue"
        self.master = bed.daemon(*aside(bed, "postfix"), "/usr/lib/postfix/sbin/master", "-c", config, "-d",
                                 env={**server.CLEAN_ENVIRONMENT, "LD_LIBRARY_PATH": "/usr/lib/postfix", "MAIL_CONFIG": str(config)})
        until(self._answers, lambda: f"Postfix to answer: {self.master.log.read_text()[-600:]}", 20)

    def _answers(self):
        try:
            with smtplib.SMTP("127.0.0.1", self.port, timeout=10):
                return True
        except OSError:
            return False

    def deliver(self, text):
        with smtplib.SMTP("127.0.0.1", self.port, timeout=50) as smtp:
            smtp.sendmail("zoe@example.org", ["alice@example.org"], re.sub(rb"\r?\n", b"\r\n", text))

    def idle(self):
        waiting = lambda: [path for name in ("incoming", "active", "deferred") for path in (self._queue / name).rglob("*") if path.is_file()]
        until(lambda: not waiting(), "the queue of Postfix to be empty", 40)


def made(bed, name):
    """The deliverer of that name."""
    kind = ALL[name]
    if reason := bed.place.missing(kind.needs):
        raise Skip(reason)
    if bed.format == "maildir":
        bed.put(b"")                    # which not all of them make
    return kind(bed)


ALL = {"procmail": Procmail, "maildrop": Maildrop, "mail.local": MailLocal, "exim": Exim, "postfix": Postfix}


class Crowd:
    """Several deliveries at a time, one message after the other, until they are told to stop."""

    def __init__(self, deliverer, count, make_text):
        self.delivered, self.failures = [], []
        self._deliverer, self._make_text, self._next, self._lock = deliverer, make_text, 0, threading.Lock()
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._work, daemon=True) for _ in range(count)]
        for thread in self._threads:
            thread.start()

    def _number(self):
        with self._lock:
            self._next += 1
            return self._next

    def _work(self):
        while not self._stop.wait(0.02) and not self.failures:
            number = self._number()
            try:
                self._deliverer.deliver(self._make_text(number))
                self.delivered.append(number)
            except Exception as failure:
                self.failures.append(f"{number}: {failure}")

    def stop(self):
        """Returns when all that was given is in the mailbox."""
        self._stop.set()
        for thread in self._threads:
            thread.join()
        self._deliverer.idle()
