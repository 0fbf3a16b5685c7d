"""The shipped units on a booted machine: as they are, with strict.conf, and with mail in the homes."""

import contextlib
import os
import re
import shutil
import socket
import subprocess
from pathlib import Path

from lib import client, mbox, server
from lib.suite import check, each, equal, limit, needs, until
from lib.testbed import USERS

UNITS = Path(__file__).resolve().parents[2] / "units"
MACHINE = ("root", "network", "sandbox", "nspawn")
PROTOCOLS = (("pop3", "pop3"), ("pop2", "pop2"))
MAIL = mbox.mailbox(3, 500)
MESSAGES = mbox.parse(MAIL)
STRICTEST = 1.5


def shipped():
    return sorted(path.name for pattern in ("*.socket", "*.service", "*.slice") for path in UNITS.glob(pattern))


@contextlib.contextmanager
def changed(machine, name, text):
    """A file of the machine that is there meanwhile; systemd is told."""
    path = machine.path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o644)
    machine.run("systemctl", "daemon-reload")
    try:
        yield
    finally:
        path.unlink()
        if path.parent.name.endswith(".d"):
            path.parent.rmdir()
        machine.run("systemctl", "daemon-reload")


def exposure(machine, unit):
    text = machine.run("systemd-analyze", "security", "--no-pager", unit, status=None)
    return float(re.search(r"Overall exposure level for \S+: ([\d.]+)", text)[1])


def fetch_and_delete(machine, protocol, user="alice"):
    """Takes the first message and removes it."""
    talk = (client.Pop3 if protocol == "pop3" else client.Pop2)(machine.connect(protocol + "d"))
    talk.login(user, USERS[user][1])
    if protocol == "pop3":
        equal(talk.retr(1), MESSAGES[0].wire(), "message 1")
        talk.ok("DELE 1")
    else:
        equal(talk.retr(talk.read()), MESSAGES[0].wire(), "message 1")
        talk.ackd()
    talk.quit()


@needs(*MACHINE)
@limit(90)
def test_verify(bed):
    """systemd has nothing to say about any of them."""
    machine = bed.machine()
    output = machine.run("sh", "-c", "systemd-analyze verify --man=no \"$@\" 2>&1", "sh",
                         *(f"/usr/lib/systemd/system/{name}" for name in shipped()))
    equal([line for line in output.splitlines() if re.search("pop[23]|restante", line)], [], "what systemd-analyze verify says")


def test_alike(bed):
    """The services of both protocols differ in their names only."""
    plain = lambda name: re.sub("pop[23]", "pop", (UNITS / name).read_text(), flags=re.I)
    equal(plain("pop2@.service"), plain("pop3@.service"), "pop2@.service and pop3@.service")
    first = lambda name: [line for line in plain(name).split("\n# Open enough")[1].splitlines() if line]
    equal(first("pop3s@.service"), first("pop3@.service"), "the cages of pop3s@.service and pop3@.service")
    port = lambda name: re.sub(r"\b1(09|10)\b", "PORT", plain(name))
    equal(port("pop2.socket"), port("pop3.socket"), "pop2.socket and pop3.socket")


@needs(*MACHINE)
@limit(90)
@each(*PROTOCOLS)
def test_strict(bed, protocol):
    """With the strict drop-in a pam_unix login over /var/mail works, deletes, and the exposure is small."""
    machine = bed.machine()
    bed.put(MAIL)
    with changed(machine, f"/etc/systemd/system/{protocol}@.service.d/strict.conf", (UNITS / "strict.conf").read_text()):
        fetch_and_delete(machine, protocol)
        equal(bed.mailbox().read_bytes(), MESSAGES[1].raw + MESSAGES[2].raw, "the mailbox")
        score = exposure(machine, f"{protocol}@x.service")
        check(score <= STRICTEST, f"the exposure is {score}")
        until(lambda: not machine.monitors(protocol + "d"), "the session to end")


@needs(*MACHINE)
@limit(90)
@each(*PROTOCOLS)
def test_mail_in_homes(bed, protocol):
    """The service as shipped serves a mailbox in a home directory of mode 0700."""
    machine = bed.machine()
    inbox = Path("/home/alice/inbox")
    inbox.write_bytes(MAIL)
    os.chown(inbox, USERS["alice"][0], USERS["alice"][0])
    inbox.chmod(0o600)
    try:
        with changed(machine, "/etc/restante.conf", "maildrop mbox:%h/inbox\n"):
            fetch_and_delete(machine, protocol)
            equal(inbox.read_bytes(), MESSAGES[1].raw + MESSAGES[2].raw, "the mailbox")
    finally:
        inbox.unlink()


@needs(*MACHINE)
@limit(90)
def test_maildir(bed):
    """The service as shipped serves ~/Maildir."""
    machine = bed.machine()
    maildir = Path("/home/alice/Maildir")
    for folder in maildir, maildir / "new", maildir / "cur", maildir / "tmp":
        folder.mkdir(mode=0o700)
        os.chown(folder, USERS["alice"][0], USERS["alice"][0])
    message = maildir / "new/1000000000.1.host"
    message.write_bytes(MESSAGES[0].content)
    os.chown(message, USERS["alice"][0], USERS["alice"][0])
    try:
        with changed(machine, "/etc/restante.conf", "maildrop maildir:%h/Maildir\n"):
            fetch_and_delete(machine, "pop3")
            equal(list(maildir.glob("???/*host*")), [], "messages left")
    finally:
        shutil.rmtree(maildir)


@needs(*MACHINE)
@limit(90)
def test_slice(bed):
    """All connections live in the slice, whose limits systemd has taken."""
    machine = bed.machine()
    bed.put(MAIL)
    talk = client.Pop3(machine.connect("pop3d"))
    talk.login("alice", USERS["alice"][1])
    unit, = [name for name, state in machine.units("pop3@*.service").items() if state == "active"]
    equal(machine.run("systemctl", "show", "-P", "Slice", unit).strip(), "restante.slice", "the slice")
    limits = dict(line.split("=", 1) for line in machine.run("systemctl", "show", "-p", "TasksMax,MemoryHigh,MemoryMax",
                                                             "restante.slice").splitlines())
    equal(limits["TasksMax"], "8192", "TasksMax")
    check(limits["MemoryMax"].isdigit() and int(limits["MemoryHigh"]) < int(limits["MemoryMax"]), limits)
    talk.quit()


@needs("root", "network", "sandbox")
@limit(60)
def test_xinetd(bed):
    """The shipped files of xinetd.d, with the programs of this build in their places."""
    bed.without_machine()
    bed.put(MAIL)
    services = bed.dir / "xinetd.d"
    services.mkdir()
    for path in (UNITS / "xinetd").iterdir():
        (services / path.name).write_text(path.read_text().replace("/usr/local/sbin", str(bed.place.build / "sbin")))
    config = bed.dir / "xinetd.conf"
    config.write_text(f"defaults\n{{\n log_type = FILE {bed.dir}/xinetd.out\n}}\nincludedir {services}\n")
    log = open(bed.dir / "xinetd.log", "wb")
    xinetd = subprocess.Popen([server.find_xinetd(bed.unpacked()), "-dontfork", "-f", config, "-pidfile", bed.dir / "pid"],
                              stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=server.CLEAN_ENVIRONMENT, cwd="/")
    try:
        for kind, port in (client.Pop3, 110), (client.Pop2, 109):
            until(lambda: listens(port), f"xinetd to listen on {port}: {(bed.dir / 'xinetd.log').read_text()}")
            talk = kind(client.Stream.of(socket.create_connection(("127.0.0.1", port), 20)))
            talk.login("alice", USERS["alice"][1])
            talk.quit()
        check(listens(995), "nobody listens on 995")
    finally:
        xinetd.kill()
        xinetd.wait()
        log.close()


def listens(port):
    try:
        socket.create_connection(("127.0.0.1", port), 5).close()
        return True
    except ConnectionRefusedError:
        return False
