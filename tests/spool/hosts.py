"""Two hosts, one spool: clients come through HAProxy, deliverers deliver on both, and one host loses its power."""

import os
import random
import socket
import subprocess
import threading
import time

from clients import haproxy
from lib import client, hosts, mbox, server, testbed
from lib.suite import Failure, check, each, equal, limit, needs, until

OPTIONS = [f"--proxy={hosts.HERE}", "--plaintext=always", "--login-timeout=60"]
SECONDS = 14
PROCMAIL = "LOCKSLEEP=1\nLOGFILE=/dev/null\nUMASK=007\n"


def names_in(octets):
    return [line[6:].strip().decode() for line in octets.split(b"\n") if line.startswith(b"storm ")]


class Procmail(threading.Thread):
    """procmail on one host, again and again. What it was not seen to end with is neither delivered nor not."""

    def __init__(self, host, end):
        super().__init__(daemon=True)
        self.host, self.end = host, end
        self.delivered, self.unsure = [], []
        self.trouble = ""

    def run(self):
        while time.monotonic() < self.end and self.host.lives():
            name = f"{self.host.name}-procmail-{len(self.delivered) + len(self.unsure)}"
            message = mbox.message(1, f"storm {name}\n".encode() + b"x" * random.randrange(3000) + b"\n")
            try:
                code = self.host.run("procmail", "-d", "alice", data=message, seconds=30).returncode
            except subprocess.TimeoutExpired:
                code = -1
            (self.delivered if code == 0 else self.unsure).append(name)
            if code and self.host.lives():
                self.trouble = f"procmail on {self.host.name} ends with {code}"


# Takes the dotlock, then the fcntl lock, as procmail does, but waits for them more often.
AGENT = r"""
import fcntl, os, random, sys, time
path, name, end = sys.argv[1], sys.argv[2], time.monotonic() + float(sys.argv[3])
ticket, done = f"{path}.{name}", 0
while time.monotonic() < end:
    with open(ticket, "w") as file:
        file.write(f"{os.getpid()}\n")
    while True:
        try:
            os.link(ticket, f"{path}.lock")
            break
        except FileExistsError:
            time.sleep(random.uniform(0.001, 0.02))
    os.unlink(ticket)
    print("begin", f"{name}-{done}", flush=True)
    with open(path, "ab", buffering=0) as file:
        fcntl.lockf(file, fcntl.LOCK_EX)
        file.write(b"From a@example.org Mon Jan  5 10:00:00 2026\nSubject: s\n\nstorm %s-%d\n%s\n\n"
                   % (name.encode(), done, b"x" * random.randrange(3000)))
    os.unlink(f"{path}.lock")
    print("end", f"{name}-{done}", flush=True)
    done += 1
    time.sleep(random.uniform(0.02, 0.2))
"""


# Delivers into a Maildir.
TREE_AGENT = r"""
import os, random, sys, time
path, name, end = sys.argv[1], sys.argv[2], time.monotonic() + float(sys.argv[3])
os.setgid(%d); os.setuid(%d)
done = 0
while time.monotonic() < end:
    file = f"{int(time.time())}.{done}_{os.getpid()}.{name}"
    with open(f"{path}/tmp/{file}", "xb") as message:
        message.write(b"Subject: s\n\nstorm %%s-%%d\n%%s\n" %% (name.encode(), done, b"x" * random.randrange(3000)))
        message.flush(); os.fsync(message.fileno())
    print("begin", f"{name}-{done}", flush=True)
    os.rename(f"{path}/tmp/{file}", f"{path}/new/{file}")
    print("end", f"{name}-{done}", flush=True)
    done += 1
    time.sleep(random.uniform(0, 0.1))
"""


class Agent(threading.Thread):
    """A delivery agent on one host, which says what it does."""

    def __init__(self, host, seconds, script=AGENT, path="/var/mail/alice"):
        super().__init__(daemon=True)
        self.host, self.seconds, self.script, self.path = host, seconds, script, path
        self.delivered, self.unsure, self.trouble = [], [], ""

    def run(self):
        done = self.host.run("python3", "-c", self.script, self.path, f"{self.host.name}-agent", str(self.seconds))
        words = [line.split() for line in done.stdout.decode().splitlines()]
        self.delivered = [name for said, name, *_ in words if said == "end"]
        self.unsure = [name for said, name, *_ in words if said == "begin" and name not in self.delivered]
        if done.returncode and self.host.lives():
            self.trouble = done.stdout.decode()[-300:]


class Poller(threading.Thread):
    """A client that fetches and deletes through the proxy; each session counts when QUIT is answered."""

    def __init__(self, source, end):
        super().__init__(daemon=True)
        self.source, self.end = source, end
        self.fetched, self.unsure, self.sessions, self.busy, self.cut = [], [], 0, 0, 0
        self.trouble = ""

    def run(self):
        while time.monotonic() < self.end:
            seen = []
            try:
                if self.session(seen):
                    self.fetched += seen
            except (Failure, OSError) as error:         # the host is gone, or the message was not what it was
                self.unsure += seen
                self.cut += 1
                self.trouble = str(error)
            time.sleep(random.uniform(0.1, 0.5))

    def session(self, seen):
        pop = haproxy.connect(source=self.source)
        try:
            pop.ok("USER alice")
            login = pop.ask("PASS alicepw")
            if "[IN-USE]" in login:
                self.busy += 1
                return False
            check(login.startswith("+OK"), login)
            for number in range(1, pop.stat()[0] + 1):
                names = names_in(pop.retr(number))      # two where a deliverer died in the middle of the first
                if random.random() < 0.8:               # some stay between others: the update has to move
                    pop.ok(f"DELE {number}")
                    seen += names
            self.sessions += 1
            if pop.ask("QUIT").startswith("+OK"):
                return True
            self.unsure += seen
            return False
        finally:
            pop.stream.close()


def account(deliverers, pollers, left):
    """Each message exactly once. What a session without an answer to QUIT marked may be removed, or still there."""
    delivered = [name for one in deliverers for name in one.delivered]
    perhaps = {name for one in deliverers for name in one.unsure}
    fetched = [name for one in pollers for name in one.fetched]
    unsure = {name for one in pollers for name in one.unsure}
    everything = fetched + left
    lost = sorted(set(delivered) - set(everything) - unsure)
    doubled = sorted({name for name in everything if everything.count(name) > 1})
    foreign = sorted(set(everything) - set(delivered) - perhaps)
    check(not lost and not doubled and not foreign,
          f"lost {lost[:5]} ({len(lost)}), doubled {doubled[:5]} ({len(doubled)}), never delivered {foreign[:5]}")
    return len(delivered), len(fetched)


@needs("root", "network", "openssl", "procmail")
@limit(150)
@each(*hosts.ways())
def test_two_hosts(bed, way):
    """Mail is delivered and fetched on both hosts at once; one fails; nothing is lost or doubled."""
    settings = bed.place.dir / "etc/procmailrc"
    settings.write_text(PROCMAIL)
    bed._closers.append(settings.unlink)
    bed.syslog()
    site = hosts.Site(bed, way, OPTIONS)
    path = site.put(b"")
    haproxy.haproxy(bed)
    end = time.monotonic() + SECONDS
    deliverers = [one for host in site.hosts for one in (Procmail(host, end), Agent(host, SECONDS))]
    pollers = [Poller(f"127.0.0.{number}", end) for number in range(1, 4)]
    for thread in deliverers + pollers:
        thread.start()
    time.sleep(5)
    site.hosts[0].fail()
    forget_lock(path)
    for thread in deliverers + pollers:
        thread.join(100)
        check(not thread.is_alive(), f"{thread} hangs")
    pop = haproxy.connect()
    pop.login("alice", "alicepw")                       # recovers what there may be to recover
    pop.quit()
    delivered, fetched = account(deliverers, pollers, names_in(path.read_bytes()))
    sessions = sum(one.sessions for one in pollers)
    print(f"    hosts/{way}: delivered {delivered}, sessions {sessions}, fetched {fetched}, "
          f"cut {sum(one.cut for one in pollers)}, in use {sum(one.busy for one in pollers)}")
    check(delivered > 20 and sessions > 1, f"too little happened: {delivered} messages, {sessions} sessions; "
          f"{[one.trouble for one in deliverers + pollers]}")


@needs("root", "network", "openssl")
@limit(120)
@each(*hosts.ways())
def test_two_hosts_and_a_maildir(bed, way):
    """The same with a directory for each maildrop: no lock but the session's, and a file for each message."""
    bed.syslog()
    site = hosts.Site(bed, way, [*OPTIONS, "--maildrop=maildir:/var/mail/%u.d"])
    tree, uid = site.mail / "alice.d", testbed.USERS["alice"][0]
    for folder in tree, tree / "cur", tree / "new", tree / "tmp":
        folder.mkdir(mode=0o700)
        os.chown(folder, uid, uid)
    haproxy.haproxy(bed)
    end = time.monotonic() + 9
    deliverers = [Agent(host, 9, TREE_AGENT % (uid, uid), "/var/mail/alice.d") for host in site.hosts]
    clients = 1 if way == "fuse" else 3                 # within a host bindfs keeps no two sessions apart
    pollers = [Poller(f"127.0.0.{number}", end) for number in range(1, 1 + clients)]
    for thread in deliverers + pollers:
        thread.start()
    time.sleep(4)
    site.hosts[0].fail()
    for thread in deliverers + pollers:
        thread.join(90)
        check(not thread.is_alive(), f"{thread} hangs")
    left = [name for folder in ("new", "cur") for file in (tree / folder).iterdir() for name in names_in(file.read_bytes())]
    delivered, fetched = account(deliverers, pollers, left)
    sessions = sum(one.sessions for one in pollers)
    print(f"    hosts/{way}, maildir: delivered {delivered}, sessions {sessions}, fetched {fetched}, "
          f"cut {sum(one.cut for one in pollers)}, in use {sum(one.busy for one in pollers)}")
    check(delivered > 20 and sessions > 1, f"too little happened: {[one.trouble for one in deliverers + pollers]}")


def inode_of(path):
    try:
        return os.stat(path).st_ino
    except FileNotFoundError:
        return None


def forget_lock(path, seconds=5):
    """A dotlock that a dead host has left is believed for ten minutes: if there is one, let them be over."""
    lock = path.with_name(f"{path.name}.lock")
    left, end = inode_of(lock), time.monotonic() + seconds
    while left is not None and inode_of(lock) == left:
        if time.monotonic() > end:                      # no living process holds it for so long
            old = time.time() - 700
            os.utime(lock, (old, old))
            return
        time.sleep(0.01)


def login(host, patience=60):
    """A session at this very host: the client and the answer to PASS."""
    sock = socket.create_connection((host.address, 110))
    pop = client.Pop3(client.Stream.of(sock))
    pop.ok("USER alice")
    pop.send("PASS alicepw")
    return pop, pop.stream.take_line(patience).decode().rstrip("\r\n")


def interrupt(site, mail):
    """Lets the first host remove the first message of a large maildrop, slowly, and fail meanwhile."""
    path = site.put(mail)
    pop, _ = login(site.hosts[1])                       # so that the second knows it as it was before
    pop.quit()
    pop, answer = login(site.hosts[0])
    check(answer.startswith("+OK"), answer)
    pop.ok("DELE 1")
    rooms = [f"--attach={pid}" for pid in server.descendants(site.hosts[0].pid)]
    brake = subprocess.Popen(["strace", "-f", "-e", "trace=fdatasync", "-e", "inject=fdatasync:delay_exit=200000", *rooms],
                             stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    check(b"attached" in brake.stderr.readline(), "strace attaches to nothing")
    before = os.stat(path).st_mtime_ns
    pop.send("QUIT")
    until(lambda: os.stat(path).st_mtime_ns != before, "the update to begin", 20)
    time.sleep(0.3)
    site.hosts[0].fail()
    brake.stderr.close()
    brake.wait(20)
    pop.stream.close()
    return path


@needs("root", "network", "strace")
@limit(150)
@each(*hosts.ways(), ("cached", "cached"))
def test_host_fails_in_its_update(bed, way):
    """The other host finishes what is pending, once the lock of the dead one counts no more; not an octet is wrong."""
    log = bed.syslog()
    mail = mbox.mailbox(1, 1_000_000) + mbox.mailbox(100, 700_000)
    left = b"".join(message.raw for message in mbox.parse(mail)[1:])
    site = hosts.Site(bed, way, ["--plaintext=always"])
    path = interrupt(site, mail)
    found = path.read_bytes()
    check(found not in (mail, left), "the host failed too early or too late")
    lock = path.with_name("alice.lock")
    equal(lock.read_text().split("\n")[1], "one", "whose lock was left")
    if way == "same":                                   # it takes half a minute
        _, answer = login(site.hosts[1])
        check(answer.startswith("-ERR [IN-USE]"), f"a lock of another host is not believed: {answer}")
        equal(path.read_bytes() == found, True, "the mailbox is not touched meanwhile")
    forget_lock(path, 0)
    more = mbox.message(1)
    with open(path, "ab") as file:
        file.write(more)
    pop, answer = login(site.hosts[1])
    check(answer.startswith("+OK maildrop has 101 messages"), answer)
    pop.quit()
    equal(path.read_bytes() == left + more, True, "every octet that was to stay is there, and no other")
    until(lambda: any("an interrupted update was finished" in line for line in log), f"the log: {log}")
    check(not lock.exists(), "a lock is left")


@needs("root", "network")
@each(("first_deleted", [1]), ("last_deleted", [3]), ("all_deleted", [1, 2, 3]))
def test_mail_that_this_host_does_not_see_yet(bed, deleted):
    """What another host has delivered is kept by an update here, although size and times cached here do not tell of it."""
    bed.syslog()
    site = hosts.Site(bed, "cached", ["--plaintext=always"], names=("one",))
    path = site.put(mbox.mailbox(3))
    pop, answer = login(site.hosts[0])
    check(answer.startswith("+OK maildrop has 3 messages"), answer)
    more = mbox.message(4)
    with open(path, "ab") as file:
        file.write(more)
    seen = site.hosts[0].run("stat", "-c", "%s", "/var/mail/alice").stdout
    equal(int(seen), len(mbox.mailbox(3)), "the size that this host believes in")
    for number in deleted:
        pop.ok(f"DELE {number}")
    pop.quit()
    left = [message.raw for number, message in enumerate(mbox.parse(mbox.mailbox(3)), 1) if number not in deleted]
    equal(path.read_bytes(), b"".join(left) + more, "mailbox")


@needs("root", "network")
def test_a_mailbox_left_alone_is_read_under_the_dotlock(bed):
    """However old its times are: they may be cached."""
    bed.syslog()
    site = hosts.Site(bed, "fuse", ["--plaintext=always"], names=("one",))
    path = site.put(mbox.mailbox(3))
    time.sleep(2.2)
    before = path.parent.stat().st_mtime_ns
    pop, answer = login(site.hosts[0])
    check(answer.startswith("+OK maildrop has 3 messages"), answer)
    pop.quit()
    check(path.parent.stat().st_mtime_ns != before, "no dotlock was made beside the mailbox")


@needs("root", "network")
def test_message_that_another_host_has_rewritten(bed):
    """It is not sent from what is cached here, and no half of it is."""
    bed.syslog()
    site = hosts.Site(bed, "cached", ["--plaintext=always"], names=("one",))
    path = site.put(mbox.mailbox(3))
    pop, answer = login(site.hosts[0])
    check(answer.startswith("+OK maildrop has 3 messages"), answer)
    pop.retr(2)
    mail = path.read_bytes()
    first, second, *_ = mbox.parse(mail)
    at = len(first.raw) + second.raw.index(b"\n\n") + 2
    with open(path, "r+b") as file:
        file.seek(at)
        file.write(b"~")
    check("[SYS/TEMP] message has changed" in pop.err("RETR 2"), "it is sent")
    pop.retr(3)
    pop.quit()
