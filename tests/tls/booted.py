"""pop3s.socket and STLS on the booted machine, with the shipped units."""

import contextlib
import re
from pathlib import Path

from lib import client, mbox, tls
from lib.suite import check, equal, limit, needs, until
from lib.testbed import USERS

UNITS = Path(__file__).resolve().parents[2] / "units"
MACHINE = ("root", "network", "sandbox", "nspawn", "openssl")
MAIL = mbox.mailbox(3, 500)
PORT = 995


@contextlib.contextmanager
def files(bed, *pairs):
    """(file of the machine, certificate or key, mode) that are there meanwhile."""
    machine, sources = bed.machine(), bed.place.authority().certificate("chain")
    paths = []
    try:
        for name, text, mode in pairs:
            path = machine.path(name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text if isinstance(text, str) else sources[text].read_text())
            path.chmod(mode)
            paths.append(path)
        yield machine
    finally:
        for path in paths:
            path.unlink()


def session(bed, pop):
    """Fetches and deletes the first message of alice."""
    pop.login("alice", USERS["alice"][1])
    messages = mbox.parse(MAIL)
    equal(pop.retr(1), messages[0].wire(), "message 1")
    pop.ok("DELE 1")
    pop.quit()
    equal(bed.mailbox().read_bytes(), messages[1].raw + messages[2].raw, "mailbox")


@needs(*MACHINE)
@limit(90)
def test_port_995_with_credentials(bed):
    """The key from /etc/credstore, which the service alone can read."""
    bed.put(MAIL)
    with files(bed, ("/etc/credstore/restante.crt", 0, 0o644), ("/etc/credstore/restante.key", 1, 0o600)) as machine:
        machine.run("systemctl", "start", "pop3s.socket")
        try:
            since = machine.mark()
            session(bed, client.Pop3(tls.secure(machine.connect(port=PORT), bed)))
            login = until(lambda: [line for line in machine.log(since, "pop3d") if line.startswith("login: ")], "the login's line")
            check(re.fullmatch(r'login: peer=127\.0\.0\.1 tls=TLSv1\.3 cipher=\S+ method=PASS user="alice"', login[0]), login[0])
        finally:
            machine.run("systemctl", "stop", "pop3s.socket")


@needs(*MACHINE)
@limit(90)
def test_both_ports_by_the_configuration(bed):
    """cert and key in /etc/restante.conf serve STLS on 110 and port 995."""
    conf = "cert /etc/ssl/certs/pop.pem\nkey /etc/ssl/private/pop.pem\n"
    with files(bed, ("/etc/restante.conf", conf, 0o644), ("/etc/ssl/certs/pop.pem", 0, 0o644),
               ("/etc/ssl/private/pop.pem", 1, 0o640)) as machine:
        machine.run("systemctl", "start", "pop3s.socket")
        try:
            bed.put(MAIL)
            session(bed, client.Pop3(tls.secure(machine.connect(port=PORT), bed)))
            bed.put(MAIL)
            pop = client.Pop3(machine.connect())
            pop.stls(bed)
            session(bed, pop)
        finally:
            machine.run("systemctl", "stop", "pop3s.socket")


@needs(*MACHINE)
@limit(90)
def test_port_995_without_a_certificate(bed):
    """A wrong configuration: the log says what to do, the client gets nothing."""
    machine = bed.machine()
    machine.run("systemctl", "start", "pop3s.socket")
    try:
        since = machine.mark()
        equal(machine.connect(port=PORT).take_all(), b"", "what the client got")
        until(lambda: "--tls: name the certificate with --cert" in machine.log(since, "pop3d"), "the line in the log")
    finally:
        machine.run("systemctl", "stop", "pop3s.socket")
        machine.run("systemctl", "reset-failed")


def test_alike(bed):
    """The units of both ports differ in what TLS needs only."""
    socket, service = (UNITS / "pop3s.socket").read_text(), (UNITS / "pop3s@.service").read_text()
    equal(socket.replace("995", "110").replace(" over TLS", ""), (UNITS / "pop3.socket").read_text(), "pop3s.socket")
    service = service.replace(" over TLS", "").replace("pop3d --tls", "pop3d")
    service = re.sub(r"\n# Certificate and key:(.*\n)+?LoadCredential=restante.key\n", "", service)
    equal(service, (UNITS / "pop3@.service").read_text(), "pop3s@.service")
